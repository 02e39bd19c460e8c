"""Published answers that this package must reproduce before it is trusted with money.

Sources: RFC 2994 (MISTY1), the STS Association's compliance key (DKGA 04 for EA 11), STS 531-1-11 Edition 2.2, CTSA01
(token).
"""

from collections.abc import Callable, Mapping

from vending.sts import misty1
from vending.sts.credit import ELECTRICITY, UnitCredit, decode_credit, encode_credit
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.errors import StsError

_RFC_2994_DECODER_KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
_RFC_2994_PLAIN, _RFC_2994_CIPHERED = 0x0123456789ABCDEF, 0x8B1DA5F56AB3D07C

_PUBLISHED_VENDING_KEY = bytes.fromhex("abababababababab949494949494949401234567")
_PUBLISHED_DECODER_KEY = bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")
_PUBLISHED_DIGITS = "58625789986991357486"
# 0.1 kWh on 1 March 2014, 13:00
_PUBLISHED_CREDIT = UnitCredit(subclass=ELECTRICITY, tid=85_740, rnd=5, amount_field=1)


def _misty1_fits() -> bool:
    return (
        misty1.encrypt(_RFC_2994_DECODER_KEY, _RFC_2994_PLAIN) == _RFC_2994_CIPHERED
        and misty1.decrypt(_RFC_2994_DECODER_KEY, _RFC_2994_CIPHERED) == _RFC_2994_PLAIN
    )


def _dkga04_fits() -> bool:
    made = derive_decoder_key(
        dkga=4,
        secret=_PUBLISHED_VENDING_KEY,
        base_date="14",
        ea=11,
        meter_pan="600727000000000009",
        sgc="201457",
        krn=1,
        kt=2,
        ti=1,
    )
    return made == _PUBLISHED_DECODER_KEY


def _credit_fits() -> bool:
    made = encode_credit(
        subclass=_PUBLISHED_CREDIT.subclass,
        tid=_PUBLISHED_CREDIT.tid,
        rnd=_PUBLISHED_CREDIT.rnd,
        amount_field=_PUBLISHED_CREDIT.amount_field,
        ea=11,
        decoder_key=_PUBLISHED_DECODER_KEY,
    )
    read = decode_credit(_PUBLISHED_DIGITS, ea=11, decoder_key=_PUBLISHED_DECODER_KEY)
    return made == _PUBLISHED_DIGITS and read == _PUBLISHED_CREDIT


_CHECKS: Mapping[str, Callable[[], bool]] = {
    "MISTY1": _misty1_fits,
    "DKGA04": _dkga04_fits,
    "credit token under EA11": _credit_fits,
}


def wrong_answers() -> list[str]:
    """The names of the checks that do not give the published answer; empty when all is well."""
    return [name for name, check in _CHECKS.items() if not _passes(check)]


def _passes(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except StsError:  # a wrong cipher makes a wrong CRC
        return False
