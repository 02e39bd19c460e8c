"""The base dates from which a vending key counts the minutes of its TIDs (IEC 62055-41:2018, BDT)."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from vending.sts.errors import KeyAttributeInvalid


class BaseDate(StrEnum):
    """1 January, 00:00 UTC, of the year in the name; the value is the standard's two digits."""

    Y1993 = "93"
    Y2014 = "14"
    Y2035 = "35"

    @classmethod
    def of(cls, code: str) -> Self:
        """The base date with this code; `KeyAttributeInvalid` when there is none."""
        if not isinstance(code, str) or code not in _CODES:
            raise KeyAttributeInvalid("a base date is 93, 14 or 35", field="base_date")
        return cls(code)

    @property
    def starts_at(self) -> datetime:
        return datetime(int(self.name[1:]), 1, 1, tzinfo=UTC)


_CODES = frozenset(BaseDate)
