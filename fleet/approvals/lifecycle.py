"""An approval: one act that two persons decide.

WAITING: the maker has said what is to be done, to which row, and why; nothing has changed yet. APPROVED: another person
agreed, and the act was done in the same transaction. REFUSED: another person did not. WITHDRAWN: the maker took it
back. EXPIRED: nobody decided in time. Only WAITING has a way on.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class ApprovalState(StrEnum):
    WAITING = "WAITING"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    WITHDRAWN = "WITHDRAWN"
    EXPIRED = "EXPIRED"


LABELS = {
    ApprovalState.WAITING: "waiting for a second person",
    ApprovalState.APPROVED: "approved and done",
    ApprovalState.REFUSED: "refused",
    ApprovalState.WITHDRAWN: "withdrawn",
    ApprovalState.EXPIRED: "expired",
}

APPROVAL = Lifecycle(
    "approval",
    table(
        ApprovalState,
        {
            ApprovalState.WAITING: {
                ApprovalState.APPROVED,
                ApprovalState.REFUSED,
                ApprovalState.WITHDRAWN,
                ApprovalState.EXPIRED,
            },
            ApprovalState.APPROVED: set(),
            ApprovalState.REFUSED: set(),
            ApprovalState.WITHDRAWN: set(),
            ApprovalState.EXPIRED: set(),
        },
    ),
)
