"""`payment.decline`: a claim of money that never came (ADR 0009). `payment.release`: money that was stopped is good.
Given: nothing.
"""

from datetime import datetime

from fleet.cases.services import close_cases
from gateway.desk.acts.answering import answer_claim
from gateway.desk.acts.base import Given, Order, Rows, Terms, existing_payment, facts_of, numbers_in
from gateway.desk.errors import PaymentNotStopped
from gateway.payments.doubts import is_stopped
from gateway.payments.errors import PaymentNotDeclinable
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.services import decline_payment, release_payment
from gateway.refunds.queries import find_sale_of
from vending.vends.lifecycle import VendState
from vending.vends.services import release_vend


def _terms_of(payment: Payment) -> Terms:
    doubts = {"frozen_reason": payment.frozen_reason, "must_verify": payment.must_verify}
    return facts_of(payment) | doubts | {"meter_id": payment.meter_id}


class Decline:
    """A claim is not believed."""

    subject = "payment"

    def terms(self, payment_id: int, given: Given, now: datetime) -> Terms:
        payment = existing_payment(payment_id)
        if payment.state != PaymentState.CONFIRMED or not (payment.frozen_reason or payment.must_verify):
            raise PaymentNotDeclinable("only confirmed money in doubt can be declined")
        return _terms_of(payment)

    def rows(self, payment_id: int, terms: Given) -> Rows:
        return Rows(meter_ids=numbers_in(terms, "meter_id"), payment_ids=(payment_id,))

    def do(self, order: Order) -> None:
        decline_payment(payment_id=order.subject_id, reason=order.reason, actor=order.actor, now=order.now)


class Release:
    """A claim is believed."""

    subject = "payment"

    def terms(self, payment_id: int, given: Given, now: datetime) -> Terms:
        payment = existing_payment(payment_id)
        if not is_stopped(payment):
            raise PaymentNotStopped("nothing stops this payment")
        return _terms_of(payment)

    def rows(self, payment_id: int, terms: Given) -> Rows:
        return Rows(meter_ids=numbers_in(terms, "meter_id"), payment_ids=(payment_id,))

    def do(self, order: Order) -> None:
        """The money, and the sale that it may have become."""
        answer_claim(payment_id=order.subject_id, is_accepted=False, actor=order.actor, now=order.now)
        release_payment(payment_id=order.subject_id, actor=order.actor, now=order.now)
        sale = find_sale_of(order.subject_id)
        if sale and sale.state == VendState.HELD:
            release_vend(vend_id=sale.pk, actor=order.actor, now=order.now)
        subject = f"payment:{order.subject_id}"
        close_cases(subject=subject, outcome="released", actor=order.actor, now=order.now)
