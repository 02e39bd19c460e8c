"""The values that menus are made of: steps out, moves between screens, effects for the service to carry out. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.ussd.menus.facts import Facts

Answers = Mapping[str, str | int]


class ScreenName(StrEnum):
    """Every screen that waits for an answer. The values are stored in session rows."""

    HOME = "home"
    WHICH_METER = "which_meter"
    TYPE_METER = "type_meter"
    METER_REFUSED = "meter_refused"
    CONFIRM_METER = "confirm_meter"
    AMOUNTS = "amounts"
    TYPE_AMOUNT = "type_amount"
    QUOTE = "quote"
    CODES = "codes"
    CODE = "code"
    ACCOUNT = "account"


@dataclass(frozen=True)
class StartPurchase:
    """Expect a payment of exactly the amount that was quoted, and ask the phone for it."""

    meter_id: int
    amount_minor: int


@dataclass(frozen=True)
class ResendCodes:
    """Send the stored codes of these vends to this phone again; nothing is minted."""

    vend_ids: tuple[int, ...]


Effect = StartPurchase | ResendCodes


@dataclass(frozen=True)
class Step:
    """One answer. `screen` and `answers` are what to store for the next hop; `template` and `values` are what to show.

    The effect belongs in the transaction that stores the step. An END step stands on no screen that can be answered.
    """

    screen: str
    answers: Answers
    template: str
    values: Mapping[str, object]
    is_end: bool = False
    effect: Effect | None = None


class Tries(StrEnum):
    """What a move does to the count of wrong inputs in a row. If one hop makes several moves, COUNT wins, then KEEP."""

    CLEAR = "clear"
    KEEP = "keep"
    COUNT = "count"


@dataclass(frozen=True)
class Move:
    """Go to a screen with these answers; the machine shows it."""

    to: ScreenName
    answers: Answers = field(default_factory=dict)
    tries: Tries = Tries.CLEAR


Next = Step | Move


@dataclass(frozen=True)
class Screen:
    """One row of the table. `choose` answers None for an input the screen does not know; `back` is what 0 does."""

    show: Callable[[Answers, Facts], Next]
    choose: Callable[[Answers, str, Facts], Next | None]
    back: Callable[[Answers, Facts], Next]


def ask(screen: ScreenName, answers: Answers, facts: Facts, values: Mapping[str, object], template: str = "") -> Step:
    """A step that waits for an answer. The template is told by `unclear` that the last input was not understood."""
    shown = {**_brand_values(facts), "unclear": "unclear" in answers, **values}
    return Step(screen=screen, answers=answers, template=template or screen, values=shown)


def end(template: str, facts: Facts, values: Mapping[str, object] | None = None, effect: Effect | None = None) -> Step:
    """A step that closes the session."""
    shown = {**_brand_values(facts), **(values or {})}
    return Step(screen=template, answers={}, template=template, values=shown, is_end=True, effect=effect)


def _brand_values(facts: Facts) -> dict[str, object]:
    return {
        "brand": facts.brand,
        "ussd_code": facts.ussd_code,
        "paybill": facts.paybill,
        "help_line": facts.help_line,
        "currency": facts.currency,
    }


def number(answers: Answers, name: str) -> int:
    """A stored number; 0 when it is not there or no number."""
    value = answers.get(name, 0)
    return value if isinstance(value, int) else 0


def numbers(answers: Answers, name: str) -> tuple[int, ...]:
    """A stored list of numbers, as `list_text` wrote it."""
    return tuple(int(text) for text in re.findall(r"[0-9]{1,18}", str(answers.get(name, ""))))


def list_text(values: tuple[int, ...]) -> str:
    """Numbers as one stored text. What was shown is stored, so that a choice means what the customer saw."""
    return ",".join(map(str, values))


def chosen(typed: str, count: int) -> int | None:
    """The index of a choice from 1 to `count`, or None."""
    return int(typed) - 1 if re.fullmatch(r"[1-9]", typed) and int(typed) <= count else None
