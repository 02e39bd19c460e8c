"""What customers are told about money that goes back, or that the provider took. Queued, never sent here."""

from datetime import datetime

from gateway.fulfilment.letters import brand_values
from gateway.fulfilment.payers import list_phones
from gateway.payments.models import Payment
from gateway.refunds.models import Refund
from gateway.sms.services import Draft, queue_messages
from gateway.sms.texts import render_sms

_ACTOR = "system:refunds"


def queue_refund_coming(*, refund: Refund, payment: Payment, now: datetime) -> list[int]:
    """To the phone that paid, else to the meter's oldest. Idempotent by the refund."""
    phone = list_phones([payment], {payment.pk: refund.meter_id})[payment.pk].first
    if not phone:
        return []
    values = brand_values() | {
        "currency": refund.currency,
        "amount_minor": refund.amount_minor,
        "receipt": payment.receipt,
    }
    draft = Draft(f"refund:{refund.pk}:coming:{phone}", "refund", phone, render_sms("refund_coming", values))
    return queue_messages(drafts=[draft], actor=_ACTOR, now=now)


def queue_reversed_after_token(
    *, payment: Payment, drn: str, taken_minor: int, owed_minor: int, now: datetime
) -> list[int]:
    """To the meter's phones, else to the one that paid: the meter owes what its wallet did not hold."""
    phones = list_phones([payment], {payment.pk: payment.meter_id})[payment.pk]
    values = brand_values() | {
        "currency": payment.currency,
        "amount_minor": taken_minor,
        "receipt": payment.receipt,
        "drn": drn,
        "debt_minor": owed_minor,
    }
    body = render_sms("reversed_after_token", values)
    told = phones.linked or ((phones.payer,) if phones.payer else ())
    drafts = [Draft(f"payment:{payment.pk}:reversed:{phone}", "reversed", phone, body) for phone in told]
    return queue_messages(drafts=drafts, actor=_ACTOR, now=now)
