"""Our payments held against a provider's list: what the list lacks is frozen, with the sale that it became.

A frozen payment buys nothing; a sale of it that has no token yet is held until the payment is good again. A token that
was made is made: there the case is all.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import transaction

from fleet.cases.services import CaseDraft, open_cases
from fleet.meters.locks import lock_meters
from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.payments.models import Payment
from gateway.payments.services import freeze_payment
from gateway.reconciliation.listed import MISSING
from gateway.reconciliation.models import Statement
from gateway.reconciliation.queries import unlisted
from vending.vends.errors import PaymentFrozen
from vending.vends.lifecycle import VendState
from vending.vends.models import UNFINISHED, Vend
from vending.vends.services import hold_vend, release_vend

_CASE_DUE = timedelta(days=1)
# A payment buys once, and once more where it is moved.
_MOST_SALES = 2


def _sales_of(payment_id: int) -> list[Vend]:
    made = Vend.objects.filter(authority__kind__in=AUTHORITY_KINDS, authority__reference=str(payment_id))
    return list(made.filter(state__in=UNFINISHED).order_by("pk"))


class _SoldMeanwhile(Exception):
    """The payment bought something before it was frozen: that sale's meter is to be locked first."""


def freeze_missing(*, payment_id: int, statement: Statement, actor: str, now: datetime) -> bool:
    """Freeze one payment that the statement lacks, hold its sale, open the case; False when it was listed meanwhile.

    Locks: the meters of its sales, then the payment, then the sales. Idempotent: frozen already, it stays so.
    """
    for _ in range(_MOST_SALES):
        try:
            return _freeze(payment_id, statement, actor, now)
        except _SoldMeanwhile:
            continue
    return _freeze(payment_id, statement, actor, now)


@transaction.atomic
def _freeze(payment_id: int, statement: Statement, actor: str, now: datetime) -> bool:
    sales = _sales_of(payment_id)
    lock_meters({sale.meter_id for sale in sales})
    payment = unlisted(Payment.objects.filter(pk=payment_id)).first()
    if payment is None:
        return False
    freeze_payment(payment_id=payment_id, reason=MISSING, actor=actor, now=now)
    if {sale.pk for sale in _sales_of(payment_id)} - {sale.pk for sale in sales}:
        raise _SoldMeanwhile
    for sale in sales:
        hold_vend(vend_id=sale.pk, reason=MISSING, actor=actor, now=now)
    details = {"statement": statement.pk, "amount_minor": payment.amount_minor, "currency": payment.currency}
    draft = CaseDraft(MISSING, f"payment:{payment_id}", now + _CASE_DUE, details)
    open_cases(drafts=[draft], actor=actor, now=now)
    return True


def release_sales(*, actor: str, now: datetime) -> int:
    """Let sales go on that are held for a frozen payment which is frozen no more; returns how many. Idempotent."""
    held = Vend.objects.filter(state=VendState.HELD, held_reason=PaymentFrozen.code)
    return sum(_release(vend, actor, now) for vend in _of_payments(held.select_related("authority")))


def _of_payments(vends: Iterable[Vend]) -> list[Vend]:
    return [vend for vend in vends if vend.authority.kind in AUTHORITY_KINDS]


@transaction.atomic
def _release(vend: Vend, actor: str, now: datetime) -> bool:
    lock_meters({vend.meter_id})
    payment = Payment.objects.get(pk=int(vend.authority.reference))
    if payment.frozen_reason or payment.must_verify:
        return False
    return release_vend(vend_id=vend.pk, actor=actor, now=now)
