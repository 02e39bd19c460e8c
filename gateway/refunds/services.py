"""Money back to the payer: approved, asked of the provider, paid out by hand where it has to be; and money that a
provider took back by itself.

Two persons approve (`gateway.desk`); then the money is booked out of suspense or the wallet, so that it buys nothing
more. A provider gives back whole payments only: ordering the same reversal twice is safe, so it is ordered again until
there is an answer. A part of a payment, and whatever the provider refuses, is paid out by a person.
"""

import logging
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.cases.services import CaseDraft, close_cases, open_cases
from fleet.meters.locks import lock_meters
from gateway.inquiries.models import Inquiry
from gateway.inquiries.services import addresses_of, open_inquiry, store_asked
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import lock_payments
from gateway.payments.models import Payment
from gateway.payments.ports import Asked, Door, Outcome, ProviderAnswer, PushOutcome, Question, ReversalRequest
from gateway.payments.registry import get_provider
from gateway.refunds.errors import (
    PaymentNotRefundable,
    RefundInPart,
    RefundMissing,
    RefundNotByHand,
    RefundReceiptInvalid,
    RefundReceiptTaken,
)
from gateway.refunds.letters import queue_refund_coming
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.locks import (
    LEASE,
    lock_due_refund,
    lock_open_refunds,
    lock_payment_and_meter,
    lock_refund,
    lock_refunds_by_hand,
)
from gateway.refunds.models import Refund
from gateway.refunds.moving import IN_PART, finish, move_payment, move_refund, send_by_hand
from gateway.refunds.queries import (
    check_can_refund_part,
    check_can_refund_whole,
    find_payment_of,
    get_refund,
    has_later_question,
    is_receipt_taken,
    is_whole,
)
from gateway.refunds.taken_back import take_back
from gateway.reversals.locks import lock_reversal
from gateway.reversals.queries import get_reversal, list_applicable_ids
from gateway.reversals.services import note_reversal
from vending.kernel.errors import DomainError
from vending.ledger.accounts import REFUNDS, SUSPENSE, WALLET
from vending.ledger.services import Line, Posting, post

logger = logging.getLogger(__name__)

ANSWER_PATIENCE = timedelta(minutes=15)
UNAVAILABLE_RETRY = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
# From this many orders without a final answer on, a person should know; the order is repeated all the same.
CASE_AFTER_TRIES = 8
UNANSWERED_CASE = "refund_unanswered"
_RECEIPT = re.compile(r"[A-Z0-9]{6,32}")
_ACTOR = "system:refunds"


@transaction.atomic
def approve_refund(
    *, payment_id: int, meter_id: int | None, amount_minor: int, approval_id: int, actor: str, now: datetime
) -> Refund:
    """Book money out of suspense (`meter_id` None: the whole payment) or out of the meter's wallet, to go to who paid.

    Two persons have approved it: `approval_id` says so, and makes one refund at most. All of a payment that is in no
    sale is ordered from the provider; a part waits for a person, with a case. Errors as for
    `gateway.refunds.queries.check_can_refund_whole` and `check_can_refund_part`. Locks the meter, then the payment.
    """
    if meter_id is not None:
        lock_meters([meter_id])
    payment = lock_payments([payment_id])[0]
    if payment.meter_id != meter_id or (payment.state == PaymentState.SUSPENSE) != (meter_id is None):
        raise PaymentNotRefundable("its money is not there")
    if meter_id is None and amount_minor != payment.amount_minor:
        raise RefundInPart("money in suspense goes back whole")
    if meter_id is None:
        check_can_refund_whole(payment)
        move_payment(payment, PaymentState.REFUND_PENDING, actor, now)
    else:
        check_can_refund_part(payment, amount_minor)
    refund = _new_refund(payment, amount_minor, approval_id, now)
    source = Line(SUSPENSE if meter_id is None else WALLET, amount_minor, meter_id)
    posting = Posting(f"refund:{refund.pk}:approved", refund.currency, (source, Line(REFUNDS, -amount_minor)))
    post(postings=[posting], now=now)
    details = {"payment_id": payment_id, "amount_minor": amount_minor, "approval_id": approval_id}
    record(actor=actor, acts=[Act("refund.approved", f"refund:{refund.pk}", details)], now=now)
    if not is_whole(refund, payment):
        send_by_hand(refund, IN_PART, actor, now)
    queue_refund_coming(refund=refund, payment=payment, now=now)
    return refund


def _new_refund(payment: Payment, amount_minor: int, approval_id: int, now: datetime) -> Refund:
    return Refund.objects.create(
        payment=payment,
        meter_id=payment.meter_id,
        approval_id=approval_id,
        state=RefundState.WAITING,
        amount_minor=amount_minor,
        currency=payment.currency,
        next_try_at=now,
        approved_at=now,
    )


class _Order(NamedTuple):
    refund: Refund
    inquiry: Inquiry


def ask_one(*, clock: Callable[[], datetime]) -> bool:
    """Order one reversal that is due from its provider; False when there was none. No transaction is open meanwhile.

    The question is stored before it is asked. Whoever dies in between leaves an order that is repeated a quarter of an
    hour later, as one whose answer never comes is.
    """
    order = _claim(clock())
    if order is None:
        return False
    payment = order.refund.payment
    request = ReversalRequest(
        receipt=payment.receipt or "",
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        remarks=f"refund {order.refund.pk}",
        addresses=addresses_of(payment.provider),
    )
    try:
        asked = get_provider(payment.provider).ask_reversal(request, now=clock())
    except DomainError as refusal:  # the provider is no longer set up
        asked = Asked(PushOutcome.REFUSED, code=refusal.code)
    _store_asked(order, asked, clock())
    return True


@transaction.atomic
def _claim(now: datetime) -> _Order | None:
    refund = lock_due_refund(now)
    if refund is None:
        return None
    if refund.state == RefundState.WAITING:
        move_refund(refund, RefundState.ASKED, "", _ACTOR, now)
    refund.attempts, refund.next_try_at, refund.leased_until = refund.attempts + 1, now + ANSWER_PATIENCE, now + LEASE
    refund.save(update_fields=["attempts", "next_try_at", "leased_until"])
    if refund.attempts >= CASE_AFTER_TRIES:
        details = {"payment_id": refund.payment_id, "tries": refund.attempts}
        draft = CaseDraft(UNANSWERED_CASE, f"refund:{refund.pk}", now + timedelta(hours=4), details)
        open_cases(drafts=[draft], actor=_ACTOR, now=now)
    inquiry = open_inquiry(kind=Question.REVERSAL, payment_id=refund.payment_id, actor=_ACTOR, now=now)
    return _Order(refund, inquiry)


@transaction.atomic
def _store_asked(order: _Order, asked: Asked, now: datetime) -> None:
    """What became of ordering. The answer may have come first: then nothing is left to be stored on the refund."""
    store_asked(inquiry_id=order.inquiry.pk, asked=asked, actor=_ACTOR, now=now)
    refund = lock_refund(order.refund.pk)
    if refund.state != RefundState.ASKED:
        return
    if asked.outcome is PushOutcome.REFUSED:
        send_by_hand(refund, f"refused {asked.code}", _ACTOR, now)
    elif asked.outcome is PushOutcome.UNAVAILABLE:
        wait = UNAVAILABLE_RETRY[min(refund.attempts, len(UNAVAILABLE_RETRY)) - 1]
        refund.next_try_at = now + wait
        move_refund(refund, RefundState.WAITING, f"unavailable {asked.code}", _ACTOR, now)
    else:
        refund.leased_until = None
        refund.save(update_fields=["leased_until"])


@transaction.atomic
def settle_reversal_answer(*, inquiry: Inquiry, answer: ProviderAnswer, actor: str, now: datetime) -> None:
    """The provider's final word on a reversal that was ordered: PAID is money that went back, once however often it is
    said; NOT_PAID leaves it to a person, unless a later order is still without an answer. Anything else waits to be
    ordered again.
    """
    payment = lock_payment_and_meter(inquiry.payment)
    if answer.outcome is Outcome.NOT_PAID and not has_later_question(inquiry):
        for refund in lock_open_refunds(inquiry.payment_id):
            if refund.state == RefundState.ASKED:
                send_by_hand(refund, f"refused {answer.result_code}", actor, now)
    if answer.outcome is not Outcome.PAID:
        return
    reversal = note_reversal(
        provider=inquiry.provider,
        payment_receipt=inquiry.payment.receipt or "",
        receipt=answer.receipt,
        amount_minor=answer.amount_minor or inquiry.payment.amount_minor,
        currency=answer.currency or inquiry.payment.currency,
        door=Door.RESULT,
        actor=actor,
        now=now,
    )
    # The payment got another meter at this moment: the sweep applies what is noted.
    if payment and reversal.applied_at is None:
        take_back(reversal=lock_reversal(reversal.pk), payment=payment, actor=actor, now=now)


@transaction.atomic
def apply_reversal(*, reversal_id: int, actor: str, now: datetime) -> bool:
    """Book one reversal whose payment is here; whether it was this call. Idempotent: a booked one stays as it is.

    Locks: the meter, the payment, its sale, its refunds, the reversal.
    """
    told = get_reversal(reversal_id)
    known = find_payment_of(told.provider, told.payment_receipt)
    payment = known and lock_payment_and_meter(known)
    if payment is None:
        return False
    reversal = lock_reversal(reversal_id)
    return reversal.applied_at is None and take_back(reversal=reversal, payment=payment, actor=actor, now=now)


def apply_reversals(*, now: datetime, actor: str, limit: int = 100) -> int:
    """Book all that providers took back, `limit` at a time and each alone: those that cannot be, or wait for a person,
    do not stop the rest. Returns how many.
    """
    applied = last_id = 0
    while reversal_ids := list_applicable_ids(limit, after=last_id):
        for last_id in reversal_ids:
            try:
                applied += apply_reversal(reversal_id=last_id, actor=actor, now=now)
            except Exception:
                logger.exception("reversal %d cannot be booked", last_id)
    return applied


@transaction.atomic
def record_payout(*, refund_id: int, receipt: str, operator_id: int, actor: str, now: datetime) -> Refund:
    """A person has paid a refund out in the provider's portal: BY_HAND -> DONE, with the provider's receipt of it.

    Raises `RefundMissing`, `RefundNotByHand`, `RefundReceiptInvalid`, and `RefundReceiptTaken` for a receipt that names
    other money. Idempotent by the receipt: the same one again changes nothing.
    """
    receipt = receipt.strip().upper()
    if not _RECEIPT.fullmatch(receipt):
        raise RefundReceiptInvalid("a receipt has 6 to 32 letters and digits", field="receipt")
    payment = lock_payments([_payment_id_of(refund_id)])[0]
    lock_refunds_by_hand()
    refund = lock_refund(refund_id)
    if refund.state == RefundState.DONE and refund.payout_receipt == receipt:
        return refund
    if refund.state != RefundState.BY_HAND:
        raise RefundNotByHand(f"the refund is {refund.state}")
    if is_receipt_taken(payment, receipt):
        raise RefundReceiptTaken("this receipt names other money", field="receipt")
    finish(refund, payment, receipt, actor, now)
    details = {"receipt": receipt, "operator_id": operator_id}
    record(actor=actor, acts=[Act("refund.paid_out", f"refund:{refund.pk}", details)], now=now)
    return refund


@transaction.atomic
def ask_again(*, refund_id: int, actor: str, now: datetime) -> Refund:
    """Order a refund from the provider once more: what it refused for is mended. BY_HAND -> WAITING.

    Raises `RefundMissing`, `RefundNotByHand`, and `RefundInPart` for what no provider reverses.
    """
    payment = lock_payments([_payment_id_of(refund_id)])[0]
    refund = lock_refund(refund_id)
    if refund.state != RefundState.BY_HAND:
        raise RefundNotByHand(f"the refund is {refund.state}")
    if not is_whole(refund, payment):
        raise RefundInPart("a provider gives back whole payments only")
    refund.attempts, refund.next_try_at = 0, now
    move_refund(refund, RefundState.WAITING, "", actor, now)
    close_cases(subject=f"refund:{refund.pk}", outcome="asked for again", actor=actor, now=now)
    return refund


def _payment_id_of(refund_id: int) -> int:
    if refund := get_refund(refund_id):
        return refund.payment_id
    raise RefundMissing("no such refund")
