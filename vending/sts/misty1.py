"""MISTY1, the block cipher of EA11: 64-bit blocks, 128-bit keys, 8 rounds (RFC 2994).

FI is two look-ups. Its first half takes no key, so `first[x]` holds S9 and S7 of every 16-bit x; the subkey is one
XOR; its second half depends on that sum alone, so `second[y]` holds the last S9. The rounds are written out for speed.
`k0`..`k7` and `j0`..`j7` are EK[0..7] and EK[8..15] of the RFC; `l` and `r` are the two 32-bit halves D0 and D1.
"""

import struct
from array import array
from functools import cache

from vending.sts.errors import DecoderKeyMalformed, FieldOutOfRange
from vending.sts.misty1_tables import S7, S9

KEY_OCTETS = 16

_KEY = struct.Struct(">8H")
_BLOCK = struct.Struct(">4H")


@cache
def _tables() -> "tuple[array[int], array[int]]":
    """The two halves of FI, built on first use: 64 Ki entries of 16 bits each.

    Arrays, because their 256 KiB stay in a processor's cache; the 3 MiB of lists and their integers do not.
    """
    first, second = array("H"), array("H")
    for x in range(1 << 16):
        nine = S9[x >> 7] ^ x & 0x7F
        first.append((S7[x & 0x7F] ^ nine & 0x7F) << 9 | nine)
        second.append(x & 0xFE00 | S9[x & 0x1FF] ^ x >> 9)
    return first, second


def _subkeys(decoder_key: bytes) -> tuple[int, ...]:
    try:
        return _KEY.unpack(decoder_key)
    except (struct.error, TypeError):
        raise DecoderKeyMalformed(f"MISTY1 takes a key of {KEY_OCTETS} octets", field="decoder_key") from None


def _quarters(block: int) -> tuple[int, ...]:
    try:
        return _BLOCK.unpack(block.to_bytes(8, "big"))
    except (OverflowError, AttributeError, TypeError):
        raise FieldOutOfRange("a block is a whole number of 64 bits", field="block") from None


def encrypt(decoder_key: bytes, block: int) -> int:
    """The 64-bit block under a key of 16 octets. `DecoderKeyMalformed`, `FieldOutOfRange` for another key or block."""
    first, second = _tables()
    k0, k1, k2, k3, k4, k5, k6, k7 = _subkeys(decoder_key)
    j0 = second[first[k0] ^ k1]
    j1 = second[first[k1] ^ k2]
    j2 = second[first[k2] ^ k3]
    j3 = second[first[k3] ^ k4]
    j4 = second[first[k4] ^ k5]
    j5 = second[first[k5] ^ k6]
    j6 = second[first[k6] ^ k7]
    j7 = second[first[k7] ^ k0]
    l0, l1, r0, r1 = _quarters(block)
    l1 ^= l0 & k0
    l0 ^= l1 | j6
    r1 ^= r0 & j2
    r0 ^= r1 | k4
    a = second[first[l0 ^ k0] ^ j5] ^ l1
    b = second[first[l1 ^ k2] ^ j1] ^ a
    r0, r1 = r0 ^ b ^ k4, r1 ^ b ^ second[first[a ^ k7] ^ j3]
    a = second[first[r0 ^ k1] ^ j6] ^ r1
    b = second[first[r1 ^ k3] ^ j2] ^ a
    l0, l1 = l0 ^ b ^ k5, l1 ^ b ^ second[first[a ^ k0] ^ j4]
    l1 ^= l0 & k1
    l0 ^= l1 | j7
    r1 ^= r0 & j3
    r0 ^= r1 | k5
    a = second[first[l0 ^ k2] ^ j7] ^ l1
    b = second[first[l1 ^ k4] ^ j3] ^ a
    r0, r1 = r0 ^ b ^ k6, r1 ^ b ^ second[first[a ^ k1] ^ j5]
    a = second[first[r0 ^ k3] ^ j0] ^ r1
    b = second[first[r1 ^ k5] ^ j4] ^ a
    l0, l1 = l0 ^ b ^ k7, l1 ^ b ^ second[first[a ^ k2] ^ j6]
    l1 ^= l0 & k2
    l0 ^= l1 | j0
    r1 ^= r0 & j4
    r0 ^= r1 | k6
    a = second[first[l0 ^ k4] ^ j1] ^ l1
    b = second[first[l1 ^ k6] ^ j5] ^ a
    r0, r1 = r0 ^ b ^ k0, r1 ^ b ^ second[first[a ^ k3] ^ j7]
    a = second[first[r0 ^ k5] ^ j2] ^ r1
    b = second[first[r1 ^ k7] ^ j6] ^ a
    l0, l1 = l0 ^ b ^ k1, l1 ^ b ^ second[first[a ^ k4] ^ j0]
    l1 ^= l0 & k3
    l0 ^= l1 | j1
    r1 ^= r0 & j5
    r0 ^= r1 | k7
    a = second[first[l0 ^ k6] ^ j3] ^ l1
    b = second[first[l1 ^ k0] ^ j7] ^ a
    r0, r1 = r0 ^ b ^ k2, r1 ^ b ^ second[first[a ^ k5] ^ j1]
    a = second[first[r0 ^ k7] ^ j4] ^ r1
    b = second[first[r1 ^ k1] ^ j0] ^ a
    l0, l1 = l0 ^ b ^ k3, l1 ^ b ^ second[first[a ^ k6] ^ j2]
    l1 ^= l0 & k4
    l0 ^= l1 | j2
    r1 ^= r0 & j6
    r0 ^= r1 | k0
    return int.from_bytes(_BLOCK.pack(r0, r1, l0, l1), "big")


def decrypt(decoder_key: bytes, block: int) -> int:
    """The inverse of `encrypt`: same shapes, same errors."""
    first, second = _tables()
    k0, k1, k2, k3, k4, k5, k6, k7 = _subkeys(decoder_key)
    j0 = second[first[k0] ^ k1]
    j1 = second[first[k1] ^ k2]
    j2 = second[first[k2] ^ k3]
    j3 = second[first[k3] ^ k4]
    j4 = second[first[k4] ^ k5]
    j5 = second[first[k5] ^ k6]
    j6 = second[first[k6] ^ k7]
    j7 = second[first[k7] ^ k0]
    r0, r1, l0, l1 = _quarters(block)
    l0 ^= l1 | j2
    l1 ^= l0 & k4
    r0 ^= r1 | k0
    r1 ^= r0 & j6
    a = second[first[r0 ^ k7] ^ j4] ^ r1
    b = second[first[r1 ^ k1] ^ j0] ^ a
    l0, l1 = l0 ^ b ^ k3, l1 ^ b ^ second[first[a ^ k6] ^ j2]
    a = second[first[l0 ^ k6] ^ j3] ^ l1
    b = second[first[l1 ^ k0] ^ j7] ^ a
    r0, r1 = r0 ^ b ^ k2, r1 ^ b ^ second[first[a ^ k5] ^ j1]
    l0 ^= l1 | j1
    l1 ^= l0 & k3
    r0 ^= r1 | k7
    r1 ^= r0 & j5
    a = second[first[r0 ^ k5] ^ j2] ^ r1
    b = second[first[r1 ^ k7] ^ j6] ^ a
    l0, l1 = l0 ^ b ^ k1, l1 ^ b ^ second[first[a ^ k4] ^ j0]
    a = second[first[l0 ^ k4] ^ j1] ^ l1
    b = second[first[l1 ^ k6] ^ j5] ^ a
    r0, r1 = r0 ^ b ^ k0, r1 ^ b ^ second[first[a ^ k3] ^ j7]
    l0 ^= l1 | j0
    l1 ^= l0 & k2
    r0 ^= r1 | k6
    r1 ^= r0 & j4
    a = second[first[r0 ^ k3] ^ j0] ^ r1
    b = second[first[r1 ^ k5] ^ j4] ^ a
    l0, l1 = l0 ^ b ^ k7, l1 ^ b ^ second[first[a ^ k2] ^ j6]
    a = second[first[l0 ^ k2] ^ j7] ^ l1
    b = second[first[l1 ^ k4] ^ j3] ^ a
    r0, r1 = r0 ^ b ^ k6, r1 ^ b ^ second[first[a ^ k1] ^ j5]
    l0 ^= l1 | j7
    l1 ^= l0 & k1
    r0 ^= r1 | k5
    r1 ^= r0 & j3
    a = second[first[r0 ^ k1] ^ j6] ^ r1
    b = second[first[r1 ^ k3] ^ j2] ^ a
    l0, l1 = l0 ^ b ^ k5, l1 ^ b ^ second[first[a ^ k0] ^ j4]
    a = second[first[l0 ^ k0] ^ j5] ^ l1
    b = second[first[l1 ^ k2] ^ j1] ^ a
    r0, r1 = r0 ^ b ^ k4, r1 ^ b ^ second[first[a ^ k7] ^ j3]
    l0 ^= l1 | j6
    l1 ^= l0 & k0
    r0 ^= r1 | k4
    r1 ^= r0 & j2
    return int.from_bytes(_BLOCK.pack(l0, l1, r0, r1), "big")
