"""`payment.assign`: money that waits for its meter gets one; the flow allocates it. Given: `meter_id`."""

from datetime import datetime

from gateway.desk.acts.answering import answer_claim
from gateway.desk.acts.base import Given, Order, Rows, Terms, existing_payment, facts_of, meter_for, number_in
from gateway.desk.errors import MeterIsSame
from gateway.payments.doubts import waits_for_meter
from gateway.payments.errors import PaymentNotInSuspense
from gateway.payments.services import assign_meter


class Assign:
    """Money that waits for its meter gets one."""

    subject = "payment"

    def terms(self, payment_id: int, given: Given, now: datetime) -> Terms:
        payment = existing_payment(payment_id)
        meter = meter_for(payment, number_in(given, "meter_id"))
        if not waits_for_meter(payment):
            raise PaymentNotInSuspense("the payment does not wait for a meter")
        if payment.meter_id == meter.pk:
            raise MeterIsSame("the payment is for this meter already", field="meter_id")
        return facts_of(payment) | {"meter_id": meter.pk, "drn": meter.drn}

    def rows(self, payment_id: int, terms: Given) -> Rows:
        return Rows(meter_ids=(number_in(terms, "meter_id"),), payment_ids=(payment_id,))

    def do(self, order: Order) -> None:
        meter_id = number_in(order.terms, "meter_id")
        assign_meter(payment_id=order.subject_id, meter_id=meter_id, actor=order.actor, now=order.now)
        answer_claim(payment_id=order.subject_id, is_accepted=True, actor=order.actor, now=order.now)
