"""Locks and leases on refunds. They come after those of the sale path: meters, payments, vends, refunds, reversals."""

from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, Q

from fleet.meters.locks import lock_meters
from gateway.payments.doubts import WRONG_METER
from gateway.payments.locks import lock_payments
from gateway.payments.models import Payment
from gateway.refunds.errors import RefundMissing
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal

# Longer than every deadline of the provider's call together.
LEASE = timedelta(seconds=60)


def lock_due_refund(now: datetime) -> Refund | None:
    """The refund that is due longest to be asked for, with its payment; what somebody else has is left to them.

    Money that is in doubt by now, or whose reversal has been told, is not asked for: it waits.
    """
    told = Reversal.objects.filter(provider=OuterRef("payment__provider"), payment_receipt=OuterRef("payment__receipt"))
    due = Refund.objects.select_for_update(skip_locked=True, of=("self",)).select_related("payment")
    due = due.filter(Q(leased_until=None) | Q(leased_until__lte=now), next_try_at__lte=now)
    due = due.filter(~Exists(told), payment__must_verify=False, payment__frozen_reason__in=("", WRONG_METER))
    return due.filter(state__in=(RefundState.WAITING, RefundState.ASKED)).order_by("next_try_at", "pk").first()


def lock_refund(refund_id: int) -> Refund:
    """Raises `RefundMissing`."""
    refund = Refund.objects.select_for_update().filter(pk=refund_id).first()
    if refund is None:
        raise RefundMissing("no such refund")
    return refund


def lock_open_refunds(payment_id: int) -> list[Refund]:
    """The refunds of a payment whose money has not left yet, in order of id."""
    refunds = Refund.objects.select_for_update().filter(payment_id=payment_id)
    return list(refunds.exclude(state=RefundState.DONE).order_by("pk"))


def lock_refunds_by_hand() -> None:
    """All that wait for a receipt: while one is entered, no other refund can be given the same."""
    list(Refund.objects.select_for_update().filter(state=RefundState.BY_HAND).order_by("pk").values_list("pk"))


def lock_payment_and_meter(payment: Payment) -> Payment | None:
    """The payment again, locked after its meter; None when it has got another meter since it was read."""
    if payment.meter_id:
        lock_meters([payment.meter_id])
    locked = lock_payments([payment.pk])[0]
    return locked if locked.meter_id == payment.meter_id else None
