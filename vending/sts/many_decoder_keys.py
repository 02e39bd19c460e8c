"""The decoder keys of many meters under one vending key: what `decoder_keys` answers, several times faster.

What is the same for all meters is done once. DKGA 04: the two blocks of HMAC that hold the vending key (RFC 2104) are
hashed once, and each meter goes on from a copy: 0.6 us instead of the 1.5 of `hmac.digest`. DKGA 02: one call of the
cipher has all blocks. What is out of the ordinary goes one by one, so that every refusal has one place.
"""

import hashlib
from collections.abc import Sequence

from Crypto.Cipher import DES

from vending.sts.base_dates import BaseDate
from vending.sts.check_digits import luhn_digit
from vending.sts.ciphers import KEY_OCTETS
from vending.sts.decoder_keys import control_block, derive_decoder_key, kdf_input
from vending.sts.fields import check_list
from vending.sts.identifiers import KeyRevisionNumber, KeyType, SupplyGroupCode, TariffIndex
from vending.sts.slices import columns_in, difference

_PAN_DIGITS = 18
_HASH_BLOCK_OCTETS = 64
_INNER, _OUTER = (bytes(octet ^ pad for octet in range(256)) for pad in (0x36, 0x5C))

# What a digit adds to the check of its number, where it is doubled and where it is not: read off the check digits of
# the numbers that have no other digit. The check fits where the sum is a multiple of ten.
_LUHN = tuple(
    bytes(int(luhn_digit(f"{octet:c}{behind}")) if octet in b"0123456789" else 0 for octet in range(256))
    for behind in ("", "0")
)
_MULTIPLES_OF_TEN = bytes(range(0, 256, 10))


def derive_decoder_keys(
    *,
    dkga: int,
    secret: bytes,
    base_date: str,
    ea: int,
    meter_pans: Sequence[str],
    sgc: str,
    krn: int,
    kt: int,
    ti: int,
) -> list[bytes]:
    """`derive_decoder_key` of each MeterPAN, all else being equal; its errors, for the first meter that is wrong.

    `FieldOutOfRange` for `meter_pans` that are no list.
    """

    def alone(meter_pan: str) -> bytes:
        return derive_decoder_key(
            dkga=dkga,
            secret=secret,
            base_date=base_date,
            ea=ea,
            meter_pan=meter_pan,
            sgc=sgc,
            krn=krn,
            kt=kt,
            ti=ti,
        )

    check_list(meter_pans, "meter_pans")
    first = [alone(meter_pan) for meter_pan in meter_pans[:1]]  # refuses all that is wrong but another MeterPAN
    if kt == KeyType.DCTK or dkga not in (2, 4) or not _are_intact(meter_pans):
        return first + [alone(meter_pan) for meter_pan in meter_pans[1:]]
    attributes = SupplyGroupCode(sgc), KeyRevisionNumber(krn), KeyType.of(kt), TariffIndex(ti)
    if dkga == 2:
        return _dkga02(secret, control_block(*attributes), meter_pans)
    before, after = kdf_input(BaseDate.of(base_date), ea, *attributes)
    return _dkga04(secret, before, after, KEY_OCTETS[ea], meter_pans)


def _dkga02(secret: bytes, control: int, meter_pans: Sequence[str]) -> list[bytes]:
    pan_blocks = bytes.fromhex("".join([meter_pan[1:17] for meter_pan in meter_pans]))
    blocks = difference([pan_blocks, control.to_bytes(8, "big") * len(meter_pans)])
    ciphered = DES.new(secret, DES.MODE_ECB).encrypt(blocks)  # noqa: S304  # the standard's own cipher
    decoder_keys = difference([ciphered, blocks, secret * len(meter_pans)])
    return [decoder_keys[start : start + 8] for start in range(0, len(decoder_keys), 8)]


def _dkga04(secret: bytes, before: bytes, after: bytes, octets: int, meter_pans: Sequence[str]) -> list[bytes]:
    padded = secret.ljust(_HASH_BLOCK_OCTETS, b"\0")
    new_inner = hashlib.sha256(padded.translate(_INNER) + before).copy
    new_outer = hashlib.sha256(padded.translate(_OUTER)).copy
    decoder_keys = []
    for meter_pan in meter_pans:
        inner, outer = new_inner(), new_outer()
        inner.update(meter_pan.encode() + after)
        outer.update(inner.digest())
        decoder_keys.append(outer.digest()[:octets])
    return decoder_keys


def _are_intact(meter_pans: Sequence[str]) -> bool:
    """Whether `check_pan_is_intact` refuses none of them."""
    if set(map(type, meter_pans)) != {str} or set(map(len, meter_pans)) != {_PAN_DIGITS}:
        return False
    text = "".join(meter_pans)
    if not (text.isascii() and text.isdigit()):
        return False
    # The last digit is the check digit; every second one before it is doubled.
    columns = reversed(columns_in(text.encode(), _PAN_DIGITS))
    parts = [int.from_bytes(column.translate(_LUHN[place % 2 == 0]), "little") for place, column in enumerate(columns)]
    return not sum(parts).to_bytes(len(meter_pans), "little").translate(None, _MULTIPLES_OF_TEN)
