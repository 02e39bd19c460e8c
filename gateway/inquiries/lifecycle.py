"""A question to a provider.

ASKED until an answer comes by a door; ANSWERED with it; LOST when none came in time, or the provider did not take the
question. A late answer to a LOST one is still an answer.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class InquiryState(StrEnum):
    ASKED = "ASKED"
    ANSWERED = "ANSWERED"
    LOST = "LOST"


LABELS = {
    InquiryState.ASKED: "asked, no answer yet",
    InquiryState.ANSWERED: "answered",
    InquiryState.LOST: "no answer",
}

INQUIRY = Lifecycle(
    "inquiry",
    table(
        InquiryState,
        {
            InquiryState.ASKED: {InquiryState.ANSWERED, InquiryState.LOST},
            InquiryState.LOST: {InquiryState.ANSWERED},
            InquiryState.ANSWERED: set(),
        },
    ),
)
