"""STA, the cipher of EA07: 64-bit blocks, 64-bit keys, 16 rounds (IEC 62055-41).

The key is aligned first: one's complement, then 12 to the right. A round replaces each nibble i by the first table
where bit 4i+3 of the aligned key is 0, by the second where it is 1; then bit j moves to `permutation[j]`; then the
aligned key turns 1 to the left. Decryption undoes that in reverse.

Here a round is eight look-ups. One entry of a row is what one octet of the block becomes, substituted and with its
bits at their places; two key bits choose the row. Four octets have eight key bits: these name four rows at once. What
each octet of a decoder key adds to the key bits of all rounds is a look-up too. The parts of a round have no bit in
common, so their sum is their union; taken as signed numbers it never leaves 64 bits, and there `sum` is quick.
"""

import struct
from collections.abc import Sequence
from functools import cache, cached_property

from vending.sts.errors import DecoderKeyMalformed, FieldOutOfRange
from vending.sts.sta_tables import StaTables

KEY_OCTETS = 8
ROUNDS = 16

_BLOCK_BITS = 64
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1
_ALIGNMENT = 12

_OCTETS = struct.Struct("8B")
_SIGNED = struct.Struct("<q")

Row = tuple[int, ...]
FourRows = tuple[Row, Row, Row, Row]
EightRows = tuple[Row, ...]
Rows = tuple[tuple[FourRows, ...], tuple[FourRows, ...]]


class Sta:
    """The cipher with one set of tables.

    Its rows are built on first use, 190 KiB for each direction. Two threads may come first together: both build the
    same rows.
    """

    def __init__(self, tables: StaTables) -> None:
        self._tables = tables

    def __reduce__(self) -> tuple[type["Sta"], tuple[StaTables]]:
        return type(self), (self._tables,)

    def encrypt(self, decoder_key: bytes, block: int) -> int:
        """The 64-bit block under a key of 8 octets, most significant first.

        `DecoderKeyMalformed` for another key, `FieldOutOfRange` for another block.
        """
        return _run(self._forward, _key_bits(decoder_key), _octets(block)) & _BLOCK_MASK

    def decrypt(self, decoder_key: bytes, block: int) -> int:
        """The inverse of `encrypt`: same shapes, same errors.

        The rounds begin with the permutation and end with the substitution; a row has them the other way round. So
        the bits are moved back once before the rounds, and once too often within them.
        """
        key_bits = _key_bits(decoder_key)
        start = _SIGNED.pack(_moved(self._back, _octets(block)))
        end = _run(self._backward, key_bits[15::-1] + key_bits[:15:-1], start)
        return _moved(self._there, _SIGNED.pack(end)) & _BLOCK_MASK

    @cached_property
    def _forward(self) -> Rows:
        return _rows(self._there, self._tables.first, self._tables.second)

    @cached_property
    def _backward(self) -> Rows:
        return _rows(self._back, _inverse(self._tables.first), _inverse(self._tables.second))

    @cached_property
    def _there(self) -> EightRows:
        return _moves(self._tables.permutation)

    @cached_property
    def _back(self) -> EightRows:
        return _moves(_inverse(self._tables.permutation))


def _octets(block: int) -> bytes:
    try:
        return block.to_bytes(8, "little")
    except (OverflowError, AttributeError, TypeError):
        raise FieldOutOfRange("a block is a whole number of 64 bits", field="block") from None


def _run(rows: Rows, key_bits: bytes, octets: bytes) -> int:
    """The block that 16 rounds make of these octets, as a signed number. Written out: a loop takes a tenth longer."""
    low, high = rows
    k0, k1, k2, k3, k4, k5, k6, k7, k8, k9, k10, k11, k12, k13, k14, k15 = key_bits[:16]
    j0, j1, j2, j3, j4, j5, j6, j7, j8, j9, j10, j11, j12, j13, j14, j15 = key_bits[16:]
    octets_of = _SIGNED.pack
    a, b, c, d, e, f, g, h = octets
    p, q, r, s = low[k0]
    t, u, v, w = high[j0]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k1]
    t, u, v, w = high[j1]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k2]
    t, u, v, w = high[j2]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k3]
    t, u, v, w = high[j3]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k4]
    t, u, v, w = high[j4]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k5]
    t, u, v, w = high[j5]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k6]
    t, u, v, w = high[j6]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k7]
    t, u, v, w = high[j7]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k8]
    t, u, v, w = high[j8]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k9]
    t, u, v, w = high[j9]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k10]
    t, u, v, w = high[j10]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k11]
    t, u, v, w = high[j11]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k12]
    t, u, v, w = high[j12]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k13]
    t, u, v, w = high[j13]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k14]
    t, u, v, w = high[j14]
    a, b, c, d, e, f, g, h = octets_of(sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h])))
    p, q, r, s = low[k15]
    t, u, v, w = high[j15]
    return sum((p[a], q[b], r[c], s[d], t[e], u[f], v[g], w[h]))


def _moved(rows: EightRows, octets: bytes) -> int:
    a, b, c, d, e, f, g, h = octets
    at_a, at_b, at_c, at_d, at_e, at_f, at_g, at_h = rows
    return sum((at_a[a], at_b[b], at_c[c], at_d[d], at_e[e], at_f[f], at_g[g], at_h[h]))


def _key_bits(decoder_key: bytes) -> bytes:
    """The key bits of each round: 16 octets for nibbles 0 to 7 of the block, then 16 for nibbles 8 to 15."""
    try:
        a, b, c, d, e, f, g, h = _OCTETS.unpack(decoder_key)
    except (struct.error, TypeError):
        raise DecoderKeyMalformed(f"STA takes a key of {KEY_OCTETS} octets", field="decoder_key") from None
    of_a, of_b, of_c, of_d, of_e, of_f, of_g, of_h = _key_bits_of_octets()
    bits: int = of_a[a] | of_b[b] | of_c[c] | of_d[d] | of_e[e] | of_f[f] | of_g[g] | of_h[h]
    return bits.to_bytes(2 * ROUNDS, "little")


@cache
def _key_bits_of_octets() -> tuple[Row, ...]:
    """What each octet of a decoder key, the most significant first, adds to `_key_bits`: 130 KiB for all tables.

    A decoder key has the complement of the aligned key's bits, so a 0 of its own adds.
    """
    used_at = [0] * _BLOCK_BITS
    for turn in range(ROUNDS):
        for nibble in range(16):
            bit = (4 * nibble + 3 - turn + _ALIGNMENT) % _BLOCK_BITS
            used_at[bit] |= 1 << 128 * (nibble >> 3) + 8 * turn + (nibble & 7)
    return tuple(
        tuple(sum(use for bit, use in enumerate(used_at[at : at + 8]) if not octet >> bit & 1) for octet in range(256))
        for at in range(56, -8, -8)
    )


def _moves(permutation: Sequence[int]) -> EightRows:
    """For each place of an octet in a block, the least significant first: what each octet is with its bits moved."""
    return tuple(
        tuple(_signed(sum(1 << permutation[at + bit] for bit in range(8) if octet >> bit & 1)) for octet in range(256))
        for at in range(0, _BLOCK_BITS, 8)
    )


def _rows(moves: EightRows, first: Sequence[int], second: Sequence[int]) -> Rows:
    """The rows for octets 0 to 3, and those for octets 4 to 7, by the octet of key bits that chooses them.

    The lower of two key bits is that of the lower nibble. All rows of a place hold the same 256 numbers, in the order
    of the substituted octets: one object each, so that they stay in a processor's cache.
    """
    substituted = [
        [high[octet >> 4] << 4 | low[octet & 15] for octet in range(256)]
        for high in (first, second)
        for low in (first, second)
    ]
    rows = [[tuple(moved[octet] for octet in octets) for octets in substituted] for moved in moves]
    low_rows, high_rows = (
        tuple((a[bits & 3], b[bits >> 2 & 3], c[bits >> 4 & 3], d[bits >> 6]) for bits in range(256))
        for a, b, c, d in (rows[:4], rows[4:])
    )
    return low_rows, high_rows


def _signed(block: int) -> int:
    return block - (block >> _BLOCK_BITS - 1 << _BLOCK_BITS)


def _inverse(permutation: Sequence[int]) -> Row:
    return tuple(permutation.index(value) for value in range(len(permutation)))
