"""When a provider is asked again. Pure: moments in, a moment out.

Prompts: 30, 60 and 120 seconds after the push (Daraja's documented patience), then every ten minutes six times, then
hourly until 48 hours, which is as far back as a provider's own list goes; reconciliation has what is left. Payments
that must be verified: at once, after 1, 5 and 15 minutes, then hourly without an end, for there is money behind each.
"""

from datetime import datetime, timedelta
from itertools import chain

# Longer than all the deadlines of one question together: nobody asks twice at once.
QUESTION_LEASE = timedelta(seconds=30)
STATUS_WAITS = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15))
HOURLY = timedelta(hours=1)
ANSWER_PATIENCE = timedelta(minutes=10)
_LAST_PROMPT_SECONDS = 48 * 3600
_AFTER_PUSH = tuple(
    timedelta(seconds=seconds)
    for seconds in chain(
        (30, 60, 120),
        range(120 + 600, 120 + 6 * 600 + 1, 600),
        range(120 + 6 * 600 + 3600, _LAST_PROMPT_SECONDS + 1, 3600),
    )
)


def next_prompt_query(*, pushed_at: datetime | None, now: datetime) -> datetime | None:
    """The next moment to ask about a prompt, at least a lease from now; None when that is over."""
    if pushed_at is None:
        return None
    return next((pushed_at + wait for wait in _AFTER_PUSH if pushed_at + wait >= now + QUESTION_LEASE), None)


def next_status_question(*, asked_before: int, now: datetime) -> datetime:
    """When to ask about a payment again if this question, after so many others, stays without an answer."""
    return now + (STATUS_WAITS[asked_before] if asked_before < len(STATUS_WAITS) else HOURLY)
