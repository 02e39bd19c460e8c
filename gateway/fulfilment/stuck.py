"""Money that cannot be allocated, try after try, becomes a case: no tariff, a row that ends its worker, a fault of
ours. What left its reason is tried for as long as it takes all the same; allocated, it closes the case by itself.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from fleet.cases.services import CaseDraft, close_cases, open_cases
from gateway.fulfilment.queries import list_stuck_payments
from gateway.payments.models import Payment

PAYMENT_NOT_ALLOCATED = "payment_not_allocated"
STUCK_TRIES = 5
_DUE = timedelta(hours=4)
_MOST_A_SWEEP = 200
_ACTOR = "system:fulfilment"


def open_stuck_cases(*, now: datetime) -> int:
    """A case about each payment that was tried five times in vain; returns how many are new. Idempotent by payment."""
    stuck = list_stuck_payments(now, tries=STUCK_TRIES, case=PAYMENT_NOT_ALLOCATED, limit=_MOST_A_SWEEP)
    drafts = [
        CaseDraft(PAYMENT_NOT_ALLOCATED, f"payment:{payment.pk}", now + _DUE, {"reason": payment.reason})
        for payment in stuck
    ]
    return len(open_cases(drafts=drafts, actor=_ACTOR, now=now))


def close_stuck_cases(payments: Sequence[Payment], now: datetime) -> None:
    """These were allocated in this transaction."""
    for payment in payments:
        if payment.attempts >= STUCK_TRIES:
            subject, outcome = f"payment:{payment.pk}", "closed by itself: the payment is allocated"
            close_cases(subject=subject, reason=PAYMENT_NOT_ALLOCATED, outcome=outcome, actor=_ACTOR, now=now)
