"""`payment.move`: money that went to the wrong meter, and has not become a token, buys for the right one. Given:
`meter_id`.

The wrong meter's sale is cancelled, and the right one is sold to out of the wrong one's wallet, under an authority of
its own: at most once a payment (ADR 0008). What it cannot buy waits in the right meter's wallet.
"""

from datetime import datetime

from fleet.audit.services import Act, record
from fleet.cases.services import close_cases
from fleet.meters.locks import lock_meters
from gateway.desk.acts.answering import answer_claim
from gateway.desk.acts.base import (
    Given,
    Order,
    Rows,
    Terms,
    existing_payment,
    facts_of,
    meter_for,
    number_in,
    numbers_in,
)
from gateway.desk.errors import MeterIsSame, NothingToMove, PaymentNotMovable
from gateway.desk.queries import is_moved
from gateway.fulfilment.letters import queue_kept_notices
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import lock_payments
from gateway.payments.models import Payment
from gateway.refunds.queries import check_not_in_doubt, find_sale_of, sum_refunded
from vending.ledger.accounts import WALLET
from vending.ledger.queries import get_wallet
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.services import SaleOrder, cancel_vend, fund_vends, hold_vend

KIND = "moved"


def _money_in(sale: Vend) -> int:
    """What comes back into the wallet when the sale is cancelled."""
    return sale.paid_minor + sale.wallet_used_minor - sale.kept_minor


def _sell(order: Order, source_meter_id: int, meter_id: int) -> Vend | None:
    sale = SaleOrder(
        reference=str(order.subject_id),
        meter_id=meter_id,
        paid_minor=number_in(order.terms, "moved_minor"),
        source=WALLET,
        cause=f"payment:{order.subject_id}:moved",
        source_meter_id=source_meter_id,
    )
    sold = fund_vends(
        kind=KIND,
        orders=[sale],
        meters={meter_id: lock_meters([meter_id])[meter_id]},
        random_nibble=order.tools.random_nibble,
        look_ahead_minutes=order.tools.look_ahead_minutes,
        actor=order.actor,
        now=order.now,
    )
    return sold[sale.reference]


def _tell_kept(payment: Payment, meter_id: int, now: datetime) -> None:
    queue_kept_notices(payments=[payment], meters=lock_meters([meter_id]), now=now)


class Move:
    """Money of the wrong meter buys for the right one."""

    subject = "payment"

    def terms(self, payment_id: int, given: Given, now: datetime) -> Terms:
        payment = existing_payment(payment_id)
        meter = meter_for(payment, number_in(given, "meter_id"))
        check_not_in_doubt(payment)
        if payment.state != PaymentState.ALLOCATED or payment.meter_id is None or is_moved(payment_id):
            raise PaymentNotMovable("the payment was not allocated, or was moved before")
        if payment.meter_id == meter.pk:
            raise MeterIsSame("the payment is for this meter already", field="meter_id")
        sale = find_sale_of(payment_id)
        if sale and sale.state == VendState.ISSUED:
            raise PaymentNotMovable(f"its money became the token of vend {sale.pk}")
        in_wallet = get_wallet(payment.meter_id) + (_money_in(sale) if sale else 0)
        moved = min(payment.amount_minor - sum_refunded(payment_id), in_wallet)
        if moved <= 0:
            raise NothingToMove("nothing of it is left in the wallet")
        return facts_of(payment) | {
            "source_meter_id": payment.meter_id,
            "source_drn": payment.meter.drn if payment.meter else "",
            "meter_id": meter.pk,
            "drn": meter.drn,
            "vend_id": sale.pk if sale else None,
            "moved_minor": moved,
        }

    def rows(self, payment_id: int, terms: Given) -> Rows:
        return Rows(numbers_in(terms, "source_meter_id", "meter_id"), (payment_id,), numbers_in(terms, "vend_id"))

    def do(self, order: Order) -> None:
        source_meter_id, meter_id = numbers_in(order.terms, "source_meter_id", "meter_id")
        for vend_id in numbers_in(order.terms, "vend_id"):
            hold_vend(vend_id=vend_id, reason=order.reason, actor=order.actor, now=order.now)
            cancel_vend(vend_id=vend_id, actor=order.actor, now=order.now)
        answer_claim(payment_id=order.subject_id, is_accepted=True, actor=order.actor, now=order.now)
        payment = lock_payments([order.subject_id])[0]
        payment.meter_id = meter_id
        payment.save(update_fields=["meter"])
        vend = _sell(order, source_meter_id, meter_id)
        details = {"from": source_meter_id, "to": meter_id, "moved_minor": order.terms["moved_minor"]}
        record(actor=order.actor, acts=[Act("payment.moved", f"payment:{payment.pk}", details)], now=order.now)
        close_cases(
            subject=f"payment:{payment.pk}", outcome="moved to the right meter", actor=order.actor, now=order.now
        )
        if vend is None:
            _tell_kept(payment, meter_id, order.now)
