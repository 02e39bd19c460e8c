"""Decoder keys: what a vending key becomes for one meter (IEC 62055-41, decoder key generation algorithms).

One row in `_DERIVATIONS` is all that another DKGA needs.
"""

import hmac
from collections.abc import Callable, Mapping
from functools import lru_cache

from vending.sts.base_dates import BaseDate
from vending.sts.ciphers import cipher_of
from vending.sts.errors import UnsupportedAlgorithm, VendingKeyMalformed
from vending.sts.identifiers import KeyRevisionNumber, KeyType, SupplyGroupCode, TariffIndex, check_pan_is_intact

Derivation = Callable[[bytes, str, int, str, str, int, int, int], bytes]

_DKGA04_VENDING_KEY_OCTETS = 20


def derive_decoder_key(
    *, dkga: int, secret: bytes, base_date: str, ea: int, meter_pan: str, sgc: str, krn: int, kt: int, ti: int
) -> bytes:
    """The decoder key of one meter, of as many octets as its EA takes (16 for EA 11).

    `secret` and `base_date` ("93", "14" or "35") are the vending key's. Refuses wrong attributes
    (`KeyAttributeInvalid`), a wrong MeterPAN (`MeterNumberInvalid`, `CheckDigitWrong`), a vending key of another
    length (`VendingKeyMalformed`), and a DKGA or EA that is not computed here (`UnsupportedAlgorithm`).
    """
    derivation = _DERIVATIONS.get(dkga)
    if derivation is None:
        raise UnsupportedAlgorithm(f"DKGA {dkga} is not supported", field="dkga")
    check_pan_is_intact(meter_pan)
    return derivation(secret, base_date, ea, meter_pan, sgc, krn, kt, ti)


def _dkga04(secret: bytes, base_date: str, ea: int, meter_pan: str, sgc: str, krn: int, kt: int, ti: int) -> bytes:
    """The leftmost bits of HMAC-SHA-256: the feedback KDF of NIST SP 800-108 with one step, no IV and no counter."""
    if len(secret) != _DKGA04_VENDING_KEY_OCTETS:
        raise VendingKeyMalformed(f"DKGA 04 takes a vending key of {_DKGA04_VENDING_KEY_OCTETS} octets", field="secret")
    before, after, octets = _dkga04_input(base_date, ea, sgc, krn, kt, ti)
    return hmac.digest(secret, before + meter_pan.encode() + after, "sha256")[:octets]


@lru_cache(maxsize=1024)  # the few attributes that a fleet has; no secret and no meter among them
def _dkga04_input(base_date: str, ea: int, sgc: str, krn: int, kt: int, ti: int) -> tuple[bytes, bytes, int]:
    """The KDF's input before and behind the MeterPAN, and the octets wanted.

    Label and context are counted lists of length-prefixed ASCII strings with a zero octet between them; the wanted
    length follows in bits, 4 octets: 04 | DKGA, base date, EA, TI | 00 | 04 | SGC, KT, KRN, PAN | length.
    """
    octets = cipher_of(ea).key_octets
    label = _counted("04", BaseDate.of(base_date), f"{ea:02d}", f"{TariffIndex(ti):02d}")
    context = _counted(SupplyGroupCode(sgc), f"{KeyType.of(kt):d}", f"{KeyRevisionNumber(krn):d}", "0" * 18)
    return label + b"\0" + context[:-18], (octets * 8).to_bytes(4, "big"), octets


def _counted(*texts: str) -> bytes:
    return bytes([len(texts)]) + b"".join(bytes([len(text)]) + text.encode() for text in texts)


_DERIVATIONS: Mapping[int, Derivation] = {4: _dkga04}
