"""Celery's entry to questions to providers."""

from datetime import timedelta

from celery import shared_task

from gateway.clock import now
from gateway.inquiries.services import ask_statuses, lose_inquiries, query_prompts
from gateway.queues import Queue
from gateway.solo import solo

MOST_A_SWEEP = 100
# A sweep that met a slow provider leaves the rest to the next one.
_LONGEST_SWEEP = timedelta(seconds=15)


@shared_task(queue=Queue.PAYMENTS)
@solo
def sweep_inquiries() -> None:
    """Every question that is due, about money that waits for it and about prompts by turns: where the provider is slow
    to answer the one, the other gets its share all the same.
    """
    until = now() + _LONGEST_SWEEP
    lose_inquiries(now=now())
    for _ in range(MOST_A_SWEEP):
        if not query_prompts(clock=now, limit=1, until=until) + ask_statuses(clock=now, limit=1, until=until):
            break
