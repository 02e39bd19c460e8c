"""Places where a test may kill the process, so that what the flow promises is tried and not believed.

`TOKENI_FAILPOINT=<name>:kill` makes the process end itself with signal 9 there. Settings refuse it in production.
"""

import os
import signal
from enum import StrEnum

from django.conf import settings


class Failpoint(StrEnum):
    """Named by what has just happened. docs/reference/failpoints.md says what must hold after each."""

    ACCEPT_BEFORE_COMMIT = "accept_before_commit"
    ACCEPT_AFTER_COMMIT = "accept_after_commit"
    PAYMENTS_CLAIMED = "payments_claimed"
    ALLOCATE_BEFORE_COMMIT = "allocate_before_commit"
    ALLOCATE_AFTER_COMMIT = "allocate_after_commit"
    MODULE_ANSWERED = "module_answered"
    DIGITS_STORED = "digits_stored"
    ISSUE_BEFORE_COMMIT = "issue_before_commit"
    ISSUE_AFTER_COMMIT = "issue_after_commit"
    MESSAGE_CLAIMED = "message_claimed"
    MESSAGE_SENT = "message_sent"
    PUSH_CLAIMED = "push_claimed"
    PUSH_SENT = "push_sent"


def reach(point: Failpoint) -> None:
    """End this process here if that is the point the environment names."""
    if f"{point}:kill" == settings.TOKENI_FAILPOINT:
        os.kill(os.getpid(), signal.SIGKILL)
