"""The one door for every callback: journal the raw body, understand it, act, all in one transaction.

Called with a right secret only. Nothing outside is asked here, and the broker is not touched: the caller wakes
workers after the commit. A repeated, late or contradicting callback is journalled and answered like the first.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, TypeVar

from django.db import IntegrityError, OperationalError, connection, transaction

from fleet.meters.services import can_vend
from gateway.failpoints import Failpoint, reach
from gateway.http.bodies import storable
from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.inbox.services import answer_text
from gateway.inquiries.services import take_answer
from gateway.payments.locks import lock_payment_of_receipt
from gateway.payments.ports import Door, Outcome, PaymentClaim, PaymentProvider, ProviderAnswer, Question, Verdict
from gateway.payments.queries import find_meters, find_open_purchase_meter, reference_in
from gateway.payments.services import Accepted, confirm_payment, settle_listed, settle_prompt
from gateway.payments.trust import BY_LIST, Trust
from gateway.refunds.services import settle_reversal_answer
from gateway.reversals.services import note_reversal
from gateway.sms.ports import SmsProvider
from gateway.sms.services import apply_report
from gateway.ussd.ports import UssdProvider
from gateway.ussd.services import Answered, answer_hop, close_session
from gateway.webhooks import sql
from gateway.webhooks.judging import is_believed, trust_in
from gateway.webhooks.models import Callback
from gateway.webhooks.queries import list_outcomes
from vending.kernel.errors import DomainError
from vending.vends.queries import get_quote

logger = logging.getLogger(__name__)

T = TypeVar("T")
_PAUSE_SECONDS = 0.1


@dataclass(frozen=True)
class Handled:
    """What the caller answers, and the rows that workers should be woken for."""

    reply: Reply
    payment_ids: tuple[int, ...] = ()
    push_ids: tuple[int, ...] = ()
    message_ids: tuple[int, ...] = ()


class Listed(NamedTuple):
    """What a listed payment is with us: "created", "matched" or "differs". `can_go_on`: it was new, or is no longer in
    doubt, so that whatever waits for it can go on.
    """

    payment_id: int | None
    outcome: str
    can_go_on: bool = False


def journal(
    *,
    provider: str,
    door: str,
    request: InboundRequest,
    subject: str,
    outcome: str,
    now: datetime,
    source: str = "",
) -> None:
    """Keep a body as it came, for as long as the books are kept, and the address it came from."""
    Callback.objects.create(
        provider=provider,
        door=door,
        received_at=now,
        content_type=storable(request.content_type, 80),
        query=_query_text(request),
        body=request.body,
        subject=subject[:128],
        outcome=outcome,
        source=source,
    )


def _query_text(request: InboundRequest) -> str:
    return storable("&".join(f"{name}={value}" for name, value in request.query.items()), 2000)


def unreadable(*, provider: str, door: str, request: InboundRequest, now: datetime, source: str = "") -> Handled:
    """Not this vendor's shape: kept, and refused with 400 so that the vendor's own alarms see it."""
    journal(provider=provider, door=door, request=request, subject="", outcome="unreadable", now=now, source=source)
    return Handled(Reply(body='{"error": "callback_unreadable"}', status=400))


def accept_payment(
    *, provider: PaymentProvider, door: Door, request: InboundRequest, now: datetime, source: str = ""
) -> Handled:
    """A validation, a confirmation, or the result of a prompt, posted by `source`. Answered after the commit only."""
    try:
        claim = provider.parse(door, request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door=door, request=request, now=now, source=source)
    posted = _Posted(request, source, f"provider:{provider.name}", now)
    if door == Door.VALIDATION:
        return _validate(provider, claim, posted)
    if door == Door.CONFIRMATION and not provider.is_own_short_code(claim.short_code):
        logger.warning("payment for a foreign short code: journalled, not taken")
        _keep(posted, claim, claim.receipt, "foreign")
        return Handled(provider.answer(door, Verdict.ACCEPT))
    trust = trust_in(claim, source)
    accepted = _once_more(lambda: _accept(claim, trust, posted))
    if accepted.outcome == "conflict":
        logger.warning("a receipt came again with another amount: kept as it was, see its case")
    reach(Failpoint.ACCEPT_AFTER_COMMIT)
    woken = (accepted.payment_id,) if accepted.payment_id else ()
    return Handled(provider.answer(door, Verdict.ACCEPT), payment_ids=woken)


class _Posted(NamedTuple):
    """What came in, and in whose name and when it is written down."""

    request: InboundRequest
    source: str
    actor: str
    now: datetime


def _keep(posted: _Posted, claim: PaymentClaim, subject: str, outcome: str) -> None:
    journal(
        provider=claim.provider,
        door=claim.door,
        request=posted.request,
        subject=subject,
        outcome=outcome,
        now=posted.now,
        source=posted.source,
    )


def _accept(claim: PaymentClaim, trust: Trust, posted: _Posted) -> Accepted:
    if claim.door == Door.CONFIRMATION and connection.vendor == "postgresql":
        return _accept_in_one_statement(claim, trust, posted)
    return _accept_step_by_step(claim, trust, posted)


def _accept_step_by_step(claim: PaymentClaim, trust: Trust, posted: _Posted) -> Accepted:
    actor, now = posted.actor, posted.now
    with transaction.atomic():
        if claim.door == Door.CONFIRMATION:
            reference = reference_in(claim.account_text)
            accepted = confirm_payment(claim=claim, reference=reference, trust=trust, actor=actor, now=now)
        else:
            accepted = settle_prompt(claim=claim, trust=trust, actor=actor, now=now)
        _keep(posted, claim, claim.receipt or claim.checkout_id, accepted.outcome)
        reach(Failpoint.ACCEPT_BEFORE_COMMIT)
    return accepted


def _accept_in_one_statement(claim: PaymentClaim, trust: Trust, posted: _Posted) -> Accepted:
    """New money by one statement. What is more than that (a receipt we have, a case to close) goes step by step."""
    reach(Failpoint.ACCEPT_BEFORE_COMMIT)
    payment_id = sql.accept_confirmation(
        claim,
        trust,
        reference=reference_in(claim.account_text),
        body=posted.request.body,
        content_type=storable(posted.request.content_type, 80),
        query=_query_text(posted.request),
        source=posted.source,
        actor=posted.actor,
        now=posted.now,
    )
    return Accepted(payment_id, "accepted") if payment_id else _accept_step_by_step(claim, trust, posted)


def _once_more(act: Callable[[], T]) -> T:
    """Two callbacks for one thing at one moment: the second to commit finds the first's row at its second try.

    So does one that the database ended because it and another waited for each other: vendors do not call again. It lets
    the other one go first.
    """
    try:
        return act()
    except IntegrityError:
        return act()
    except OperationalError:
        time.sleep(_PAUSE_SECONDS)
        return act()


def _validate(provider: PaymentProvider, claim: PaymentClaim, posted: _Posted) -> Handled:
    verdict = _verdict(provider, claim, posted.now)
    _keep(posted, claim, claim.receipt, str(verdict))
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


def accept_answer(
    *, provider: PaymentProvider, door: Door, request: InboundRequest, now: datetime, source: str = ""
) -> Handled:
    """What a provider answers later: about a payment, or that money went back. Journalled with what came of it."""
    try:
        answer = provider.read_answer(door, request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door=door, request=request, now=now, source=source)
    posted = _Posted(request, source, f"provider:{provider.name}", now)
    woken = _once_more(lambda: _take_answer(answer, door, posted))
    return Handled(provider.answer(door, Verdict.ACCEPT), payment_ids=woken)


@transaction.atomic
def _take_answer(answer: ProviderAnswer, door: Door, posted: _Posted) -> tuple[int, ...]:
    """The payments that may go on now."""
    actor, now = posted.actor, posted.now
    inquiry, outcome = take_answer(answer=answer, actor=actor, now=now)
    is_taken = outcome in ("answered", "unanswered")
    if inquiry and is_taken and inquiry.kind == Question.REVERSAL:
        settle_reversal_answer(inquiry=inquiry, answer=answer, actor=actor, now=now)
    elif not is_taken and answer.original_receipt and answer.outcome is Outcome.PAID and outcome != "repeated":
        outcome = _note_unasked_reversal(answer, door, posted)
    journal(
        provider=answer.provider,
        door=door,
        request=posted.request,
        subject=answer.conversation_id,
        outcome=outcome,
        now=now,
        source=posted.source,
    )
    return (inquiry.payment_id,) if inquiry and outcome == "answered" and inquiry.kind == Question.STATUS else ()


def _note_unasked_reversal(answer: ProviderAnswer, door: Door, posted: _Posted) -> str:
    """Money that went back though nobody here asked for it: ordered in the provider's portal, or by the payer.

    No conversation of ours stands for it, so in enforce mode only a listed address does; the statement tells the rest.
    """
    if not is_believed(posted.source, answer.currency):
        logger.warning("a reversal that nobody asked for came from an address that is not in PAYMENT_SOURCES")
        return "distrusted"
    payment = lock_payment_of_receipt(answer.provider, answer.original_receipt)
    amount_minor = answer.amount_minor or (payment.amount_minor if payment else 0)
    if amount_minor <= 0:
        return "no_amount"
    note_reversal(
        provider=answer.provider,
        payment_receipt=answer.original_receipt,
        receipt=answer.receipt,
        amount_minor=amount_minor,
        currency=answer.currency,
        door=door,
        actor=posted.actor,
        now=posted.now,
    )
    return "reversed"


def accept_list(*, provider: PaymentProvider, request: InboundRequest, now: datetime, source: str = "") -> Handled:
    """Payments that were posted to the pull door. The door is as unsigned as that of confirmations, so each is believed
    as far as one of those; only a list that we fetched ourselves is beyond doubt.
    """
    try:
        claims = provider.read_list(request)
    except UnreadableCallback:
        return unreadable(provider=provider.name, door=Door.PULL, request=request, now=now, source=source)
    actor = f"provider:{provider.name}"
    journal(provider=provider.name, door=Door.PULL, request=request, subject="", outcome="list", now=now, source=source)
    own = [claim for claim in claims if not claim.short_code or provider.is_own_short_code(claim.short_code)]
    taken = [
        take_listed(
            claim=claim, raw=b"", source=Door.PULL, trust=trust_in(claim, source), peer=source, actor=actor, now=now
        )
        for claim in own
    ]
    woken = tuple(listed.payment_id for listed in taken if listed.can_go_on and listed.payment_id)
    return Handled(provider.answer(Door.PULL, Verdict.ACCEPT), payment_ids=woken)


def take_listed(
    *,
    claim: PaymentClaim,
    raw: bytes,
    source: str,
    actor: str,
    now: datetime,
    trust: Trust = BY_LIST,
    peer: str = "",
) -> Listed:
    """A line of a statement or of a pull (`source` is "statement" or "pull"): the payment it was, once.

    Lists overlap. A line that was journalled by this door is not journalled again unless something else came of it, and
    a difference is told to a person once. Idempotent by (provider, receipt).
    """

    def act() -> Listed:
        with transaction.atomic():
            told = list_outcomes(claim.provider, source, claim.receipt)
            settled = settle_listed(
                claim=claim,
                reference=reference_in(claim.account_text),
                trust=trust,
                is_told="differs" in told,
                actor=actor,
                now=now,
            )
            if not told or settled.outcome not in told | {"matched"}:
                journal(
                    provider=claim.provider,
                    door=source,
                    request=InboundRequest("", "", raw),
                    subject=claim.receipt,
                    outcome=settled.outcome,
                    now=now,
                    source=peer,
                )
        return Listed(*settled)

    return _once_more(act)


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
