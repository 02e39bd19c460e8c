"""What it means that a provider took a payment's money back: the sale, the wallet, a refund of ours, the books.

In this order: a sale whose code is not out is cancelled; refunds of ours that the money covers are DONE by it; what is
left comes out of suspense, or out of the meter's wallet as far as that holds, and the meter owes the rest. Money in
suspense belongs to no meter, so nobody could owe a difference: a reversal of another amount waits there for a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from fleet.cases.queries import has_case
from fleet.cases.services import CaseDraft, close_cases, open_cases
from fleet.meters.queries import get_meter
from gateway.payments.lifecycle import PAYMENT, PaymentState
from gateway.payments.models import Payment
from gateway.refunds.letters import queue_reversed_after_token
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.locks import lock_open_refunds
from gateway.refunds.models import Refund
from gateway.refunds.moving import IN_PART, finish, move_payment, send_by_hand
from gateway.refunds.queries import find_refund_of_receipt, find_sale_of
from gateway.reversals.models import Reversal
from gateway.reversals.services import close_reversal
from vending.ledger.accounts import RECEIVABLE, SUSPENSE, WALLET, provider_float
from vending.ledger.queries import get_wallet
from vending.ledger.services import Line, Posting, post
from vending.vends.lifecycle import VendState
from vending.vends.queries import get_vend
from vending.vends.services import cancel_vend, hold_vend

LATE_CASE = "late_reversal"
AMOUNT_CASE = "reversal_amount_differs"
TWICE_CASE = "reversal_after_refund"
PATIENCE = timedelta(hours=24)
_WHY_HELD = "the provider took the money back"
_WITHOUT_METER = (PaymentState.CONFIRMED, PaymentState.SUSPENSE, PaymentState.REFUND_PENDING)
_WITHOUT_MONEY = (PaymentState.EXPECTED, PaymentState.UNKNOWN, PaymentState.DECLINED)
_ENDS = (PaymentState.REFUNDED, PaymentState.REVERSED)


@dataclass(frozen=True)
class _Taking:
    reversal: Reversal
    payment: Payment
    actor: str
    now: datetime


def take_back(*, reversal: Reversal, payment: Payment, actor: str, now: datetime) -> bool:
    """Book a reversal that is not booked yet; whether it is now. False where a person has to decide (a case is open),
    or the payment's money is not here. The caller holds the locks of the meter, the payment and the reversal.
    """
    taking = _Taking(reversal, payment, actor, now)
    if payment.state in _WITHOUT_MONEY:
        return False
    paid_out = reversal.receipt and find_refund_of_receipt(payment.provider, reversal.receipt)
    if paid_out and paid_out.payment_id == payment.pk and paid_out.state == RefundState.DONE:
        _close_as_refund(taking)
        return True
    if reason := _reason_to_wait(taking):
        _wait_for_person(taking, reason)
        return False
    if parts := _list_parts_paid_out(taking):
        for refund in parts:
            finish(refund, payment, reversal.receipt or payment.receipt or "", actor, now)
        _close_as_refund(taking)
        return True
    _book(taking)
    return True


def _close_as_refund(taking: _Taking) -> None:
    """The reversal is what a refund of ours was paid out by: it takes nothing more."""
    payment, actor, now = taking.payment, taking.actor, taking.now
    close_reversal(reversal=taking.reversal, payment=payment, outcome="refund", actor=actor, now=now)
    subject, outcome = f"payment:{payment.pk}", "closed by itself: it is the receipt of the refund"
    close_cases(subject=subject, reason=TWICE_CASE, outcome=outcome, actor=actor, now=now)


def _list_parts_paid_out(taking: _Taking) -> list[Refund]:
    """The refund of a part that somebody paid out by reversing just that much: the rest of the payment stays as it is,
    and so does what it bought.
    """
    amount_minor = taking.reversal.amount_minor
    if taking.payment.state != PaymentState.ALLOCATED or amount_minor >= taking.payment.amount_minor:
        return []
    return [refund for refund in lock_open_refunds(taking.payment.pk) if refund.amount_minor == amount_minor][:1]


def _reason_to_wait(taking: _Taking) -> str:
    """Why only a person can say who bears it, as the reason of a case; empty when it can be booked."""
    payment, reversal = taking.payment, taking.reversal
    if reversal.currency not in ("", payment.currency):
        return AMOUNT_CASE
    if payment.state in _WITHOUT_METER and reversal.amount_minor != payment.amount_minor:
        return AMOUNT_CASE
    # Without its own receipt it may be the very money that went back before: a list will tell.
    is_nobodys = payment.meter_id is None or not reversal.receipt
    return TWICE_CASE if payment.state in _ENDS and is_nobodys else ""


def _wait_for_person(taking: _Taking, reason: str) -> None:
    """Nobody asks for the money once more meanwhile. A case that a person has closed stays closed."""
    for refund in lock_open_refunds(taking.payment.pk):
        if refund.state != RefundState.BY_HAND:
            send_by_hand(refund, "taken back in another amount", taking.actor, taking.now)
    if not has_case(reason, f"payment:{taking.payment.pk}"):
        _open_cases(taking, [reason], 0)


def _book(taking: _Taking) -> None:
    reversal, payment = taking.reversal, taking.payment
    state_before, differs = payment.state, reversal.amount_minor != payment.amount_minor
    is_late = payment.state == PaymentState.ALLOCATED and _is_code_out(taking)
    if payment.state == PaymentState.CONFIRMED:
        _put_into_suspense(taking)
    left = reversal.amount_minor - _finish_refunds(taking)
    owed = _post(taking, left) if left else 0
    _end(taking)
    outcome = _outcome(left, state_before, is_late=is_late)
    close_reversal(reversal=reversal, payment=payment, outcome=outcome, actor=taking.actor, now=taking.now)
    close_cases(subject=f"payment:{payment.pk}", outcome="the money went back", actor=taking.actor, now=taking.now)
    found = {LATE_CASE: is_late or owed > 0, AMOUNT_CASE: differs, TWICE_CASE: left > 0 and state_before in _ENDS}
    _open_cases(taking, [reason for reason, is_so in found.items() if is_so], owed)
    if owed and payment.meter_id:
        drn = get_meter(payment.meter_id).drn
        queue_reversed_after_token(
            payment=payment, drn=drn, taken_minor=reversal.amount_minor, owed_minor=owed, now=taking.now
        )


def _is_code_out(taking: _Taking) -> bool:
    """Whether the money has become a token. A sale that has none yet is cancelled: its money is in the wallet then."""
    sale = find_sale_of(taking.payment.pk)
    if sale is None or sale.state == VendState.ISSUED:
        return sale is not None
    hold_vend(vend_id=sale.pk, reason=_WHY_HELD, actor=taking.actor, now=taking.now)
    held = get_vend(sale.pk)
    if held and held.state == VendState.ISSUED:  # its digits came while its lock was waited for
        return True
    cancel_vend(vend_id=sale.pk, actor=taking.actor, now=taking.now)
    return False


def _put_into_suspense(taking: _Taking) -> None:
    """Money that nobody has booked yet: it came, and it went."""
    payment = taking.payment
    lines = (Line(provider_float(payment.provider), payment.amount_minor), Line(SUSPENSE, -payment.amount_minor))
    post(postings=[Posting(f"payment:{payment.pk}:suspense", payment.currency, lines)], now=taking.now)
    move_payment(payment, PaymentState.SUSPENSE, taking.actor, taking.now)


def _finish_refunds(taking: _Taking) -> int:
    """The refunds of ours that this money covers are DONE by it; returns how much of it they were.

    One that it does not cover is not asked for any more: a person looks at what is left of it.
    """
    payment, receipt = taking.payment, taking.reversal.receipt or taking.payment.receipt or ""
    covered = 0
    for refund in lock_open_refunds(payment.pk):
        if refund.amount_minor <= taking.reversal.amount_minor - covered:
            finish(refund, payment, receipt, taking.actor, taking.now)
            covered += refund.amount_minor
        elif refund.state != RefundState.BY_HAND:
            send_by_hand(refund, IN_PART, taking.actor, taking.now)
    return covered


def _post(taking: _Taking, left: int) -> int:
    """What no refund of ours covers comes out of suspense, or out of the wallet; returns what the meter owes."""
    payment = taking.payment
    wallet = owed = 0
    if payment.state not in _WITHOUT_METER and payment.meter_id:
        wallet = min(left, max(get_wallet(payment.meter_id), 0))
        owed = left - wallet
    lines = (
        Line(SUSPENSE, left - wallet - owed),
        Line(WALLET, wallet, payment.meter_id),
        Line(RECEIVABLE, owed, payment.meter_id),
        Line(provider_float(payment.provider), -left),
    )
    post(postings=[Posting(f"payment:{payment.pk}:reversed", payment.currency, lines)], now=taking.now)
    return owed


def _end(taking: _Taking) -> None:
    """The payment's own way back: through REFUND_PENDING from suspense, at once from a meter."""
    payment = taking.payment
    if payment.state == PaymentState.ALLOCATED:
        move_payment(payment, PaymentState.REVERSED, taking.actor, taking.now)
    for state in (PaymentState.REFUND_PENDING, PaymentState.REFUNDED):
        if PAYMENT.can_move(payment.state, state):
            move_payment(payment, state, taking.actor, taking.now)


def _outcome(left: int, state_before: str, *, is_late: bool) -> str:
    if not left:
        return "refund"
    if state_before in _WITHOUT_METER:
        return "suspense"
    if state_before in _ENDS:
        return "twice"
    return "token" if is_late else "wallet"


def _open_cases(taking: _Taking, reasons: Sequence[str], owed_minor: int) -> None:
    payment, reversal = taking.payment, taking.reversal
    details = {
        "payment_minor": payment.amount_minor,
        "taken_minor": reversal.amount_minor,
        "owed_minor": owed_minor,
        "meter_id": payment.meter_id,
    }
    drafts = [CaseDraft(reason, f"payment:{payment.pk}", taking.now + PATIENCE, details) for reason in reasons]
    open_cases(drafts=drafts, actor=taking.actor, now=taking.now)
