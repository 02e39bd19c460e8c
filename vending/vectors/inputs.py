"""The inputs of a case, each read by name with its type, form and range checked.

It also keeps what must be said beside the result: which inputs nobody asked for, and what was used that no public
vector covers or no real meter takes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar, overload

from vending.sts.base_dates import BaseDate
from vending.sts.errors import FieldOutOfRange
from vending.sts.sta_tables import StaTables
from vending.sts.verified import is_verified
from vending.vectors.errors import InputMalformed, InputMissing

HUGE = object()  # stands for a number of more digits than any field has
T = TypeVar("T")

_GREATEST_INTEGER = (1 << 64) - 1
_HEXADECIMAL = re.compile(r"(?:[0-9A-Fa-f]{2})*")
_DIGITS = re.compile(r"[0-9]+")
# A name is repeated only if it cannot be a key or a token that slipped into the wrong place.
_A_WORD = re.compile(r"(?![a-f]+\Z)[a-z_]{1,24}")


@dataclass
class Remarks:
    """What must be said about a result."""

    is_unverified: bool = False
    used_sample_tables: bool = False

    def check_verified(self, *, dkga: int | None, ea: int, kt: int | None) -> None:
        """Remember when this combination is covered by no public vector."""
        self.is_unverified |= not is_verified(dkga=dkga, ea=ea, kt=kt)


@dataclass
class Inputs:
    """One object of inputs. `path` is its own name with a dot, for messages; parts share `remarks` and tables."""

    values: Mapping[str, object]
    sta_tables: Callable[[], StaTables] = field(repr=False)
    path: str = ""
    remarks: Remarks = field(default_factory=Remarks)
    parts: list["Inputs"] = field(default_factory=list)
    _asked: set[str] = field(default_factory=set)

    def has(self, name: str) -> bool:
        self._asked.add(name)
        return name in self.values

    def part(self, name: str) -> "Inputs":
        """The object below this name."""
        found = self._get(name)
        if not isinstance(found, dict):
            raise self._malformed(name, "is an object")
        part = Inputs(found, self.sta_tables, f"{self.path}{name}.", self.remarks)
        self.parts.append(part)
        return part

    def tables_in_force(self) -> StaTables:
        """The EA 07 tables of this installation. That they are the sample ones is remembered."""
        tables = self.sta_tables()
        self.remarks.used_sample_tables |= not tables.is_operational
        return tables

    def ignored(self) -> list[str]:
        """The names that were in the inputs and that nobody asked for, "?" for what is no plain word."""
        own = [
            self.path + (name if _A_WORD.fullmatch(name) else "?") for name in self.values if name not in self._asked
        ]
        return sorted({*own, *(name for part in self.parts for name in part.ignored())})

    def integer(self, name: str) -> int:
        """A whole number of at most 64 bits: what a field may hold is said by the field's own room."""
        found = self._get(name)
        if found is HUGE:
            raise self._out_of_range(name)
        if not isinstance(found, int) or isinstance(found, bool):
            raise self._malformed(name, "is a whole number")
        if abs(found) > _GREATEST_INTEGER:
            raise self._out_of_range(name)
        return found

    def flag(self, name: str) -> bool:
        """True or false; the published vectors write some flags as 1 and 0."""
        found = self._get(name)
        if not (isinstance(found, int) and found in (0, 1)):
            raise self._malformed(name, "is true or false, or 1 or 0")
        return bool(found)

    def text(self, name: str) -> str:
        found = self._get(name)
        if not isinstance(found, str):
            raise self._malformed(name, "is a text")
        return found

    def digits(self, name: str) -> str:
        found = self.text(name)
        if not _DIGITS.fullmatch(found):
            raise self._malformed(name, "is a text of digits")
        return found

    def octets(self, name: str, count: int | None = None) -> bytes:
        """Octets in hexadecimal; exactly `count` of them when it is given."""
        found = self.text(name)
        if not _HEXADECIMAL.fullmatch(found):
            raise self._malformed(name, "is a text of hexadecimal digits, two for each octet")
        if count is not None and len(found) != 2 * count:
            raise self._malformed(name, f"has {2 * count} hexadecimal digits")
        return bytes.fromhex(found)

    def base_date(self, name: str = "base") -> BaseDate:
        """93, 14 or 35, as a number or as a text."""
        found = self._get(name)
        return BaseDate.of(found if isinstance(found, str) else str(self.integer(name)))

    @overload
    def optional(self, read: Callable[[str], T], name: str) -> T | None: ...
    @overload
    def optional(self, read: Callable[[str], T], name: str, default: T) -> T: ...
    def optional(self, read: Callable[[str], T], name: str, default: T | None = None) -> T | None:
        """What `read`, one of the readers above, makes of this name; `default` when it is not there."""
        return read(name) if self.has(name) else default

    def _get(self, name: str) -> object:
        if not self.has(name):
            raise InputMissing(f"{self.path}{name} is missing", field=self.path + name)
        return self.values[name]

    def _malformed(self, name: str, what: str) -> InputMalformed:
        return InputMalformed(f"{self.path}{name} {what}", field=self.path + name)

    def _out_of_range(self, name: str) -> FieldOutOfRange:
        return FieldOutOfRange("a number of more than 64 bits", field=self.path + name)
