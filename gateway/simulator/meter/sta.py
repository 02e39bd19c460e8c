"""STA, encryption algorithm 07: 64-bit block, 64-bit key, sixteen rounds of substitution and permutation.

Written for the virtual meter from the standard's facts, to be read and not to be fast; the vending side has its own.
"""

from gateway.simulator.meter.sta_tables import SubstitutionTables

_ROUNDS = 16
_WORD = (1 << 64) - 1


def _rotate_left(word: int, places: int) -> int:
    return (word << places | word >> 64 - places) & _WORD


def _inverse(table: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(table.index(value) for value in range(len(table)))


def _substitute(block: int, round_key: int, tables: tuple[tuple[int, ...], tuple[int, ...]]) -> int:
    """Every nibble through the table that the top bit of the key's nibble chooses."""
    result = 0
    for low_bit in range(0, 64, 4):
        table = tables[round_key >> low_bit + 3 & 1]
        result |= table[block >> low_bit & 0xF] << low_bit
    return result


def _permute(block: int, places: tuple[int, ...]) -> int:
    """Bit j goes to place `places[j]`; bit 0 is the least significant."""
    return sum((block >> bit & 1) << place for bit, place in enumerate(places))


class Sta:
    """One key under one set of tables. Blocks are 64-bit integers, first octet most significant."""

    def __init__(self, key_octets: bytes, tables: SubstitutionTables) -> None:
        if len(key_octets) != 8:
            raise ValueError("STA takes a key of 8 octets")
        aligned = _rotate_left(int.from_bytes(key_octets, "big") ^ _WORD, 64 - 12)
        self._round_keys = [_rotate_left(aligned, turn) for turn in range(_ROUNDS)]
        self._tables, self._places = (tables.of_zero, tables.of_one), tables.places
        self._inverse_tables = (_inverse(tables.of_zero), _inverse(tables.of_one))
        self._inverse_places = _inverse(tables.places)

    def encrypt(self, block: int) -> int:
        """The enciphered 64-bit block."""
        for round_key in self._round_keys:
            block = _permute(_substitute(block, round_key, self._tables), self._places)
        return block

    def decrypt(self, block: int) -> int:
        """The inverse of `encrypt`."""
        for round_key in reversed(self._round_keys):
            block = _substitute(_permute(block, self._inverse_places), round_key, self._inverse_tables)
        return block
