"""Celery's entry to what waits for a second person."""

from celery import shared_task

from fleet.approvals.services import expire
from gateway.clock import now
from gateway.queues import Queue

_ACTOR = "system:desk"


@shared_task(queue=Queue.PAYMENTS)
def expire_approvals() -> None:
    while expire(actor=_ACTOR, now=now()):
        pass
