"""`payment.refund`: all of a payment that is in no sale goes back to who paid. Given: nothing.

`wallet.refund`: a part of a meter's wallet goes to who paid one of its payments. Given: `payment_id`, `amount_minor`.
"""

from datetime import datetime

from fleet.cases.services import close_cases
from gateway.desk.acts.answering import answer_claim
from gateway.desk.acts.base import (
    Given,
    Order,
    Rows,
    Terms,
    existing_meter,
    existing_payment,
    facts_of,
    number_in,
    numbers_in,
)
from gateway.payments.lifecycle import PaymentState
from gateway.refunds.errors import PaymentNotRefundable
from gateway.refunds.queries import check_can_refund_part, check_can_refund_whole
from gateway.refunds.services import approve_refund
from vending.ledger.queries import get_wallet


def _approve(order: Order, payment_id: int, meter_id: int | None) -> None:
    approve_refund(
        payment_id=payment_id,
        meter_id=meter_id,
        amount_minor=number_in(order.terms, "amount_minor"),
        approval_id=order.approval_id,
        actor=order.actor,
        now=order.now,
    )


class RefundPayment:
    """All of a payment goes back."""

    subject = "payment"

    def terms(self, payment_id: int, given: Given, now: datetime) -> Terms:
        payment = existing_payment(payment_id)
        check_can_refund_whole(payment)
        in_suspense = payment.state == PaymentState.SUSPENSE
        return facts_of(payment) | {
            "amount_minor": payment.amount_minor,
            "source": "suspense" if in_suspense else "wallet",
            "meter_id": None if in_suspense else payment.meter_id,
        }

    def rows(self, payment_id: int, terms: Given) -> Rows:
        return Rows(meter_ids=numbers_in(terms, "meter_id"), payment_ids=(payment_id,))

    def do(self, order: Order) -> None:
        meter_id = next(iter(numbers_in(order.terms, "meter_id")), None)
        answer_claim(payment_id=order.subject_id, is_accepted=False, actor=order.actor, now=order.now)
        _approve(order, order.subject_id, meter_id)
        subject = f"payment:{order.subject_id}"
        close_cases(subject=subject, outcome="the money goes back", actor=order.actor, now=order.now)


class RefundWallet:
    """A part of a wallet goes back."""

    subject = "meter"

    def terms(self, meter_id: int, given: Given, now: datetime) -> Terms:
        meter = existing_meter(meter_id)
        payment = existing_payment(number_in(given, "payment_id"))
        amount_minor = number_in(given, "amount_minor")
        if payment.meter_id != meter.pk:
            raise PaymentNotRefundable("the payment is not one of this meter", field="payment_id")
        check_can_refund_part(payment, amount_minor)
        return facts_of(payment) | {
            "payment_id": payment.pk,
            "amount_minor": amount_minor,
            "drn": meter.drn,
            "wallet_minor": get_wallet(meter.pk),
        }

    def rows(self, meter_id: int, terms: Given) -> Rows:
        return Rows(meter_ids=(meter_id,), payment_ids=(number_in(terms, "payment_id"),))

    def do(self, order: Order) -> None:
        _approve(order, number_in(order.terms, "payment_id"), order.subject_id)
