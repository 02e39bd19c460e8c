"""What a menu may ask of the world, as values. Pure: `gateway.ussd.queries` answers from tables, tests from memory.

A menu asks at most a handful of times a hop and shows what it was told; it stores only numbers (ids, amounts, pages)
between hops. Amounts are minor units of `Facts.currency`, energy is tenths of a kWh.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol


class Refusal(StrEnum):
    """Why an amount buys nothing. NONE is no refusal."""

    NONE = ""
    TOO_LITTLE = "too_little"
    TOO_MUCH = "too_much"
    BLOCKED = "blocked"
    CANNOT_SELL = "cannot_sell"


class CodeState(StrEnum):
    """How far a purchase is, in the customer's words."""

    READY = "ready"
    BEING_MADE = "being_made"
    NOT_PAID = "not_paid"


@dataclass(frozen=True)
class MeterFacts:
    """`label` is the owner's short name on a linked phone ("Amina M"), the masked name elsewhere ("J*** K.")."""

    meter_id: int
    drn: str
    label: str
    can_buy: bool


@dataclass(frozen=True)
class QuoteFacts:
    """What an amount would buy. `kept_minor` stays in the meter's wallet, `wallet_minor` is taken from it, and
    `fee_minor` is of `fee_months`.

    With a refusal only the two limits mean anything: too much with a `most_minor` below `least_minor` is a limit for
    today that is used up.
    """

    energy_kwh_tenths: int = 0
    vat_minor: int = 0
    levies_minor: int = 0
    fee_minor: int = 0
    fee_months: int = 0
    kept_minor: int = 0
    wallet_minor: int = 0
    refusal: str = Refusal.NONE
    least_minor: int = 0
    most_minor: int = 0


@dataclass(frozen=True)
class CodeFacts:
    """One of the last purchases. `made_on` is text like "12Mar", `made_time` like "14:02" or empty.

    `digits` are the 20 digits when the state is "ready", else empty. `vend_id` is 0 while there is no vend.
    """

    vend_id: int
    made_on: str
    amount_minor: int
    energy_kwh_tenths: int
    digits: str
    state: str
    made_time: str = ""


class Facts(Protocol):
    """Everything about one phone. Nothing here raises; what is not there is None, empty or 0."""

    @property
    def brand(self) -> str: ...
    @property
    def ussd_code(self) -> str: ...
    @property
    def paybill(self) -> str: ...
    @property
    def help_line(self) -> str: ...
    @property
    def currency(self) -> str: ...

    def list_meters(self) -> tuple[MeterFacts, ...]:
        """The meters linked to this phone, always in the same order."""
        ...

    def find_meter(self, drn_digits: str) -> MeterFacts | None:
        """The meter of the fleet with exactly this DRN, its owner masked."""
        ...

    def is_meter_number(self, digits: str) -> bool:
        """Whether length and check digit are right; says nothing about our fleet."""
        ...

    def list_presets(self, meter_id: int) -> tuple[int, int, int]:
        """Three amounts to offer: the customer's own last ones, filled up by the site's."""
        ...

    def get_quote(self, meter_id: int, amount_minor: int) -> QuoteFacts:
        """What this amount would buy now. `amount_minor` is positive and at most nine digits of whole units."""
        ...

    def can_sell(self, meter_id: int) -> bool:
        """Whether a code could be made for this meter now; False is no fault of the customer's."""
        ...

    def list_codes(self, meter_id: int) -> tuple[CodeFacts, ...]:
        """Up to three of the newest purchases of a meter linked to this phone, newest first; nothing for any other."""
        ...

    def kept_minor(self, meter_id: int) -> int:
        """The money in the meter's wallet."""
        ...
