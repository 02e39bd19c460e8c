"""A message: one text to one phone.

QUEUED waits for its turn; SENDING is written before the provider is asked, so that a crash in between is seen: such a
row may have been sent, and waits for a report before it is tried again. ACCEPTED has the provider's id and waits for
a delivery report.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class MessageState(StrEnum):
    QUEUED = "QUEUED"
    SENDING = "SENDING"
    ACCEPTED = "ACCEPTED"
    DELIVERED = "DELIVERED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


LABELS = {
    MessageState.QUEUED: "waiting to be sent",
    MessageState.SENDING: "being sent",
    MessageState.ACCEPTED: "sent, no report yet",
    MessageState.DELIVERED: "delivered",
    MessageState.FAILED: "failed",
    MessageState.EXPIRED: "given up after 72 hours",
}

MESSAGE = Lifecycle(
    "message",
    table(
        MessageState,
        {
            MessageState.QUEUED: {MessageState.SENDING, MessageState.EXPIRED},
            MessageState.SENDING: {MessageState.ACCEPTED, MessageState.QUEUED, MessageState.FAILED},
            MessageState.ACCEPTED: {
                MessageState.DELIVERED,
                MessageState.QUEUED,
                MessageState.EXPIRED,
                MessageState.FAILED,
            },
            MessageState.DELIVERED: set(),
            MessageState.FAILED: set(),
            MessageState.EXPIRED: set(),
        },
    ),
)
