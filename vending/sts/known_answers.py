"""Published answers that this package must reproduce before it is trusted with money.

Sources: RFC 2994 (MISTY1); FIPS 81, table B1 (DES); the worked block of IEC 62055-41 (STA with the sample tables); the
STS Association's page on the TID (CRC) and its compliance keys (DKGA 02; DKGA 04 for EA 7 and EA 11); STS 531-1-07 and
STS 531-1-11 Edition 2.2, CTSA01 (tokens).
"""

from collections.abc import Callable, Mapping
from typing import Any

from vending.sts.bulk import LEAST_BATCH, decode_tokens, encode_credits
from vending.sts.ciphers import DEA, MISTY1, Cipher, sta
from vending.sts.crc import token_crc
from vending.sts.credit import ELECTRICITY, UnitCredit, decode_credit, encode_credit
from vending.sts.decoder_keys import derive_decoder_key
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables

_MISTY1_DECODER_KEY = bytes.fromhex("00112233445566778899aabbccddeeff")
_MISTY1_PLAIN, _MISTY1_CIPHERED = 0x0123456789ABCDEF, 0x8B1DA5F56AB3D07C

_DES_KEY = bytes.fromhex("0123456789abcdef")
_DES_PLAIN, _DES_CIPHERED = 0x4E6F772069732074, 0x3FA40E8A984D4815

_STA_DECODER_KEY = bytes.fromhex("0abc12def3456789")
_STA_PLAIN, _STA_CIPHERED = 0x0B19EB230100C207, 0xC45ED1619406DF95

_CRC_BODY, _CRC = 0x05C02A552710, 0x1970  # electricity, RND 5, TID 12593749, amount 10000

_VENDING_KEY_02 = bytes.fromhex("abababababababab")
_VENDING_KEY_04 = bytes.fromhex("abababababababab949494949494949401234567")
_METER: Mapping[str, Any] = {"base_date": "14", "meter_pan": "600727000000000009", "krn": 1, "kt": 2, "ti": 1}
_DECODER_KEY_02_EA07 = bytes.fromhex("e653341f9d5bf36f")
_DECODER_KEY_04_EA07 = bytes.fromhex("87f3ecbb2e46b48f")
_DECODER_KEY_04_EA11 = bytes.fromhex("929bd3a415c9420a05ec5ee9f3ce91c3")

# 0.1 kWh on 1 March 2014, 13:00
_CREDIT = UnitCredit(subclass=ELECTRICITY, tid=85_740, rnd=5, amount_field=1)
_DIGITS_EA07 = "70630503470028726114"
_DIGITS_EA11 = "58625789986991357486"

Check = Callable[[], bool]


def wrong_answers(sta_tables: StaTables = SAMPLE_TABLES) -> list[str]:
    """The names of the checks that do not give the published answer; empty when all is well.

    `sta_tables` are those that this installation works with: neither the standard's samples nor those of real meters
    is an answer of its own, and under the latter a published token of EA07 has to come out too.
    """
    return [name for name, check in _checks(sta_tables).items() if not _passes(check)]


def _checks(sta_tables: StaTables) -> dict[str, Check]:
    checks: dict[str, Check] = {
        "MISTY1": lambda: _block_fits(MISTY1, _MISTY1_DECODER_KEY, _MISTY1_PLAIN, _MISTY1_CIPHERED),
        "DEA": lambda: _block_fits(DEA, _DES_KEY, _DES_PLAIN, _DES_CIPHERED),
        "STA": lambda: _block_fits(sta(SAMPLE_TABLES), _STA_DECODER_KEY, _STA_PLAIN, _STA_CIPHERED),
        "CRC": lambda: token_crc(0, _CRC_BODY) == _CRC,
        "DKGA02": lambda: _decoder_key(2, 7, "123456", _VENDING_KEY_02) == _DECODER_KEY_02_EA07,
        "DKGA04 for EA07": lambda: _decoder_key(4, 7, "201457", _VENDING_KEY_04) == _DECODER_KEY_04_EA07,
        "DKGA04 for EA11": lambda: _decoder_key(4, 11, "201457", _VENDING_KEY_04) == _DECODER_KEY_04_EA11,
        "credit token under EA11": lambda: _credit_fits(MISTY1, _DECODER_KEY_04_EA11, _DIGITS_EA11),
        "EA07 tables": lambda: sta_tables == SAMPLE_TABLES or sta_tables.is_operational,
    }
    if isinstance(sta_tables, StaTables) and sta_tables.is_operational:
        checks["credit token under EA07"] = lambda: _credit_fits(sta(sta_tables), _DECODER_KEY_04_EA07, _DIGITS_EA07)
    return checks


def _passes(check: Check) -> bool:
    try:
        return check()
    except Exception:  # a wrong cipher makes a wrong CRC, a broken library anything
        return False


def _block_fits(cipher: Cipher, decoder_key: bytes, plain: int, ciphered: int) -> bool:
    return cipher.encrypt(decoder_key, plain) == ciphered and cipher.decrypt(decoder_key, ciphered) == plain


def _decoder_key(dkga: int, ea: int, sgc: str, vending_key: bytes) -> bytes:
    return derive_decoder_key(dkga=dkga, secret=vending_key, ea=ea, sgc=sgc, **_METER)


def _credit_fits(cipher: Cipher, decoder_key: bytes, digits: str) -> bool:
    made = encode_credit(
        subclass=_CREDIT.subclass,
        tid=_CREDIT.tid,
        rnd=_CREDIT.rnd,
        amount_field=_CREDIT.amount_field,
        cipher=cipher,
        decoder_key=decoder_key,
    )
    read = decode_credit(digits, cipher=cipher, decoder_key=decoder_key)
    return made == digits and read == _CREDIT and _many_fit(cipher, decoder_key, digits)


def _many_fit(cipher: Cipher, decoder_key: bytes, digits: str) -> bool:
    """The same in bulk, which has its own way through the cipher."""
    many, decoder_keys = range(LEAST_BATCH), [decoder_key] * LEAST_BATCH
    made = encode_credits([_CREDIT for _ in many], cipher=cipher, decoder_keys=decoder_keys)
    read = decode_tokens([digits for _ in many], cipher=cipher, decoder_keys=decoder_keys)
    return made == [digits for _ in many] and read == [_CREDIT for _ in many]
