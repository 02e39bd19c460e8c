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
    RESULT = "result"
    TIMEOUT = "timeout"
    PULL = "pull"


# Where a line of a statement comes from: no hook, but the journal names it like one.
STATEMENT = "statement"


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


class Authenticity(StrEnum):
    """How far a claim is believed, the least first. The provider's own list or answer is beyond doubt."""

    SECRET = "secret"  # noqa: S105 - a word of the journal
    SOURCE = "secret+ip"
    POLLED = "polled"
    LISTED = "listed"


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


@dataclass(frozen=True)
class PromptStatus:
    """What became of a prompt, when asked. PAID without a receipt is not yet money: the receipt comes by another road.

    UNKNOWN covers a prompt that is still open, a code that no table knows, and a provider that cannot be reached.
    """

    outcome: Outcome
    code: str = ""


@dataclass(frozen=True)
class ResultAddresses:
    """Where a provider that answers later posts its answer, and its own time-out."""

    result_url: str
    timeout_url: str


@dataclass(frozen=True)
class ReversalRequest:
    """Give back all of one payment."""

    receipt: str
    amount_minor: int
    currency: str
    remarks: str
    addresses: ResultAddresses


@dataclass(frozen=True)
class Asked:
    """What became of a question whose answer comes later. `outcome` as for a prompt: AMBIGUOUS may have been taken."""

    outcome: PushOutcome
    conversation_id: str = ""
    originator_id: str = ""
    code: str = ""


class Question(StrEnum):
    """What an answer that comes later is about; the same words stand in `Inquiry.kind`."""

    STATUS = "status"
    REVERSAL = "reversal"


@dataclass(frozen=True)
class ProviderAnswer:
    """An answer by the result door (or the vendor's own time-out, which is an UNKNOWN one).

    For a status: PAID if the payment `receipt` is complete, NOT_PAID if it never will be. For a reversal: PAID if the
    money of `original_receipt` went back (also when it had before), `receipt` being the reversal's own; NOT_PAID if it
    was refused. `amount_minor` is 0 where the answer has none. The vendor does not say which of the two it is: whoever
    asked knows by the conversation; an answer with an `original_receipt` is a reversal whoever asked.
    """

    provider: str
    conversation_id: str
    originator_id: str
    outcome: Outcome
    result_code: str
    receipt: str = ""
    original_receipt: str = ""
    amount_minor: int = 0
    currency: str = ""
    payer: Payer = Payer()
    paid_at: datetime | None = None


@dataclass(frozen=True)
class PullPage:
    """Payments that the provider lists, as claims with door PULL. `next_offset` is None on the last page.

    `is_complete` False: the provider did not answer, or not in its shape; `code` says why, and nothing is concluded.
    """

    claims: tuple[PaymentClaim, ...]
    next_offset: int | None
    is_complete: bool
    code: str = ""


@dataclass(frozen=True)
class Registered:
    """Whether a provider took our addresses; `code` is its own word."""

    is_done: bool
    code: str = ""


class PaymentProvider(Protocol):
    """One mobile money operator. Methods raise nothing but `UnreadableCallback` (parse, read_answer, read_list)."""

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

    def query_prompt(self, checkout_id: str, *, now: datetime) -> PromptStatus:
        """Ask what became of a prompt, within a deadline. Never raises."""
        ...

    def ask_status(self, receipt: str, addresses: ResultAddresses, *, now: datetime) -> Asked:
        """Ask whether a payment is complete; the answer comes by the result door. Never raises. Twice is safe."""
        ...

    def ask_reversal(self, request: ReversalRequest, *, now: datetime) -> Asked:
        """Order that a payment be given back; the answer comes by the result door. Never raises. A provider that gave
        it back already says so, and that counts as done: ordering twice is safe.
        """
        ...

    def read_answer(self, door: Door, request: InboundRequest) -> ProviderAnswer:
        """What the result or time-out door was told. Raises `UnreadableCallback`."""
        ...

    def read_list(self, request: InboundRequest) -> tuple[PaymentClaim, ...]:
        """Payments that were posted to the pull door. Raises `UnreadableCallback`."""
        ...

    def pull(self, starts_at: datetime, ends_at: datetime, offset: int, *, now: datetime) -> PullPage:
        """One page of the payments of a period, within a deadline. Never raises."""
        ...

    def register_hooks(self, *, base_url: str, now: datetime) -> Registered:
        """Tell the provider where it validates and confirms payments: `base_url` and the last words of the doors."""
        ...

    def register_pull(self, *, base_url: str, now: datetime) -> Registered:
        """Ask the provider once to keep a list that can be pulled."""
        ...
