"""Messages out: queued with a cause, sent one by one, retried with patience, closed by delivery reports.

At least once: twice only if a process died, or an answer was lost, between the request and storing its result, because
Africa's Talking takes no reference of ours.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from fleet.audit.services import Act, record
from gateway.failpoints import Failpoint, reach
from gateway.sms.lifecycle import MESSAGE, MessageState
from gateway.sms.locks import (
    claim_message,
    lock_message,
    lock_message_of_provider_id,
    lock_old,
    lock_reported,
    lock_unanswered,
)
from gateway.sms.models import DeliveryReport as ReportRow
from gateway.sms.models import Message
from gateway.sms.ports import DeliveryReport, ReportStatus, SendOutcome, SendRequest, SendResult
from gateway.sms.queries import find_stray_report
from gateway.sms.registry import list_routes

RETRY_SECONDS = (2, 5, 15, 60, 300, 900, 1800)
PATIENCE = timedelta(hours=72)
REPORTS_KEPT_IN_VIEW = timedelta(minutes=10)
_ACTOR = "system:sms"
_STATE_OF_REPORT = {ReportStatus.DELIVERED: MessageState.DELIVERED, ReportStatus.FAILED: MessageState.FAILED}


@dataclass(frozen=True)
class Draft:
    """A text to queue. `cause` is unique: the same reason never makes two messages."""

    cause: str
    kind: str
    to_e164: str
    body: str
    vend_id: int | None = None


def queue_messages(*, drafts: Sequence[Draft], actor: str, now: datetime) -> list[int]:
    """Queue these texts in the caller's transaction; returns their ids. A cause that is known already is left out."""
    causes = [draft.cause for draft in drafts]
    known = set(Message.objects.filter(cause__in=causes).values_list("cause", flat=True)) if causes else set()
    rows = Message.objects.bulk_create(
        Message(**vars(draft), queued_at=now, next_try_at=now) for draft in drafts if draft.cause not in known
    )
    record(actor=actor, acts=[_queued_act(row) for row in rows], now=now)
    return [row.pk for row in rows]


def fingerprint_of(message: Message) -> str:
    """What the audit trail keeps of a text and its phone, so that a later change of the row shows."""
    return hashlib.sha256(f"message {message.to_e164} {message.body}".encode()).hexdigest()


def send_one(*, message_id: int | None, clock: Callable[[], datetime]) -> bool:
    """Send one message that is due (this one, if named); False when there was none. No transaction stays open."""
    message = claim_message(message_id=message_id, now=clock())
    if message is None:
        return False
    reach(Failpoint.MESSAGE_CLAIMED)
    provider = list_routes()[0]
    result = provider.send(SendRequest(to_e164=message.to_e164, text=message.body))
    reach(Failpoint.MESSAGE_SENT)
    store_result(message_id=message.pk, provider=provider.name, result=result, actor=_ACTOR, now=clock())
    return True


@transaction.atomic
def store_result(*, message_id: int, provider: str, result: SendResult, actor: str, now: datetime) -> None:
    """What became of one request to send. A report that overtook this answer is applied at once."""
    message = lock_message(message_id)
    if message.state != MessageState.SENDING:
        return
    message.provider, message.code, message.cost = provider, result.code[:40], result.cost[:24]
    if result.outcome == SendOutcome.AMBIGUOUS:
        message.leased_until = now
    else:
        _move_by_result(message, result, now)
    message.save()
    record(actor=actor, acts=[_act(message, result.outcome)], now=now)
    if message.state == MessageState.ACCEPTED and _apply_early_reports(message, now):
        record(actor=f"provider:{provider}", acts=[_act(message, "")], now=now)


def _move_by_result(message: Message, result: SendResult, now: datetime) -> None:
    if result.outcome == SendOutcome.ACCEPTED:
        message.provider_message_id = result.provider_message_id
        _move(message, MessageState.ACCEPTED, now)
    elif result.outcome == SendOutcome.PERMANENT:
        _move(message, MessageState.FAILED, now)
    else:
        _requeue(message, now)


def _requeue(message: Message, now: datetime) -> None:
    """Back into the queue with a growing wait; a message older than the patience is given up on its next turn."""
    _move(message, MessageState.QUEUED, now)
    wait = RETRY_SECONDS[min(message.attempts, len(RETRY_SECONDS)) - 1]
    message.next_try_at = now + timedelta(seconds=wait)


def _move(message: Message, state: MessageState, now: datetime) -> None:
    MESSAGE.check_can_move(message.state, state)
    message.state, message.leased_until, message.next_try_at = state, None, None
    if state == MessageState.DELIVERED:
        message.delivered_at = now


@transaction.atomic
def apply_report(*, provider: str, report: DeliveryReport, actor: str, now: datetime) -> str:
    """A delivery report: applied if its message is known and the phone fits, else kept. Returns what the journal
    keeps.
    """
    message = lock_message_of_provider_id(provider, report.provider_message_id)
    if message is None:
        ReportRow.objects.create(
            provider=provider,
            provider_message_id=report.provider_message_id,
            status=report.status,
            phone_e164=report.phone_e164,
            received_at=now,
        )
        return "unknown_message"
    if report.phone_e164 and report.phone_e164 != message.to_e164:
        return "other_phone"
    if not _apply(message, report.status, now):
        return "no_change"
    record(actor=actor, acts=[_act(message, report.failure_reason)], now=now)
    return "accepted"


def _apply(message: Message, status: ReportStatus, now: datetime) -> bool:
    """Only final words move a message, and an end is an end: repeats and late reports change nothing."""
    state = _STATE_OF_REPORT.get(status)
    if state is None or not MESSAGE.can_move(message.state, state):
        return False
    _move(message, state, now)
    message.save()
    return True


def _apply_early_reports(message: Message, now: datetime) -> bool:
    """What came for this message before we knew its id, in the order in which it came; whether it moved by that."""
    kept = ReportRow.objects.filter(provider=message.provider, provider_message_id=message.provider_message_id)
    rows = kept.filter(phone_e164__in=("", message.to_e164)).order_by("pk")
    return any(_apply(message, ReportStatus(row.status), now) for row in rows)


@transaction.atomic
def recover_unanswered(*, now: datetime, limit: int = 100) -> int:
    """Requests that were never answered: after the wait for a report, take the report that came, else queue them
    again.
    """
    asked_before = now - timedelta(seconds=settings.SMS_AMBIGUOUS_SECONDS)
    messages = lock_unanswered(asked_before=asked_before, now=now, limit=limit)
    for message in messages:
        report = find_stray_report(message)
        if report is None:
            _requeue(message, now)
        else:
            message.provider, message.provider_message_id = report.provider, report.provider_message_id
            _move(message, MessageState.ACCEPTED, now)
            _apply_early_reports(message, now)
        message.save()
    record(actor=_ACTOR, acts=[_act(message, "unanswered") for message in messages], now=now)
    return len(messages)


@transaction.atomic
def apply_kept_reports(*, now: datetime, limit: int = 100) -> int:
    """Reports that came in the same moment in which their message's id was being stored, and so found no message."""
    messages = lock_reported(since=now - REPORTS_KEPT_IN_VIEW, limit=limit)
    moved = [message for message in messages if _apply_early_reports(message, now)]
    record(actor=_ACTOR, acts=[_act(message, "report kept") for message in moved], now=now)
    return len(moved)


@transaction.atomic
def expire_messages(*, now: datetime, limit: int = 200) -> int:
    """Give up what could not be sent for 72 hours; the code stays readable by USSD, keyword and staff."""
    messages = lock_old(queued_before=now - PATIENCE, limit=limit)
    for message in messages:
        _move(message, MessageState.EXPIRED, now)
        message.save()
    record(actor=_ACTOR, acts=[_act(message, "expired") for message in messages], now=now)
    return len(messages)


def _queued_act(message: Message) -> Act:
    details = {"kind": message.kind, "text_sha256": fingerprint_of(message)}
    return Act("message.queued", f"message:{message.pk}", details)


def _act(message: Message, why: str) -> Act:
    return Act(f"message.{message.state.lower()}", f"message:{message.pk}", {"why": why} if why else {})
