"""Celery's entry to payment prompts."""

from datetime import timedelta

from celery import shared_task

from gateway.clock import now
from gateway.payments.services import give_up_purchases, push_one
from gateway.queues import Queue
from gateway.solo import solo

# A provider that hangs holds every worker of the queue: a sweep leaves the rest to the next one.
_LONGEST_SWEEP = timedelta(seconds=15)


@shared_task(queue=Queue.PAYMENTS)
def push_payments(payment_ids: list[int]) -> None:
    """Ask for these prompts; one that somebody else has is left."""
    for payment_id in payment_ids:
        push_one(payment_id=payment_id, clock=now)


@shared_task(queue=Queue.PAYMENTS)
@solo
def sweep_pushes() -> None:
    """Every prompt that is due, and purchases that nobody answered."""
    until = now() + _LONGEST_SWEEP
    while now() <= until and push_one(payment_id=None, clock=now):
        pass
    give_up_purchases(now=now())
