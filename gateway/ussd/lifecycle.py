"""A USSD session is OPEN until an END screen, the provider's notice, or silence closes it. The screen is data, not a
state.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class SessionState(StrEnum):
    OPEN = "OPEN"
    ENDED = "ENDED"
    TIMED_OUT = "TIMED_OUT"


LABELS = {
    SessionState.OPEN: "open",
    SessionState.ENDED: "ended",
    SessionState.TIMED_OUT: "timed out",
}

SESSION = Lifecycle(
    "ussd_session",
    table(
        SessionState,
        {
            SessionState.OPEN: {SessionState.ENDED, SessionState.TIMED_OUT},
            SessionState.ENDED: set(),
            SessionState.TIMED_OUT: set(),
        },
    ),
)
