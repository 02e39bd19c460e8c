"""Celery's entry to messages out."""

from celery import shared_task

from gateway.clock import now
from gateway.queues import Queue
from gateway.sms.services import apply_kept_reports, expire_messages, recover_unanswered, send_one

# A sweep that met a slow provider ends, and leaves the rest to the next one.
MOST_A_SWEEP = 100


@shared_task(queue=Queue.MESSAGES)
def send_messages(message_ids: list[int]) -> None:
    """Send these messages; one that somebody else has is left."""
    for message_id in message_ids:
        send_one(message_id=message_id, clock=now)


@shared_task(queue=Queue.MESSAGES)
def sweep_messages() -> None:
    """Every message that is due, requests that were never answered, and what has waited for too long."""
    recover_unanswered(now=now())
    apply_kept_reports(now=now())
    expire_messages(now=now())
    for _ in range(MOST_A_SWEEP):
        if not send_one(message_id=None, clock=now):
            return
