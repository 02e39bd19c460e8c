"""Which prices a payment buys at: those that its customer was shown, for a while, else those of now (journey B9)."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from fleet.meters.models import Meter
from gateway.fulfilment.notices import queue_price_changed
from gateway.payments.models import Payment
from vending.tariffs.errors import TariffMissing
from vending.tariffs.models import Tariff
from vending.tariffs.queries import TariffBook, load_tariffs
from vending.vends.models import Vend

QUOTE_HOLDS = timedelta(minutes=30)


def priced_at_of(payment: Payment) -> datetime | None:
    """The start of a purchase that was confirmed within half an hour of it; None: the prices of now hold."""
    if _was_quoted(payment) and payment.confirmed_at and payment.confirmed_at <= payment.started_at + QUOTE_HOLDS:
        return payment.started_at
    return None


def _was_quoted(payment: Payment) -> bool:
    """Whether the customer began it with us: money that nobody announced starts in the moment it is confirmed."""
    return payment.confirmed_at is not None and payment.started_at < payment.confirmed_at


def queue_price_notices(
    *, payments: Sequence[Payment], vend_of: Mapping[str, Vend | None], meters: Mapping[int, Meter], now: datetime
) -> list[int]:
    """Tell the customers whose sale was made by another version than their quote. Idempotent by payment.

    Only late confirmations can have one: nearly always there is nothing to read.
    """
    late = [
        (payment, vend)
        for payment in payments
        if _was_quoted(payment) and priced_at_of(payment) is None and (vend := vend_of[str(payment.pk)])
    ]
    if not late:
        return []
    book = load_tariffs({meters[vend.meter_id].site_id for _, vend in late}, now)
    message_ids = []
    for payment, vend in late:
        meter = meters[vend.meter_id]
        quoted = _quoted(book, meter, payment)
        if quoted and quoted.pk != vend.tariff_id:
            message_ids += queue_price_changed(payment=payment, vend=vend, meter=meter, tariff=vend.tariff, now=now)
    return message_ids


def _quoted(book: TariffBook, meter: Meter, payment: Payment) -> Tariff | None:
    try:
        return book.at(meter.site_id, meter.customer_class, payment.started_at)
    except TariffMissing:
        return None
