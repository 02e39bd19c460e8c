"""The moves of a refund and of its payment, with their postings, cases and audit entries. Parts of an act: whoever
calls holds the locks and is in a transaction.
"""

from datetime import datetime, timedelta

from fleet.audit.services import Act, record
from fleet.cases.services import CaseDraft, close_cases, open_cases
from gateway.payments.lifecycle import PAYMENT, PaymentState
from gateway.payments.models import Payment
from gateway.refunds.lifecycle import REFUND, RefundState
from gateway.refunds.models import Refund
from gateway.refunds.queries import is_whole
from vending.ledger.accounts import REFUNDS, provider_float
from vending.ledger.services import Line, Posting, post

BY_HAND_CASE = "refund_by_hand"
BY_HAND_PATIENCE = timedelta(hours=24)
IN_PART = "in_part"


def finish(refund: Refund, payment: Payment, receipt: str, actor: str, now: datetime) -> None:
    """The money has left: DONE under the provider's receipt, and the payment with it if this was all of it."""
    is_all = is_whole(refund, payment)
    refund.payout_receipt, refund.done_at = receipt, now
    move_refund(refund, RefundState.DONE, "", actor, now)
    lines = (Line(REFUNDS, refund.amount_minor), Line(provider_float(payment.provider), -refund.amount_minor))
    post(postings=[Posting(f"refund:{refund.pk}:done", refund.currency, lines)], now=now)
    if payment.state == PaymentState.REFUND_PENDING:
        move_payment(payment, PaymentState.REFUNDED, actor, now)
    elif payment.state == PaymentState.ALLOCATED and is_all:
        move_payment(payment, PaymentState.REVERSED, actor, now)
    close_cases(subject=f"refund:{refund.pk}", outcome="paid back", actor=actor, now=now)


def send_by_hand(refund: Refund, reason: str, actor: str, now: datetime) -> None:
    """A person pays it out, and has a case that says so."""
    move_refund(refund, RefundState.BY_HAND, reason, actor, now)
    details = {"payment_id": refund.payment_id, "amount_minor": refund.amount_minor, "reason": refund.reason}
    draft = CaseDraft(BY_HAND_CASE, f"refund:{refund.pk}", now + BY_HAND_PATIENCE, details)
    open_cases(drafts=[draft], actor=actor, now=now)


def move_refund(refund: Refund, state: RefundState, reason: str, actor: str, now: datetime) -> None:
    """One step of the lifecycle. `next_try_at` is the caller's to set before, and only while the provider is asked."""
    REFUND.check_can_move(refund.state, state)
    refund.state, refund.reason, refund.leased_until = state, reason[:60], None
    if state in (RefundState.BY_HAND, RefundState.DONE):
        refund.next_try_at = None
    refund.save()
    details = {"payment_id": refund.payment_id} | ({"reason": refund.reason} if reason else {})
    record(actor=actor, acts=[Act(f"refund.{state.lower()}", f"refund:{refund.pk}", details)], now=now)


def move_payment(payment: Payment, state: PaymentState, actor: str, now: datetime) -> None:
    """A payment that waits for nothing any more: nobody tries to allocate it, or asks about it."""
    PAYMENT.check_can_move(payment.state, state)
    payment.state, payment.reason, payment.frozen_reason = state, "", ""
    payment.next_try_at = payment.leased_until = payment.next_query_at = None
    payment.must_verify = False
    payment.save()
    record(actor=actor, acts=[Act(f"payment.{state.lower()}", f"payment:{payment.pk}")], now=now)
