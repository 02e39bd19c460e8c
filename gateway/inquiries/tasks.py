"""Celery's entry to questions to providers."""

from datetime import timedelta

from celery import shared_task

from gateway.clock import now
from gateway.inquiries.services import ask_statuses, lose_inquiries, query_prompts
from gateway.queues import Queue

MOST_A_SWEEP = 100
# A sweep that met a slow provider ends well within its task's limit, and leaves the rest to the next one.
_LONGEST_SWEEP = timedelta(seconds=15)


@shared_task(queue=Queue.PAYMENTS)
def sweep_inquiries() -> None:
    """Every question that is due: first about money that waits for it, then about prompts."""
    until = now() + _LONGEST_SWEEP
    lose_inquiries(now=now())
    ask_statuses(clock=now, limit=MOST_A_SWEEP, until=until)
    query_prompts(clock=now, limit=MOST_A_SWEEP, until=until)
