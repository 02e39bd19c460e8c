"""What can be asked about messages."""

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from gateway.sms.lifecycle import MessageState
from gateway.sms.models import DeliveryReport, Message

if TYPE_CHECKING:
    from django.db.models import QuerySet


def find_stray_report(message: Message) -> DeliveryReport | None:
    """A report for this phone that came after we asked and belongs to no message that we know: most likely this
    one's.
    """
    owned = Message.objects.filter(to_e164=message.to_e164).exclude(provider_message_id="")
    strays = DeliveryReport.objects.filter(phone_e164=message.to_e164, received_at__gte=message.sent_at)
    return strays.exclude(provider_message_id__in=owned.values("provider_message_id")).order_by("-pk").first()


def count_messages_to(phone_e164: str, *, kind: str, since: datetime) -> int:
    return Message.objects.filter(to_e164=phone_e164, kind=kind, queued_at__gte=since).count()


def list_messages_of_vend(vend_id: int) -> list[Message]:
    return list(Message.objects.filter(vend_id=vend_id).order_by("pk"))


def list_unsent_messages(limit: int) -> list[Message]:
    """Messages that wait or are being sent, the oldest first."""
    waiting: Collection[str] = (MessageState.QUEUED, MessageState.SENDING)
    return list(_whole().filter(state__in=waiting).order_by("queued_at")[:limit])


def _whole() -> "QuerySet[Message]":
    return Message.objects.select_related("vend__meter")


def list_newest_messages(*, before_id: int | None, limit: int) -> list[Message]:
    """Messages from the newest down, below `before_id` if one is given: pages by key, never by counting."""
    page = _whole() if before_id is None else _whole().filter(pk__lt=before_id)
    return list(page.order_by("-pk")[:limit])


def list_undelivered_messages(*, since: datetime, silent_since: datetime, limit: int) -> list[Message]:
    """Messages queued after `since` that failed, or were accepted before `silent_since` and never reported; oldest
    first.

    Left out is a text of a sale when a later text of that sale reached the same phone: nobody has to look at it.
    """
    later = Message.objects.filter(
        vend=OuterRef("vend"), to_e164=OuterRef("to_e164"), pk__gt=OuterRef("pk"), state=MessageState.DELIVERED
    )
    lost = Q(state__in=[MessageState.FAILED, MessageState.EXPIRED])
    silent = Q(state=MessageState.ACCEPTED, sent_at__lt=silent_since)
    rows = _whole().filter(lost | silent, ~Exists(later), queued_at__gte=since)
    return list(rows.order_by("queued_at", "pk")[:limit])


def list_messages_of_causes(prefix: str) -> list[Message]:
    """The messages whose cause begins so ("payment:7:"), oldest first."""
    return list(Message.objects.filter(cause__startswith=prefix).order_by("pk"))
