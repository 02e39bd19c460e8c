"""What a meter answers when its keys are pressed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Word(StrEnum):
    """What the display says about twenty digits. FULL: no room in the register, so the token can be entered later."""

    ACCEPT = "ACCEPT"
    USED = "USED"
    OLD = "OLD"
    REJECT = "REJECT"
    FULL = "FULL"


@dataclass(frozen=True)
class MeterAnswer:
    """`energy_kwh_tenths` is what this token added to electricity units: 0 unless the word is ACCEPT.

    `display` is filled for test and display tokens only: what was asked for, by name.
    """

    word: Word
    energy_kwh_tenths: int
    balance_tenths: int
    display: Mapping[str, int | str] = field(default_factory=dict)
