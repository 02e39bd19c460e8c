"""What a mobile money operator must be able to do, and the values that cross the border. Pure; no vendor words.

A provider is both directions of one vendor: it parses what is posted to its doors into a `PaymentClaim`, writes the
answers its vendor expects, and asks the vendor to prompt a customer. It knows neither Django nor our tables.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.http.inbound import InboundRequest, Reply


class Door(StrEnum):
    """The last word of a payment hook's address."""

    VALIDATION = "validation"
    CONFIRMATION = "confirmation"
    STK = "stk"


class Outcome(StrEnum):
    """What the vendor says about the money. Unknown is a word too: it is asked until final."""

    PAID = "paid"
    NOT_PAID = "not_paid"
    UNKNOWN = "unknown"


class Verdict(StrEnum):
    """Our answer to a vendor that asks before it takes the money."""

    ACCEPT = "accept"
    BAD_ACCOUNT = "bad_account"
    BAD_AMOUNT = "bad_amount"
    BAD_SHORT_CODE = "bad_short_code"
    OTHER = "other"


class PushOutcome(StrEnum):
    """What became of a request to prompt the customer. Ambiguous: it may have been shown."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNAVAILABLE = "unavailable"
    AMBIGUOUS = "ambiguous"


@dataclass(frozen=True)
class Payer:
    """Who paid, as far as the vendor tells: exactly one of these is filled, or none.

    `e164` with its plus; `sha256` is the lower-case hex of the 12-digit number without plus; `masked` as it came.
    """

    e164: str = ""
    sha256: str = ""
    masked: str = ""


@dataclass(frozen=True)
class PaymentClaim:
    """What a callback claims, in our words. `receipt` is the vendor's own name of the money; empty unless it moved."""

    provider: str
    door: Door
    outcome: Outcome
    receipt: str = ""
    checkout_id: str = ""
    result_code: str = ""
    amount_minor: int = 0
    currency: str = ""
    short_code: str = ""
    account_text: str = ""
    payer: Payer = Payer()
    paid_at: datetime | None = None


@dataclass(frozen=True)
class PushRequest:
    """Ask `phone_e164` to pay. `account_reference` has at most 12 characters; amounts are whole units of the
    currency.
    """

    phone_e164: str
    amount_minor: int
    currency: str
    account_reference: str
    callback_url: str


@dataclass(frozen=True)
class PushResult:
    outcome: PushOutcome
    checkout_id: str = ""
    code: str = ""


class PaymentProvider(Protocol):
    """One mobile money operator. Methods raise nothing but `UnreadableCallback` (parse)."""

    name: str
    currency: str
    doors: frozenset[Door]

    def parse(self, door: Door, request: InboundRequest) -> PaymentClaim:
        """The claim in a callback. Raises `UnreadableCallback` for anything that is not this vendor's shape."""
        ...

    def answer(self, door: Door, verdict: Verdict) -> Reply:
        """What the vendor expects to read after this verdict (always ACCEPT for money that has moved)."""
        ...

    def is_own_short_code(self, short_code: str) -> bool:
        """Whether money to this short code is ours."""
        ...

    def push(self, request: PushRequest, *, now: datetime) -> PushResult:
        """Ask for a payment prompt, within a deadline. Never raises: what went wrong is in the outcome."""
        ...
