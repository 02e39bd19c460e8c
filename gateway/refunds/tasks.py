"""Celery's entry to money that goes back."""

from celery import shared_task

from gateway.clock import now
from gateway.queues import Queue
from gateway.refunds.services import apply_reversals, ask_one

_ACTOR = "system:refunds"
_MOST_A_SWEEP = 20


@shared_task(queue=Queue.PAYMENTS)
def sweep_refunds() -> None:
    """Book what providers took back, then order what is to be given back: the first may have done the second."""
    while apply_reversals(now=now(), actor=_ACTOR):
        pass
    for _ in range(_MOST_A_SWEEP):
        if not ask_one(clock=now):
            return
