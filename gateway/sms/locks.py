"""Leases and locks on messages. They are taken last: no other lock is asked for while one is held."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, When

from gateway.sms.lifecycle import MESSAGE, MessageState
from gateway.sms.models import DeliveryReport, Message

SEND_LEASE = timedelta(seconds=15)


@transaction.atomic
def claim_message(*, message_id: int | None, now: datetime) -> Message | None:
    """Take one message that is due (this one, if named) to SENDING, codes before the rest; waits for nobody.

    SENDING is committed before the provider is asked, so that a crash in between is seen. The lease outlasts the
    provider's deadlines.
    """
    due = Message.objects.select_for_update(skip_locked=True).filter(state=MessageState.QUEUED, next_try_at__lte=now)
    if message_id is not None:
        due = due.filter(pk=message_id)
    codes_first = Case(When(kind__in=("token", "resend"), then=0), default=1)
    message = due.order_by(codes_first, "next_try_at", "pk").first()
    if message:
        MESSAGE.check_can_move(message.state, MessageState.SENDING)
        message.state, message.sent_at, message.leased_until = MessageState.SENDING, now, now + SEND_LEASE
        message.attempts += 1
        message.save(update_fields=["state", "sent_at", "leased_until", "attempts"])
    return message


def lock_message(message_id: int) -> Message:
    return Message.objects.select_for_update().get(pk=message_id)


def lock_message_of_provider_id(provider: str, provider_message_id: str) -> Message | None:
    known = Message.objects.select_for_update().filter(provider=provider, provider_message_id=provider_message_id)
    return known.first() if provider_message_id else None


def lock_unanswered(*, asked_before: datetime, now: datetime, limit: int) -> list[Message]:
    """Messages whose provider was asked before that moment and never answered as far as we know."""
    silent = Message.objects.select_for_update(skip_locked=True).filter(
        state=MessageState.SENDING, leased_until__lte=now, sent_at__lte=asked_before
    )
    return list(silent.order_by("pk")[:limit])


def lock_old(*, queued_before: datetime, limit: int) -> list[Message]:
    """Messages that still wait to be sent and were queued before that moment."""
    old = Message.objects.select_for_update(skip_locked=True).filter(
        state=MessageState.QUEUED, queued_at__lte=queued_before
    )
    return list(old.order_by("pk")[:limit])


def lock_reported(*, since: datetime, limit: int) -> list[Message]:
    """Messages that wait for a report although one was kept since then: it came while the id was being stored."""
    kept = DeliveryReport.objects.filter(received_at__gte=since).values("provider_message_id")
    waiting = Message.objects.select_for_update(skip_locked=True).filter(
        state=MessageState.ACCEPTED, provider_message_id__in=kept
    )
    return list(waiting.order_by("pk")[:limit])
