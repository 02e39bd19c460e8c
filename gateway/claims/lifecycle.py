"""A customer's word about a payment. OPEN waits for the customer's YES or for staff. ACCEPTED moved the money. REFUSED
did not: the customer said NO, or staff did. EXPIRED: nobody answered, and staff have a case to call.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class ClaimState(StrEnum):
    OPEN = "OPEN"
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


LABELS = {
    ClaimState.OPEN: "waiting for an answer",
    ClaimState.ACCEPTED: "accepted",
    ClaimState.REFUSED: "refused",
    ClaimState.EXPIRED: "nobody answered",
}

CLAIM = Lifecycle(
    "claim",
    table(
        ClaimState,
        {
            ClaimState.OPEN: {ClaimState.ACCEPTED, ClaimState.REFUSED, ClaimState.EXPIRED},
            ClaimState.EXPIRED: {ClaimState.ACCEPTED, ClaimState.REFUSED},
            ClaimState.ACCEPTED: set(),
            ClaimState.REFUSED: set(),
        },
    ),
)
