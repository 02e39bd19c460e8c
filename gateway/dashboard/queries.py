"""Read models of the lists: payments, sales and messages as the pages show them, newest first, paged by key."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gateway.dashboard import words
from gateway.dashboard.words import Moment, PageClock, State
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.http.phones import mask
from gateway.payments.queries import list_newest_payments, list_payments
from gateway.sms.queries import list_newest_messages
from vending.vends.queries import list_last_vends, list_newest_vends, list_vend_ids_of


@dataclass(frozen=True)
class PaymentRow:
    """`sale_id` is the sale that the money became, if any; `meter` is empty while none is known."""

    id: int
    at: Moment
    receipt: str
    amount: str
    meter: str
    account: str
    payer: str
    state: State
    reason: str
    sale_id: int | None


class MoneyFacts(NamedTuple):
    """The provider's receipt, and when the money came: from then on somebody waits."""

    receipt: str
    at: datetime | None


NO_MONEY = MoneyFacts("", None)


@dataclass(frozen=True)
class SaleRow:
    id: int
    at: Moment
    meter: str
    paid: str
    units: str
    receipt: str
    state: State
    reason: str


@dataclass(frozen=True)
class MessageRow:
    id: int
    at: Moment
    kind: str
    phone: str
    meter: str
    attempts: int
    state: State
    sale_id: int | None


def list_payment_rows(clock: PageClock, *, before_id: int | None, limit: int) -> list[PaymentRow]:
    payments = list_newest_payments(before_id=before_id, limit=limit)
    sales = list_sale_ids([payment.pk for payment in payments])
    return [
        PaymentRow(
            id=payment.pk,
            at=clock.moment(payment.started_at, payment.meter.site.timezone if payment.meter else ""),
            receipt=payment.receipt or "",
            amount=words.money(payment.amount_minor, payment.currency),
            meter=payment.meter.drn if payment.meter else "",
            account=words.account(payment.account_text),
            payer=words.payer(payment.payer_e164, payment.payer_masked, payment.payer_sha256),
            state=words.payment_state(payment.state),
            reason=words.reason(payment.frozen_reason or payment.reason),
            sale_id=sales.get(payment.pk),
        )
        for payment in payments
    ]


def list_sale_rows(
    clock: PageClock, *, before_id: int | None = None, limit: int, meter_id: int | None = None
) -> list[SaleRow]:
    """Of all meters, or of this one; there without those that were cancelled."""
    vends = (
        list_newest_vends(before_id=before_id, limit=limit) if meter_id is None else list_last_vends(meter_id, limit)
    )
    paid = list_money_facts([(vend.authority.kind, vend.authority.reference) for vend in vends])
    return [
        SaleRow(
            id=vend.pk,
            at=clock.moment(vend.funded_at, vend.meter.site.timezone),
            meter=vend.meter.drn,
            paid=words.money(vend.paid_minor, vend.currency),
            units=words.units(vend.energy_kwh_tenths),
            receipt=paid.get((vend.authority.kind, vend.authority.reference), NO_MONEY).receipt,
            state=words.vend_state(vend.state),
            reason=words.reason(vend.held_reason),
        )
        for vend in vends
    ]


def list_message_rows(clock: PageClock, *, before_id: int | None, limit: int) -> list[MessageRow]:
    return [
        MessageRow(
            id=message.pk,
            at=clock.moment(message.queued_at),
            kind=words.message_kind(message.kind),
            phone=mask(message.to_e164),
            meter=message.vend.meter.drn if message.vend else "",
            attempts=message.attempts,
            state=words.message_state(message.state),
            sale_id=message.vend_id,
        )
        for message in list_newest_messages(before_id=before_id, limit=limit)
    ]


def list_sale_ids(payment_ids: Collection[int]) -> dict[int, int]:
    """The sale that each of these payments became, by payment: the one that it was moved to, where it was moved."""
    references = [str(payment_id) for payment_id in payment_ids]
    sales: dict[str, int] = {}
    for kind in AUTHORITY_KINDS:
        sales |= list_vend_ids_of(kind, references)
    return {int(reference): vend_id for reference, vend_id in sales.items()}


def list_money_facts(authorities: Iterable[tuple[str, str]]) -> dict[tuple[str, str], MoneyFacts]:
    """The money behind each of these authorities (kind, reference) that is a payment, or one that was moved."""
    paid = list_payments({reference for kind, reference in authorities if kind in AUTHORITY_KINDS})
    return {
        (kind, str(p.pk)): MoneyFacts(p.receipt or "", p.confirmed_at or p.started_at)
        for p in paid
        for kind in AUTHORITY_KINDS
    }
