"""Many rows of bits as a few big numbers: slice j holds bit j of every row, row r at bit r. Pure rearranging.

One operation on two slices works on all rows at once: Python's own integers are the vector unit of `bulk`. Rows come
and go as columns: the first octets of all rows, then the second ones, and so on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_, xor

Columns = Sequence[bytes]
Slices = Sequence[int]


@dataclass(frozen=True)
class SlicedCipher:
    """A cipher for many blocks: the columns of the decoder keys and of the blocks of as many rows, to the blocks'."""

    encrypt: Callable[[Columns, Columns], list[bytes]]
    decrypt: Callable[[Columns, Columns], list[bytes]]


def columns_in(rows: bytes, octets: int) -> list[bytes]:
    """The columns of rows of so many octets that lie one behind the other in `rows`."""
    return [rows[place::octets] for place in range(octets)]


def rows_in(columns: Columns) -> bytes:
    """The inverse of `columns_in`."""
    rows = bytearray(len(columns) * len(columns[0]))
    for place, column in enumerate(columns):
        rows[place :: len(columns)] = column
    return bytes(rows)


# Three rounds turn an 8 x 8 square of bits over its diagonal: swap single bits, then pairs, then fours. The masks keep
# each square to its own 64 bits, so one shift works on all the squares of a number.
_SQUARE = 8
_EXCHANGES = ((7, 0x00AA00AA00AA00AA), (14, 0x0000CCCC0000CCCC), (28, 0x00000000F0F0F0F0))


def union(columns: Columns) -> bytes:
    """The bits that any of these columns of one length has."""
    return _folded(or_, columns)


def difference(columns: Columns) -> bytes:
    """The XOR of these columns of one length; of two, it is 0 in the rows where they are equal."""
    return _folded(xor, columns)


def slices_of(columns: Columns) -> list[int]:
    """Eight slices for each column, those of the last column first: bit 0 of a row is the last bit of its last octet.

    All columns have one length.
    """
    squares = -(-len(columns[0]) // _SQUARE)
    masks = _masks(squares)
    slices: list[int] = []
    for column in reversed(columns):
        turned = _turned(column, squares, masks)
        slices += [int.from_bytes(turned[bit::_SQUARE], "little") for bit in range(_SQUARE)]
    return slices


def columns_of(slices: Slices, rows: int) -> list[bytes]:
    """The inverse, for so many rows: a column for each eight slices."""
    squares = -(-rows // _SQUARE)
    masks = _masks(squares)
    turned = bytearray(squares * _SQUARE)
    columns = []
    for start in reversed(range(0, len(slices), _SQUARE)):
        for bit in range(_SQUARE):
            turned[bit::_SQUARE] = slices[start + bit].to_bytes(squares, "little")
        columns.append(_turned(turned, squares, masks)[:rows])
    return columns


def _folded(fold: Callable[[int, int], int], columns: Columns) -> bytes:
    return reduce(fold, [int.from_bytes(column, "little") for column in columns]).to_bytes(len(columns[0]), "little")


def _masks(squares: int) -> list[tuple[int, int]]:
    return [(by, int.from_bytes(mask.to_bytes(8, "little") * squares, "little")) for by, mask in _EXCHANGES]


def _turned(octets: bytes | bytearray, squares: int, masks: list[tuple[int, int]]) -> bytes:
    bits = int.from_bytes(octets, "little")
    for by, mask in masks:
        exchanged = (bits ^ bits >> by) & mask
        bits ^= exchanged ^ exchanged << by
    return bits.to_bytes(squares * _SQUARE, "little")
