"""What `frame` and `crc` do, on columns: one octet of thousands of tokens at a time, by `bytes.translate`.

Only the common case goes this way: encrypted classes, the plain CRC. `frame` does the rest, one by one.
"""

import struct
from collections.abc import Sequence
from functools import cache

from vending.sts.crc import token_crc
from vending.sts.slices import Columns, columns_in, difference, rows_in, union

BODY_OCTETS = 6
_TOKEN_DIGITS = 20
_NUMBER_OCTETS = 9  # 20 digits are less than 2^67

# The class stands in bits 28 and 27 of a block: bits 4 and 3 of its fifth octet.
_CLASS_PLACE = 4
_CLASS_IN = bytes(octet >> 3 & 3 for octet in range(256))
_WITHOUT_CLASS = bytes(octet & 0b11100111 for octet in range(256))
_MOVED_BACK = bytes(octet << 3 & 0b00011000 for octet in range(256))
_ABOVE_THE_BLOCK = tuple(moved << 64 for moved in range(4))


def sealed_digits(token_class: int, block: Columns) -> list[str]:
    """The 20 digits of each block (8 columns, encrypted), all of one class."""
    moved = block[_CLASS_PLACE].translate(_CLASS_IN)
    with_class = bytes(octet | token_class << 3 for octet in _WITHOUT_CLASS)
    rest = block[_CLASS_PLACE].translate(with_class)
    rows = rows_in([*block[:_CLASS_PLACE], rest, *block[_CLASS_PLACE + 1 :]])
    numbers = struct.unpack(f">{len(moved)}Q", rows)
    return [
        str(_ABOVE_THE_BLOCK[above] | number).zfill(_TOKEN_DIGITS) for above, number in zip(moved, numbers, strict=True)
    ]


def opened_digits(digits: Sequence[str]) -> tuple[bytes, bytes, list[bytes]]:
    """What lies above 2^64, the class, and the block (8 columns, encrypted) of 20 ASCII digits each.

    More than 3 above 2^64 is no token of the standard.
    """
    octets = b"".join([number.to_bytes(_NUMBER_OCTETS, "big") for number in map(int, digits)])
    above, *block = columns_in(octets, _NUMBER_OCTETS)
    classes = block[_CLASS_PLACE].translate(_CLASS_IN)
    block[_CLASS_PLACE] = union([block[_CLASS_PLACE].translate(_WITHOUT_CLASS), above.translate(_MOVED_BACK)])
    return above, classes, block


def crc_columns(classes: bytes, body: Columns) -> list[bytes]:
    """The CRC (2 columns) of each body (6 columns) in its class: as `crc.token_crc`, but never CRC_C."""
    columns = [classes, *body]
    return [
        difference([column.translate(table) for column, table in zip(columns, tables, strict=True)])
        for tables in _crc_tables()
    ]


@cache
def _crc_tables() -> list[list[bytes]]:
    """For both octets of the CRC: what each class, and each octet of a body at its place, adds to it.

    A CRC is linear, so looking once is enough: under class 1, where no subclass has CRC_C.
    """
    none = token_crc(1, 0)
    effects = [[token_crc(token_class & 3, 0) for token_class in range(256)]]
    effects += [[token_crc(1, octet << 40 - 8 * place) ^ none for octet in range(256)] for place in range(BODY_OCTETS)]
    return [[bytes(effect >> shift & 0xFF for effect in table) for table in effects] for shift in (8, 0)]
