"""Texts about a payment that does not go as it should: late, on hold, sold at other prices. Each is queued once by its
cause, in the caller's transaction, to the one phone that has most to do with it: the payer's, else the oldest that is
linked to the meter. With no phone known nothing is queued.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from fleet.meters.models import Meter
from gateway.fulfilment.letters import payment_values
from gateway.fulfilment.payers import list_phones
from gateway.payments.models import Payment
from gateway.sms.services import Draft, queue_messages
from gateway.sms.texts import render_sms
from vending.tariffs.models import Tariff
from vending.vends.models import Vend


def queue_notices(
    *,
    template: str,
    payments: Sequence[Payment],
    meters: Mapping[int, Meter],
    actor: str,
    now: datetime,
    values_of: Mapping[int, Mapping[str, object]] | None = None,
) -> list[int]:
    """One template for each of these payments; `meters` and `values_of` (further values) by the payment's id.

    Idempotent by (template, payment): the cause is `payment:<id>:<template>`.
    """
    meter_of = {payment.pk: meters[payment.pk].pk for payment in payments if payment.pk in meters}
    phones_of = list_phones(payments, meter_of)
    drafts = []
    for payment in payments:
        if phone := phones_of[payment.pk].first:
            meter = meters.get(payment.pk)
            values = payment_values(payment) | {"drn": meter.drn if meter else ""}
            body = render_sms(template, values | dict((values_of or {}).get(payment.pk, {})))
            drafts.append(Draft(f"payment:{payment.pk}:{template}", template, phone, body))
    return queue_messages(drafts=drafts, actor=actor, now=now)


def queue_price_changed(*, payment: Payment, vend: Vend, meter: Meter, tariff: Tariff, now: datetime) -> list[int]:
    """The customer was shown other prices than those that were used: `tariff` is the version of the sale."""
    started_on = tariff.starts_at.astimezone(ZoneInfo(meter.site.timezone))
    values = {"energy_kwh_tenths": vend.energy_kwh_tenths, "prices_of": f"{started_on:%d %b}"}
    return queue_notices(
        template="price_changed",
        payments=[payment],
        meters={payment.pk: meter},
        actor="system:fulfilment",
        now=now,
        values_of={payment.pk: values},
    )
