"""What can come of a customer's word, for the channel that answers it."""

from dataclasses import dataclass
from enum import StrEnum


class ClaimWord(StrEnum):
    """NOT_FOUND is the answer for an unknown receipt and for somebody else's alike: nothing is told of a payment to a
    phone that did not make it.
    """

    NOT_FOUND = "not_found"
    TOO_MANY = "too_many"
    RESENT = "resent"
    BEING_MADE = "being_made"
    KEPT = "kept"
    ON_HOLD = "on_hold"
    GOING_BACK = "going_back"
    NOT_PAID = "not_paid"
    NEEDS_METER = "needs_meter"
    METER_UNKNOWN = "meter_unknown"
    METER_BLOCKED = "meter_blocked"
    ASKED = "asked"
    NOTHING_ASKED = "nothing_asked"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    SETTLED = "settled"
    SAME_METER = "same_meter"
    STOPPED = "stopped"
    ALREADY_SENT = "already_sent"
    FOR_STAFF = "for_staff"


@dataclass(frozen=True)
class ClaimOutcome:
    """`payment_id` is set when the flow should be woken for it; `message_ids` wait to be sent."""

    word: ClaimWord
    payment_id: int | None = None
    message_ids: tuple[int, ...] = ()
    case_id: int | None = None
