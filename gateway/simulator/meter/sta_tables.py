"""The substitution tables and the permutation of EA 07.

The standard prints a sample set. Real meters have the licensed one, which is read from a file and stands nowhere here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class SubstitutionTables:
    """A table for nibbles whose key bit is 0, one for those whose key bit is 1, and the places that 64 bits move to.

    Raises `ValueError` unless each is a permutation.
    """

    of_zero: tuple[int, ...]
    of_one: tuple[int, ...]
    places: tuple[int, ...]

    def __post_init__(self) -> None:
        for values, size in ((self.of_zero, 16), (self.of_one, 16), (self.places, 64)):
            if sorted(values) != list(range(size)):
                raise ValueError(f"an EA 07 table is no permutation of 0 to {size - 1}")

    @classmethod
    def read(cls, path: Path) -> "SubstitutionTables":
        """From a JSON object with `sub1`, `sub2` and `perm`. Raises `OSError`, or `ValueError` for another content."""
        text = path.read_text(encoding="utf-8")
        try:
            found: Any = json.loads(text)
            of_zero, of_one, places = (tuple(map(int, found[name])) for name in ("sub1", "sub2", "perm"))
        except (ValueError, TypeError, KeyError):
            raise ValueError("no EA 07 tables are in that file") from None
        return cls(of_zero, of_one, places)


SAMPLE_TABLES = SubstitutionTables(
    of_zero=tuple(int(nibble, 16) for nibble in "CA843F02E15D697B"),
    of_one=tuple(int(nibble, 16) for nibble in "69743ACE2D1F0B85"),
    places=(
        29, 27, 34, 9, 16, 62, 55, 2, 40, 49, 38, 25, 33, 61, 30, 23,
        1, 41, 21, 57, 42, 15, 5, 58, 19, 53, 22, 17, 48, 28, 24, 39,
        3, 60, 36, 14, 11, 52, 54, 12, 31, 51, 10, 26, 0, 45, 37, 43,
        44, 6, 59, 4, 7, 35, 56, 50, 13, 18, 32, 47, 46, 63, 20, 8,
    ),
)  # fmt: skip
