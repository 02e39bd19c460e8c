"""`sale.cancel`: a held sale that will never have its code; its money is in the wallet again. Given: nothing.

Money that may never have come is not put where it can be spent or given back: its payment is released first.
"""

from datetime import datetime

from gateway.desk.acts.base import Given, Order, Rows, Terms, number_in
from gateway.desk.errors import VendMissing
from gateway.fulfilment.notices import queue_notices
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.payments.models import Payment
from gateway.payments.queries import list_payments
from gateway.refunds.queries import check_not_in_doubt
from vending.vends.errors import VendNotCancellable
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.queries import get_vend
from vending.vends.services import cancel_vend


class Cancel:
    """A held sale gives its money back to the wallet."""

    subject = "vend"

    def terms(self, vend_id: int, given: Given, now: datetime) -> Terms:
        vend = get_vend(vend_id)
        if vend is None:
            raise VendMissing("no such sale")
        if vend.state != VendState.HELD:
            raise VendNotCancellable(f"the sale is {vend.state}")
        for payment in _payments_of(vend):
            check_not_in_doubt(payment)
        return {
            "vend_state": str(vend.state),
            "meter_id": vend.meter_id,
            "drn": vend.meter.drn,
            "currency": vend.currency,
            "energy_kwh_tenths": vend.energy_kwh_tenths,
            "money_back_minor": vend.paid_minor + vend.wallet_used_minor - vend.kept_minor,
        }

    def rows(self, vend_id: int, terms: Given) -> Rows:
        return Rows(meter_ids=(number_in(terms, "meter_id"),), vend_ids=(vend_id,))

    def do(self, order: Order) -> None:
        vend = cancel_vend(vend_id=order.subject_id, actor=order.actor, now=order.now)
        _tell_kept(vend, order)


def _payments_of(vend: Vend) -> list[Payment]:
    return list_payments([vend.authority.reference] if vend.authority.kind in AUTHORITY_KINDS else [])


def _tell_kept(vend: Vend, order: Order) -> None:
    """That the money is there: nothing is missing, and paying more would not have helped."""
    payments = _payments_of(vend)
    queue_notices(
        template="money_kept",
        payments=payments,
        meters={payment.pk: vend.meter for payment in payments},
        actor=order.actor,
        now=order.now,
        values_of={payment.pk: {"missing_minor": 0} for payment in payments},
    )
