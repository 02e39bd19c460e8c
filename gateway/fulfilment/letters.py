"""Who is told what, once a sale is issued, money was kept, or nobody knows whose it is. Texts are queued, never sent,
here.

A code goes to the phone that paid, as far as we know it, and to the meter's linked phones when that phone is not one
of them. A payer whom the operator shows only as a hash is known if the number is registered with us; else the code
goes to the linked phones alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from fleet.customers.queries import list_numbers_by_sha256
from fleet.meters.models import Meter
from fleet.meters.queries import list_phones_of_meters
from gateway.payments.models import Payment
from gateway.payments.queries import list_payments
from gateway.sms.services import Draft, queue_messages
from gateway.sms.texts import render_sms
from vending.kernel.money import digits_of
from vending.vends.models import Vend
from vending.vends.queries import get_quote

_ACTOR = "system:fulfilment"


@dataclass(frozen=True)
class _Letter:
    to_e164: str
    template: str


def queue_letters(*, vends: Sequence[Vend], now: datetime) -> list[int]:
    """The code of each vend to each phone that should have it. Idempotent by (vend, phone)."""
    payments = {str(payment.pk): payment for payment in list_payments([v.authority.reference for v in vends])}
    numbers = _numbers_of_payers(list(payments.values()))
    linked = list_phones_of_meters({vend.meter_id for vend in vends})
    drafts = []
    for vend in vends:
        payment = payments[vend.authority.reference]
        payer = _payer(payment, numbers)
        for letter in _recipients(payer, [e164 for e164, _ in linked[vend.meter_id]]):
            body = render_sms(letter.template, _sale_values(vend, payment, payer))
            cause = f"vend:{vend.pk}:token:{letter.to_e164}"
            drafts.append(Draft(cause, "token", letter.to_e164, body, vend.pk))
    return queue_messages(drafts=drafts, actor=_ACTOR, now=now)


def _recipients(payer: str, linked: Sequence[str]) -> list[_Letter]:
    if payer and payer in linked:
        return [_Letter(payer, "token")]
    if payer:
        return [_Letter(payer, "token_for_payer"), *(_Letter(phone, "token_for_owner") for phone in linked)]
    return [_Letter(phone, "token") for phone in linked]


def _numbers_of_payers(payments: Sequence[Payment]) -> dict[str, str]:
    return list_numbers_by_sha256({p.payer_sha256 for p in payments if p.payer_sha256 and not p.payer_e164})


def _payer(payment: Payment, numbers: Mapping[str, str]) -> str:
    return payment.payer_e164 or numbers.get(payment.payer_sha256, "")


def _sale_values(vend: Vend, payment: Payment, payer: str) -> dict[str, object]:
    return brand_values() | {
        "digits": vend.authority.token.digits,
        "energy_kwh_tenths": vend.energy_kwh_tenths,
        "drn": vend.meter.drn,
        "currency": vend.currency,
        "amount_minor": vend.paid_minor,
        "debt_minor": 0,
        "fee_minor": vend.fee_minor,
        "vat_minor": vend.vat_minor,
        "kept_minor": vend.kept_minor,
        "receipt": payment.receipt,
        "payer_tail": payer[-3:],
    }


def queue_kept_notices(*, payments: Sequence[Payment], meters: Mapping[int, Meter], now: datetime) -> list[int]:
    """Money that bought nothing is never silent: say that it is kept, and what is missing."""
    numbers = _numbers_of_payers(payments)
    linked = list_phones_of_meters({payment.meter_id for payment in payments if payment.meter_id})
    drafts = []
    for payment in payments:
        payer, meter_id = _payer(payment, numbers), payment.meter_id or 0
        phones = [payer] if payer else [e164 for e164, _ in linked[meter_id]]
        body = render_sms("money_kept", _kept_values(payment, meters[meter_id], now))
        drafts += [Draft(f"payment:{payment.pk}:kept:{phone}", "kept", phone, body) for phone in phones]
    return queue_messages(drafts=drafts, actor=_ACTOR, now=now)


def _kept_values(payment: Payment, meter: Meter, now: datetime) -> dict[str, object]:
    quote = get_quote(meter=meter, paid_minor=0, now=now)
    return brand_values() | {
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "receipt": payment.receipt,
        "drn": meter.drn,
        "missing_minor": 0 if quote.refusal == "blocked" else _whole_units(quote.least_minor, payment.currency),
        "fee_minor": quote.fee_due_minor,
        "energy_kwh_tenths": quote.least_energy_kwh_tenths,
    }


def _whole_units(amount_minor: int, currency: str) -> int:
    """Rounded up to what a mobile money menu takes."""
    scale: int = 10 ** digits_of(currency)
    return -(-amount_minor // scale) * scale


def queue_lost_notices(*, payments: Sequence[Payment], now: datetime) -> list[int]:
    """Money for no meter: tell the payer, where we know the phone."""
    numbers = _numbers_of_payers(payments)
    drafts = []
    for payment in payments:
        if payer := _payer(payment, numbers):
            values = brand_values() | {
                "currency": payment.currency,
                "amount_minor": payment.amount_minor,
                "receipt": payment.receipt,
                "account": payment.account_text,
            }
            body = render_sms("unknown_account", values)
            drafts.append(Draft(f"payment:{payment.pk}:lost", "lost", payer, body))
    return queue_messages(drafts=drafts, actor=_ACTOR, now=now)


def brand_values() -> dict[str, object]:
    """The operator's own words, as every text to a customer may show them."""
    return {"brand": settings.BRAND, "ussd_code": settings.USSD_CODE, "help_line": settings.HELP_LINE}
