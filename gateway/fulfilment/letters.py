"""Who is told what, once a sale is issued, money was kept, or nobody knows whose it is. Texts are queued, never sent,
here.

A code goes to the phone that paid, as far as we know it, and to the meter's linked phones when that phone is not one
of them. A payer whom nobody knows gets none: the code goes to the linked phones alone, and if there are none, a person
has to find its owner. Texts about what did not go as it should: `gateway.fulfilment.notices`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from fleet.cases.services import CaseDraft, open_cases
from fleet.meters.models import Meter
from gateway.fulfilment.limits import find_limit
from gateway.fulfilment.payers import Phones, list_phones
from gateway.payments.models import Payment
from gateway.payments.queries import list_payments
from gateway.sms.services import Draft, queue_messages
from gateway.sms.texts import render_sms
from vending.kernel.money import digits_of
from vending.tariffs.queries import get_tariff
from vending.vends.models import Vend
from vending.vends.queries import get_quote

CODE_WITHOUT_PHONE = "code_without_phone"
CODE_WITHOUT_PHONE_DUE = timedelta(hours=24)
_ACTOR = "system:fulfilment"


class _Letter(NamedTuple):
    """`is_told_payer`: whether the text names who paid, by three digits."""

    to_e164: str
    template: str
    is_told_payer: bool = False


def queue_letters(*, vends: Sequence[Vend], now: datetime) -> list[int]:
    """The code of each vend to each phone that should have it; a case about the payment where no phone should.
    Idempotent by (vend, phone).
    """
    payments = {str(payment.pk): payment for payment in list_payments([v.authority.reference for v in vends])}
    meter_of = {payments[vend.authority.reference].pk: vend.meter_id for vend in vends}
    phones_of = list_phones(list(payments.values()), meter_of)
    drafts, ownerless = [], []
    for vend in vends:
        payment = payments[vend.authority.reference]
        letters = _letters(phones_of[payment.pk])
        drafts += _drafts(vend, payment, phones_of[payment.pk], letters)
        if not letters:
            ownerless.append(_ownerless(vend, payment, now))
    if ownerless:  # a savepoint is two round trips
        open_cases(drafts=ownerless, actor=_ACTOR, now=now)
    return queue_messages(drafts=drafts, actor=_ACTOR, now=now)


def _letters(phones: Phones) -> list[_Letter]:
    payer, linked = phones.payer, phones.linked
    if payer and payer in linked:
        return [_Letter(payer, "token")]
    if payer:
        owners = [_Letter(phone, "token_for_owner", is_told_payer=True) for phone in linked]
        return [_Letter(payer, "token_for_payer"), *owners]
    return [_Letter(phone, "token") for phone in linked]


def _drafts(vend: Vend, payment: Payment, phones: Phones, letters: Sequence[_Letter]) -> list[Draft]:
    values = _sale_values(vend, payment)
    limit = find_limit(vend)
    if limit:
        values |= {"limit_minor": limit.amount_minor, "is_day": limit.is_day}
    drafts = []
    for letter in letters:
        told = {"payer_tail": phones.payer[-3:] if letter.is_told_payer else ""}
        body = render_sms("token_limited" if limit else letter.template, values | told)
        drafts.append(Draft(f"vend:{vend.pk}:token:{letter.to_e164}", "token", letter.to_e164, body, vend.pk))
    return drafts


def _ownerless(vend: Vend, payment: Payment, now: datetime) -> CaseDraft:
    details = {"vend_id": vend.pk, "meter": vend.meter.drn}
    return CaseDraft(CODE_WITHOUT_PHONE, f"payment:{payment.pk}", now + CODE_WITHOUT_PHONE_DUE, details)


def _sale_values(vend: Vend, payment: Payment) -> dict[str, object]:
    return brand_values() | {
        "digits": vend.authority.token.digits,
        "energy_kwh_tenths": vend.energy_kwh_tenths,
        "drn": vend.meter.drn,
        "currency": vend.currency,
        "amount_minor": vend.paid_minor,
        "debt_minor": 0,
        "fee_minor": vend.fee_minor,
        "vat_minor": vend.vat_minor,
        "levies_minor": vend.levies_minor,
        "tax_minor": vend.vat_minor + vend.levies_minor,
        "kept_minor": vend.kept_minor,
        "receipt": payment.receipt,
    }


def queue_kept_notices(*, payments: Sequence[Payment], meters: Mapping[int, Meter], now: datetime) -> list[int]:
    """Money that bought nothing is never silent: say that it is kept, and what is missing. Idempotent by (payment,
    phone).
    """
    phones_of = list_phones(payments, {payment.pk: payment.meter_id for payment in payments})
    drafts = []
    for payment in payments:
        phones = phones_of[payment.pk]
        body = _kept_text(payment, meters[payment.meter_id or 0], now)
        to = [phones.payer] if phones.payer else phones.linked
        drafts += [Draft(f"payment:{payment.pk}:kept:{phone}", "kept", phone, body) for phone in to]
    return queue_messages(drafts=drafts, actor=_ACTOR, now=now)


def _kept_text(payment: Payment, meter: Meter, now: datetime) -> str:
    """What is missing, unless paying more would not help: the meter is blocked, or its limit for the day is used up."""
    quote = get_quote(meter=meter, paid_minor=0, now=now)
    values = payment_values(payment) | {"drn": meter.drn}
    if quote.refusal == "blocked":
        return render_sms("money_kept", values | {"missing_minor": 0})
    if quote.refusal == "too_much":
        tariff = get_tariff(meter.site_id, meter.customer_class, now)
        return render_sms("money_kept_limit", values | {"limit_minor": tariff.day_limit_minor})
    missing = {
        "missing_minor": _whole_units(quote.least_minor, payment.currency),
        "fee_minor": quote.fee_due_minor,
        "energy_kwh_tenths": quote.least_energy_kwh_tenths,
    }
    return render_sms("money_kept", values | missing)


def _whole_units(amount_minor: int, currency: str) -> int:
    """Rounded up to what a mobile money menu takes."""
    scale: int = 10 ** digits_of(currency)
    return -(-amount_minor // scale) * scale


def queue_lost_notices(*, payments: Sequence[Payment], now: datetime) -> list[int]:
    """Money for no meter: tell the payer, where we know the phone. Idempotent by payment."""
    phones_of = list_phones(payments, {})
    drafts = []
    for payment in payments:
        if payer := phones_of[payment.pk].payer:
            body = render_sms("unknown_account", payment_values(payment) | {"account": payment.account_text})
            drafts.append(Draft(f"payment:{payment.pk}:lost", "lost", payer, body))
    return queue_messages(drafts=drafts, actor=_ACTOR, now=now)


def payment_values(payment: Payment) -> dict[str, object]:
    """What every text about a payment may show of it, with the operator's own words."""
    return brand_values() | {
        "currency": payment.currency,
        "amount_minor": payment.amount_minor,
        "receipt": payment.receipt or "",
    }


def brand_values() -> dict[str, object]:
    """The operator's own words, as every text to a customer may show them."""
    return {"brand": settings.BRAND, "ussd_code": settings.USSD_CODE, "help_line": settings.HELP_LINE}
