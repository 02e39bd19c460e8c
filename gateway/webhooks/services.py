"""The one door for every callback: journal the raw body, understand it, act, all in one transaction.

Called with a right secret only. Nothing outside is asked here, and the broker is not touched: the caller wakes
workers after the commit. A repeated, late or contradicting callback is journalled and answered like the first.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, connection, transaction

from fleet.meters.services import can_vend
from gateway.failpoints import Failpoint, reach
from gateway.http.bodies import storable
from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.inbox.services import answer_text
from gateway.payments.ports import Door, PaymentClaim, PaymentProvider, Verdict
from gateway.payments.queries import find_meters, find_open_purchase_meter, reference_in
from gateway.payments.services import Accepted, confirm_payment, lend_account, settle_prompt
from gateway.sms.ports import SmsProvider
from gateway.sms.services import apply_report
from gateway.ussd.ports import UssdProvider
from gateway.ussd.services import Answered, answer_hop, close_session
from gateway.webhooks import sql
from gateway.webhooks.models import Callback
from vending.kernel.errors import DomainError
from vending.vends.queries import get_quote

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True)
class Handled:
    """What the caller answers, and the rows that workers should be woken for."""

    reply: Reply
    payment_ids: tuple[int, ...] = ()
    push_ids: tuple[int, ...] = ()
    message_ids: tuple[int, ...] = ()


def journal(*, provider: str, door: str, request: InboundRequest, subject: str, outcome: str, now: datetime) -> None:
    """Keep a body as it came, for as long as the books are kept."""
    Callback.objects.create(
        provider=provider,
        door=door,
        received_at=now,
        content_type=storable(request.content_type, 80),
        query=_query_text(request),
        body=request.body,
        subject=subject[:128],
        outcome=outcome,
    )


def _query_text(request: InboundRequest) -> str:
    return storable("&".join(f"{name}={value}" for name, value in request.query.items()), 2000)


def unreadable(*, provider: str, door: str, request: InboundRequest, now: datetime) -> Handled:
    """Not this vendor's shape: kept, and refused with 400 so that the vendor's own alarms see it."""
    journal(provider=provider, door=door, request=request, subject="", outcome="unreadable", now=now)
    return Handled(Reply(body='{"error": "callback_unreadable"}', status=400))


def accept_payment(*, provider: PaymentProvider, door: Door, request: InboundRequest, now: datetime) -> Handled:
    """A validation, a confirmation, or the result of a prompt. Answered after the commit only."""
    try:
        claim = provider.parse(door, request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door=door, request=request, now=now)
    if door == Door.VALIDATION:
        return _validate(provider, claim, request, now)
    if door == Door.CONFIRMATION and not provider.is_own_short_code(claim.short_code):
        logger.warning("payment for a foreign short code: journalled, not taken")
        journal(provider=provider.name, door=door, request=request, subject=claim.receipt, outcome="foreign", now=now)
        return Handled(provider.answer(door, Verdict.ACCEPT))
    accepted = _once_more(lambda: _accept(claim, request, now))
    if accepted.outcome == "conflict":
        logger.warning("a receipt came again with another amount: kept as it was, see the audit trail")
    reach(Failpoint.ACCEPT_AFTER_COMMIT)
    woken = (accepted.payment_id,) if accepted.payment_id else ()
    return Handled(provider.answer(door, Verdict.ACCEPT), payment_ids=woken)


def _accept(claim: PaymentClaim, request: InboundRequest, now: datetime) -> Accepted:
    actor = f"provider:{claim.provider}"
    if claim.door == Door.CONFIRMATION and connection.vendor == "postgresql":
        return _accept_in_one_statement(claim, request, actor, now)
    return _accept_step_by_step(claim, request, actor, now)


def _accept_step_by_step(claim: PaymentClaim, request: InboundRequest, actor: str, now: datetime) -> Accepted:
    with transaction.atomic():
        if claim.door == Door.CONFIRMATION:
            reference = reference_in(claim.account_text)
            accepted = confirm_payment(claim=claim, reference=reference, actor=actor, now=now)
        else:
            accepted = settle_prompt(claim=claim, actor=actor, now=now)
        journal(
            provider=claim.provider,
            door=claim.door,
            request=request,
            subject=claim.receipt or claim.checkout_id,
            outcome=accepted.outcome,
            now=now,
        )
        reach(Failpoint.ACCEPT_BEFORE_COMMIT)
    return accepted


def _accept_in_one_statement(claim: PaymentClaim, request: InboundRequest, actor: str, now: datetime) -> Accepted:
    reach(Failpoint.ACCEPT_BEFORE_COMMIT)
    payment_id, outcome = sql.accept_confirmation(
        claim,
        reference=reference_in(claim.account_text),
        body=request.body,
        content_type=storable(request.content_type, 80),
        query=_query_text(request),
        actor=actor,
        now=now,
    )
    if outcome == "repeated":
        payment_id = lend_account(claim=claim, actor=actor, now=now)
    return Accepted(payment_id, outcome)


def _once_more(act: Callable[[], T]) -> T:
    """Two callbacks for one thing at one moment: the second to commit finds the first's row at its second try."""
    try:
        return act()
    except IntegrityError:
        return act()


def _validate(provider: PaymentProvider, claim: PaymentClaim, request: InboundRequest, now: datetime) -> Handled:
    verdict = _verdict(provider, claim, now)
    journal(
        provider=provider.name,
        door=Door.VALIDATION,
        request=request,
        subject=claim.receipt,
        outcome=str(verdict),
        now=now,
    )
    return Handled(provider.answer(Door.VALIDATION, verdict))


def _verdict(provider: PaymentProvider, claim: PaymentClaim, now: datetime) -> Verdict:
    """From local data alone. What cannot be decided is accepted: refusing money costs more than minding it."""
    if not provider.is_own_short_code(claim.short_code):
        return Verdict.BAD_SHORT_CODE
    meter = find_open_purchase_meter(provider.name, reference_in(claim.account_text))
    meter = meter or find_meters([claim.account_text])[claim.account_text]
    if meter is None or not can_vend(meter):
        return Verdict.BAD_ACCOUNT
    try:
        refusal = get_quote(meter=meter, paid_minor=claim.amount_minor, now=now).refusal
    except DomainError:
        return Verdict.ACCEPT
    if refusal == "cannot_sell":
        return Verdict.OTHER
    return Verdict.BAD_AMOUNT if refusal else Verdict.ACCEPT


def accept_report(*, provider: SmsProvider, request: InboundRequest, now: datetime) -> Handled:
    """A delivery report. One for a message that we do not know is kept too, and answered alike."""
    try:
        report = provider.parse_report(request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door="report", request=request, now=now)
    with transaction.atomic():
        actor = f"provider:{provider.name}"
        outcome = apply_report(provider=provider.name, report=report, actor=actor, now=now)
        subject = report.provider_message_id
        journal(provider=provider.name, door="report", request=request, subject=subject, outcome=outcome, now=now)
    return Handled(Reply(body="", content_type="text/plain"))


def accept_text(*, provider: SmsProvider, request: InboundRequest, now: datetime) -> Handled:
    """A customer's text."""
    try:
        sms = provider.parse_inbound(request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door="inbound", request=request, now=now)

    def act() -> list[int]:
        with transaction.atomic():
            message_ids = answer_text(provider=provider.name, sms=sms, actor="customer:sms", now=now)
            outcome = "accepted" if message_ids else "repeated"
            subject = sms.provider_id
            journal(provider=provider.name, door="inbound", request=request, subject=subject, outcome=outcome, now=now)
        return message_ids

    return Handled(Reply(body="", content_type="text/plain"), message_ids=tuple(_once_more(act)))


def accept_hop(
    *, provider: UssdProvider, request: InboundRequest, new_reference: Callable[[], str], now: datetime
) -> Handled:
    """One hop of a session. Hops are not journalled: they may hold a PIN one day, and the session row says what was
    chosen.
    """
    try:
        hop = provider.parse_hop(request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door="ussd", request=request, now=now)

    def act() -> Answered:
        return answer_hop(provider=provider.name, hop=hop, new_reference=new_reference, actor="customer:ussd", now=now)

    answered = _once_more(act)
    return Handled(provider.answer(answered.screen), push_ids=answered.payment_ids, message_ids=answered.message_ids)


def accept_session_event(*, provider: UssdProvider, request: InboundRequest, now: datetime) -> Handled:
    """The vendor's notice that a session is over."""
    try:
        ended = provider.parse_event(request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door="events", request=request, now=now)
    close_session(provider=provider.name, ended=ended)
    return Handled(Reply(body="", content_type="text/plain"))
