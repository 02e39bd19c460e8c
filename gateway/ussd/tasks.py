"""Celery's entry to USSD sessions."""

from celery import shared_task

from gateway.clock import now
from gateway.queues import Queue
from gateway.ussd.services import close_silent_sessions


@shared_task(queue=Queue.PAYMENTS)
def sweep_sessions() -> None:
    close_silent_sessions(now=now())
