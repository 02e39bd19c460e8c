"""Asking providers what became of prompts and payments, and what the answers mean. Reversals are ordered by
`gateway.refunds`, which keeps its questions here too.

A question whose answer comes by a door is a row before it is asked. No transaction is open while asking, and the moment
of the next question is moved ahead first, so that two workers never ask about one thing at once.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from fleet.audit.services import Act, record
from gateway.inquiries.lifecycle import INQUIRY, InquiryState
from gateway.inquiries.locks import lock_inquiry, lock_inquiry_of_conversation
from gateway.inquiries.models import Inquiry
from gateway.inquiries.patience import (
    ANSWER_PATIENCE,
    HOURLY,
    STATUS_WAITS,
    next_prompt_query,
    next_status_question,
)
from gateway.payments.locks import claim_prompt_query, claim_status_question
from gateway.payments.models import Payment
from gateway.payments.ports import Asked, Outcome, ProviderAnswer, PushOutcome, Question, ResultAddresses
from gateway.payments.registry import get_provider
from gateway.payments.services import report_unverified, store_prompt_status, verify_payment
from vending.kernel.errors import DomainError

logger = logging.getLogger(__name__)

_ACTOR = "system:inquiries"


class Taken(NamedTuple):
    """The question that an answer was to, if there is one, and what the journal keeps: "answered", "unanswered" (the
    provider does not know yet), "repeated", "other_payment" or "unknown_conversation".
    """

    inquiry: Inquiry | None
    outcome: str


def addresses_of(provider: str) -> ResultAddresses:
    """Where this provider posts its answers: our doors, with the first secret."""
    base = f"{settings.PUBLIC_BASE_URL}/hooks/payments/{provider}/{settings.HOOK_SECRETS[0]}"
    return ResultAddresses(result_url=f"{base}/result/", timeout_url=f"{base}/timeout/")


def query_prompts(*, clock: Callable[[], datetime], limit: int, until: datetime | None = None) -> int:
    """Ask about prompts that are due, at most so many and none after `until`; returns how many."""
    for asked in range(limit):
        now = clock()
        if until and now > until:
            return asked
        payment = _claim_prompt(now)
        if payment is None:
            return asked
        _query_prompt(payment, clock)
    return limit


def _claim_prompt(now: datetime) -> Payment | None:
    return claim_prompt_query(now=now, next_at=lambda row: next_prompt_query(pushed_at=row.pushed_at, now=now))


def _query_prompt(payment: Payment, clock: Callable[[], datetime]) -> None:
    try:
        status = get_provider(payment.provider).query_prompt(payment.checkout_id or "", now=clock())
    except DomainError as refusal:
        logger.warning("payment %d cannot be asked about: %s", payment.pk, refusal.code)
        return
    store_prompt_status(payment_id=payment.pk, status=status, actor=_ACTOR, now=clock())


def ask_statuses(*, clock: Callable[[], datetime], limit: int, until: datetime | None = None) -> int:
    """Ask about payments that must be verified and are due: so many at most and none after `until`; says how many."""
    for asked in range(limit):
        if until and clock() > until:
            return asked
        claimed = _claim_status(clock())
        if claimed is None:
            return asked
        _ask_status(*claimed, clock)
    return limit


@transaction.atomic
def _claim_status(now: datetime) -> tuple[Payment, Inquiry] | None:
    payment = claim_status_question(
        now=now, next_at=lambda row: next_status_question(asked_before=row.queries, now=now)
    )
    if payment is None:
        return None
    return payment, open_inquiry(kind=Question.STATUS, payment_id=payment.pk, actor=_ACTOR, now=now)


def _ask_status(payment: Payment, inquiry: Inquiry, clock: Callable[[], datetime]) -> None:
    try:
        provider = get_provider(payment.provider)
        asked = provider.ask_status(payment.receipt or "", addresses_of(payment.provider), now=clock())
    except DomainError as refusal:
        asked = Asked(PushOutcome.REFUSED, code=refusal.code)
    now = clock()
    with transaction.atomic():
        store_asked(inquiry_id=inquiry.pk, asked=asked, actor=_ACTOR, now=now)
        is_refused = asked.outcome is PushOutcome.REFUSED
        if is_refused or payment.queries > len(STATUS_WAITS) + 1:
            details = {"code": asked.code, "asked": payment.queries}
            next_at = now + HOURLY if is_refused else None
            report_unverified(payment_id=payment.pk, details=details, next_at=next_at, actor=_ACTOR, now=now)


@transaction.atomic
def open_inquiry(*, kind: Question, payment_id: int, actor: str, now: datetime) -> Inquiry:
    """A question that is about to be asked: stored first, so that its answer never comes to nobody."""
    payment = Payment.objects.only("provider").get(pk=payment_id)
    inquiry = Inquiry.objects.create(
        provider=payment.provider, kind=kind, payment=payment, state=InquiryState.ASKED, asked_at=now
    )
    details = {"kind": str(kind), "payment_id": payment_id}
    record(actor=actor, acts=[Act("inquiry.asked", f"inquiry:{inquiry.pk}", details)], now=now)
    return inquiry


@transaction.atomic
def store_asked(*, inquiry_id: int, asked: Asked, actor: str, now: datetime) -> Inquiry:
    """What became of asking: the provider's name of the question, or LOST when it did not take it. Ambiguous: it may
    have been taken, and waits like one that was.
    """
    inquiry = lock_inquiry(inquiry_id)
    if inquiry.state != InquiryState.ASKED:
        return inquiry
    if asked.outcome in (PushOutcome.REFUSED, PushOutcome.UNAVAILABLE):
        _lose(inquiry, asked.code, actor, now)
        return inquiry
    inquiry.conversation_id, inquiry.originator_id = asked.conversation_id or None, asked.originator_id
    inquiry.save(update_fields=["conversation_id", "originator_id"])
    return inquiry


@transaction.atomic
def take_answer(*, answer: ProviderAnswer, actor: str, now: datetime) -> Taken:
    """An answer by the result or the time-out door. Idempotent by (provider, conversation): the first one stands.

    One that says nothing final leaves the question to be asked again. A status settles its payment here; what a
    reversal means is `gateway.refunds`', in the caller's transaction.
    """
    inquiry = lock_inquiry_of_conversation(answer.provider, answer.conversation_id)
    if inquiry is None:
        return Taken(None, "unknown_conversation")
    if inquiry.state == InquiryState.ANSWERED:
        return Taken(inquiry, "repeated")
    if answer.outcome is Outcome.UNKNOWN:
        if inquiry.state == InquiryState.ASKED:
            _lose(inquiry, answer.result_code, actor, now)
        return Taken(inquiry, "unanswered")
    if not _is_about_its_payment(inquiry, answer):
        return Taken(inquiry, "other_payment")
    INQUIRY.check_can_move(inquiry.state, InquiryState.ANSWERED)
    inquiry.state, inquiry.answered_at = InquiryState.ANSWERED, now
    inquiry.outcome, inquiry.result_code = answer.outcome, answer.result_code[:32]
    inquiry.save(update_fields=["state", "answered_at", "outcome", "result_code"])
    details = {"outcome": str(answer.outcome), "result_code": inquiry.result_code}
    record(actor=actor, acts=[Act("inquiry.answered", f"inquiry:{inquiry.pk}", details)], now=now)
    if inquiry.kind == Question.STATUS:
        verify_payment(
            payment_id=inquiry.payment_id,
            outcome=answer.outcome,
            amount_minor=answer.amount_minor,
            actor=actor,
            now=now,
        )
    return Taken(inquiry, "answered")


def _is_about_its_payment(inquiry: Inquiry, answer: ProviderAnswer) -> bool:
    """Whether what the answer names, if it names anything, is the payment that was asked about."""
    payment = inquiry.payment
    named = answer.receipt if inquiry.kind == Question.STATUS else answer.original_receipt
    is_same_money = answer.currency in ("", payment.currency)
    return named in ("", payment.receipt) and is_same_money


@transaction.atomic
def lose_inquiries(*, now: datetime, limit: int = 200) -> int:
    """Questions that nobody answered in time are LOST; a late answer to one is still an answer."""
    old = Inquiry.objects.filter(state=InquiryState.ASKED, asked_at__lte=now - ANSWER_PATIENCE)
    inquiries = [lock_inquiry(pk) for pk in old.order_by("pk").values_list("pk", flat=True)[:limit]]
    lost = [inquiry for inquiry in inquiries if inquiry.state == InquiryState.ASKED]
    for inquiry in lost:
        _lose(inquiry, "no answer", _ACTOR, now)
    return len(lost)


def _lose(inquiry: Inquiry, code: str, actor: str, now: datetime) -> None:
    INQUIRY.check_can_move(inquiry.state, InquiryState.LOST)
    inquiry.state, inquiry.result_code = InquiryState.LOST, code[:32]
    inquiry.save(update_fields=["state", "result_code"])
    act = Act("inquiry.lost", f"inquiry:{inquiry.pk}", {"code": inquiry.result_code})
    record(actor=actor, acts=[act], now=now)
