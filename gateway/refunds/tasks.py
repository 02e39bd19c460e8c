"""Celery's entry to money that goes back."""

from datetime import timedelta

from celery import shared_task

from gateway.clock import now
from gateway.queues import Queue
from gateway.refunds.services import apply_reversals, ask_one
from gateway.solo import solo

_ACTOR = "system:refunds"
# One order takes up to 28 s, and others wait for this thread.
PATIENCE = timedelta(seconds=20)


@shared_task(queue=Queue.PAYMENTS)
@solo
def sweep_refunds() -> None:
    """Book what providers took back, then order what is to be given back: the first may have done the second."""
    until = now() + PATIENCE
    apply_reversals(now=now(), actor=_ACTOR)
    while now() < until and ask_one(clock=now):
        pass
