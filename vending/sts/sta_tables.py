"""The three tables of STA, the cipher of EA07 (IEC 62055-41): two substitutions and a permutation, as a checked value.

The numbers that real meters use are licensed: the operator brings them, and only their SHA-256 stands here.
`SAMPLE_TABLES` are those that the standard prints as an example; they fit its worked block and no meter.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

from vending.sts.errors import StaTablesInvalid

OPERATIONAL_SHA256 = "2417810c087e153a22ef481682e2b5da0c93499cadbc2de73d6febd88b19fabd"

# field: its name in a file, and how many numbers it holds
_TABLES = {"first": ("sub1", 16), "second": ("sub2", 16), "permutation": ("perm", 64)}


@dataclass(frozen=True)
class StaTables:
    """`first` substitutes a nibble whose key bit is 0, `second` one whose key bit is 1; bit j goes to `permutation[j]`.

    `StaTablesInvalid`, its `field` naming the table, unless each is a tuple that holds every number from 0 to 15, or
    to 63, once. The numbers are never in a text: neither in an error nor in `repr`.
    """

    first: tuple[int, ...]
    second: tuple[int, ...]
    permutation: tuple[int, ...]

    def __post_init__(self) -> None:
        for field, (name_in_file, length) in _TABLES.items():
            if not _is_permutation(getattr(self, field), length):
                raise StaTablesInvalid(f"{name_in_file} holds each number from 0 to {length - 1} once", field=field)

    @classmethod
    def from_lists(cls, lists: object) -> Self:
        """From parsed JSON: an object with the lists `sub1`, `sub2` and `perm`; other names in it are let be.

        `StaTablesInvalid` for any other shape.
        """
        if not isinstance(lists, Mapping):
            raise StaTablesInvalid("EA07 tables are an object with sub1, sub2 and perm", field="tables")
        return cls(*(_as_tuple(lists.get(name_in_file)) for name_in_file, _ in _TABLES.values()))

    @cached_property
    def sha256(self) -> str:
        """The fingerprint of the set: over its 96 numbers, an octet each, in the order of the fields."""
        return hashlib.sha256(bytes(self.first + self.second + self.permutation)).hexdigest()

    @property
    def is_operational(self) -> bool:
        """Whether these are the tables of real meters."""
        return self.sha256 == OPERATIONAL_SHA256

    @cached_property
    def _hash(self) -> int:
        return hash((self.first, self.second, self.permutation))

    def __hash__(self) -> int:
        return self._hash  # asked for with every token; counting 96 numbers again takes longer than the look-up

    def __repr__(self) -> str:
        return f"StaTables(sha256={self.sha256[:8]})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.first, self.second, self.permutation)


def _as_tuple(numbers: object) -> tuple[Any, ...]:
    return tuple(numbers) if isinstance(numbers, list | tuple) else ()


def _is_permutation(numbers: Any, length: int) -> bool:
    are_whole = isinstance(numbers, tuple) and all(type(number) is int for number in numbers)
    return are_whole and sorted(numbers) == list(range(length))


# fmt: off
SAMPLE_TABLES = StaTables(
    first=(12, 10, 8, 4, 3, 15, 0, 2, 14, 1, 5, 13, 6, 9, 7, 11),
    second=(6, 9, 7, 4, 3, 10, 12, 14, 2, 13, 1, 15, 0, 11, 8, 5),
    permutation=(
        29, 27, 34, 9, 16, 62, 55, 2, 40, 49, 38, 25, 33, 61, 30, 23, 1, 41, 21, 57, 42, 15, 5, 58, 19, 53, 22, 17, 48,
        28, 24, 39, 3, 60, 36, 14, 11, 52, 54, 12, 31, 51, 10, 26, 0, 45, 37, 43, 44, 6, 59, 4, 7, 35, 56, 50, 13, 18,
        32, 47, 46, 63, 20, 8,
    ),
)
# fmt: on
