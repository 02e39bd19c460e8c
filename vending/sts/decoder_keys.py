"""Decoder keys: what a vending key becomes for one meter (IEC 62055-41, decoder key generation algorithms).

DKGA 01 to 03 mix two 64-bit blocks, the meter's number and the key's attributes, with DES; DKGA 04 is a KDF. Only 02
and 04 are proved by public vectors (see `verified`). The formulas hold for any octets; that those of a DES key have
odd parity is `check_parity`, which custody asks when a vending key is loaded.
"""

import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from vending.sts import dea
from vending.sts.base_dates import BaseDate
from vending.sts.ciphers import KEY_OCTETS
from vending.sts.errors import UnsupportedAlgorithm, VendingKeyMalformed, VendingKeyParityWrong
from vending.sts.identifiers import KeyRevisionNumber, KeyType, SupplyGroupCode, TariffIndex, check_pan_is_intact

VENDING_KEY_OCTETS: Mapping[int, int] = {1: 8, 2: 8, 3: 16, 4: 20}

_DES_DKGAS = (1, 2, 3)
_DES_KEY_OCTETS = 8

# What stands for the meter's number under a common key, whatever the length of its DRN (IEC 62055-41:2018).
_COMMON_PAN = "600727000000000009"

Derivation = Callable[[bytes, str], bytes]  # of a vending key and a MeterPAN


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What attributes make of a DKGA. It holds no secret and no meter, so a fleet needs few and they are kept."""

    vending_key_octets: int
    derive: Derivation
    is_common: bool


def derive_decoder_key(
    *, dkga: int, secret: bytes, base_date: str, ea: int, meter_pan: str, sgc: str, krn: int, kt: int, ti: int
) -> bytes:
    """The decoder key of one meter, of as many octets as its EA takes: 8 for EA 7 and 9, 16 for EA 11.

    `secret` and `base_date` ("93", "14" or "35") are the vending key's; DKGA 01 to 03 make nothing of the base date.
    Refuses wrong attributes (`KeyAttributeInvalid`), a wrong MeterPAN (`MeterNumberInvalid`, `CheckDigitWrong`), a
    vending key of another length (`VendingKeyMalformed`), and a DKGA, an EA, or a pair of them, that makes no key
    (`UnsupportedAlgorithm`).
    """
    try:
        recipe = _recipe_of(dkga, base_date, ea, sgc, krn, kt, ti)
    except TypeError:  # a list or the like, which the cache cannot look up: let the checks name it
        recipe = _recipe_of.__wrapped__(dkga, base_date, ea, sgc, krn, kt, ti)
    check_pan_is_intact(meter_pan)
    _check_octets(secret, recipe.vending_key_octets)
    return recipe.derive(secret, _COMMON_PAN if recipe.is_common else meter_pan)


def check_parity(dkga: int, secret: bytes) -> None:
    """Refuse a DES key with an octet of even parity (`VendingKeyParityWrong`): it was mistyped.

    The vending keys of DKGA 01 to 03 are DES keys; that of DKGA 04 has no parity. `UnsupportedAlgorithm` for another
    DKGA, `VendingKeyMalformed` for another length.
    """
    _check_dkga(dkga)
    _check_octets(secret, VENDING_KEY_OCTETS[dkga])
    if dkga in _DES_DKGAS and not all(octet.bit_count() & 1 for octet in secret):
        raise VendingKeyParityWrong("an octet of the vending key has even parity", field="secret")


def check_pair(dkga: int, ea: int) -> None:
    """Refuse a DKGA or an EA that does not exist, and a DKGA without decoder keys for this EA (`UnsupportedAlgorithm`).

    DKGA 01 to 03 make 8 octets, which is no key for EA 11.
    """
    _check_dkga(dkga)
    if not isinstance(ea, int) or ea not in KEY_OCTETS:
        raise UnsupportedAlgorithm("EA is 7, 9 or 11", field="ea")
    if dkga in _DES_DKGAS and KEY_OCTETS[ea] != _DES_KEY_OCTETS:
        raise UnsupportedAlgorithm(f"DKGA {dkga:02d} makes no decoder key for EA {ea:02d}", field="ea")


def _check_dkga(dkga: int) -> None:
    if not (isinstance(dkga, int) and dkga in VENDING_KEY_OCTETS) or isinstance(dkga, bool):
        raise UnsupportedAlgorithm("DKGA is 1, 2, 3 or 4", field="dkga")


def _check_octets(secret: bytes, octets: int) -> None:
    if not isinstance(secret, bytes) or len(secret) != octets:
        raise VendingKeyMalformed(f"a vending key of this DKGA has {octets} octets", field="secret")


@lru_cache(maxsize=1024, typed=True)  # typed, since 1, True and 1.0 are equal
def _recipe_of(dkga: int, base_date: str, ea: int, sgc: str, krn: int, kt: int, ti: int) -> _Recipe:
    check_pair(dkga, ea)
    attributes = (SupplyGroupCode(sgc), KeyRevisionNumber(krn), KeyType.of(kt), TariffIndex(ti))
    base = BaseDate.of(base_date)
    if dkga not in _DES_DKGAS:
        derive = _dkga04(base, ea, *attributes)
    else:
        derive = _DES_DERIVATIONS[dkga](control_block(*attributes))
    return _Recipe(VENDING_KEY_OCTETS[dkga], derive, attributes[2] is KeyType.DCTK)


def control_block(sgc: SupplyGroupCode, krn: KeyRevisionNumber, kt: KeyType, ti: TariffIndex) -> int:
    """CONTROLBlock, 16 hexadecimal digits: KT, SGC (6), TI (2), KRN, and F in the six that are left."""
    return int(f"{kt:d}{sgc}{ti:02d}{krn:d}FFFFFF", 16)


def _block(meter_pan: str, control: int) -> int:
    """PANBlock XOR CONTROLBlock. PANBlock is the PAN without its first and last digit, read as hexadecimal digits."""
    return int(meter_pan[1:17], 16) ^ control


def _dkga01(control: int) -> Derivation:
    """DES with the block as its key and the vending key as its data, XOR the vending key."""

    def derive(secret: bytes, meter_pan: str) -> bytes:
        vending_key = int.from_bytes(secret, "big")
        block = _block(meter_pan, control).to_bytes(8, "big")
        return (dea.encrypt(block, vending_key) ^ vending_key).to_bytes(8, "big")

    return derive


def _dkga02(control: int) -> Derivation:
    """DES of the block under the vending key, XOR both: no chaining."""

    def derive(secret: bytes, meter_pan: str) -> bytes:
        block = _block(meter_pan, control)
        return (dea.encrypt(secret, block) ^ block ^ int.from_bytes(secret, "big")).to_bytes(8, "big")

    return derive


def _dkga03(control: int) -> Derivation:
    """Triple DES of the block with the two halves of the vending key, XOR the block."""

    def derive(secret: bytes, meter_pan: str) -> bytes:
        block = _block(meter_pan, control)
        return (dea.encrypt_twice_keyed(secret, block) ^ block).to_bytes(8, "big")

    return derive


_DES_DERIVATIONS: Mapping[int, Callable[[int], Derivation]] = {1: _dkga01, 2: _dkga02, 3: _dkga03}


def _dkga04(
    base: BaseDate, ea: int, sgc: SupplyGroupCode, krn: KeyRevisionNumber, kt: KeyType, ti: TariffIndex
) -> Derivation:
    """The leftmost bits of HMAC-SHA-256: the feedback KDF of NIST SP 800-108 with one step, no IV and no counter."""
    before, after = kdf_input(base, ea, sgc, krn, kt, ti)
    octets = KEY_OCTETS[ea]

    def derive(secret: bytes, meter_pan: str) -> bytes:
        return hmac.digest(secret, before + meter_pan.encode() + after, "sha256")[:octets]

    return derive


def kdf_input(
    base: BaseDate, ea: int, sgc: SupplyGroupCode, krn: KeyRevisionNumber, kt: KeyType, ti: TariffIndex
) -> tuple[bytes, bytes]:
    """What the KDF of DKGA 04 takes before and behind the MeterPAN.

    Label and context are counted lists of length-prefixed ASCII strings with a zero octet between them; the wanted
    length follows in bits, 4 octets: 04 | DKGA, base date, EA, TI | 00 | 04 | SGC, KT, KRN, PAN | length.
    """
    label = _counted("04", base, f"{ea:02d}", f"{ti:02d}")
    context = _counted(sgc, f"{kt:d}", f"{krn:d}", _COMMON_PAN)
    return label + b"\0" + context[: -len(_COMMON_PAN)], (KEY_OCTETS[ea] * 8).to_bytes(4, "big")


def _counted(*texts: str) -> bytes:
    return bytes([len(texts)]) + b"".join(bytes([len(text)]) + text.encode() for text in texts)
