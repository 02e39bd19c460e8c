"""Celery's entry to customers' claims."""

from celery import shared_task

from gateway.claims.services import expire_claims
from gateway.clock import now
from gateway.queues import Queue


@shared_task(queue=Queue.PAYMENTS)
def sweep_claims() -> None:
    """Questions that nobody answered, in batches, until none is left."""
    while expire_claims(now=now()):
        pass
