"""Money on its way back to the payer, approved by two persons.

WAITING: booked out of suspense or a wallet into refunds; the provider is to be asked. ASKED: the provider has, or may
have, the order; its answer decides. BY_HAND: the provider refused, or cannot give back a part: a person pays it out in
the provider's portal and enters its receipt. DONE: the money has left.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class RefundState(StrEnum):
    WAITING = "WAITING"
    ASKED = "ASKED"
    BY_HAND = "BY_HAND"
    DONE = "DONE"


LABELS = {
    RefundState.WAITING: "to be asked for",
    RefundState.ASKED: "asked, no answer yet",
    RefundState.BY_HAND: "to be paid out by hand",
    RefundState.DONE: "paid back",
}

REFUND = Lifecycle(
    "refund",
    table(
        RefundState,
        {
            RefundState.WAITING: {RefundState.ASKED, RefundState.BY_HAND, RefundState.DONE},
            RefundState.ASKED: {RefundState.WAITING, RefundState.BY_HAND, RefundState.DONE},
            RefundState.BY_HAND: {RefundState.WAITING, RefundState.DONE},
            RefundState.DONE: set(),
        },
    ),
)
