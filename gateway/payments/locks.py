"""Locks and leases on payments: the second of the three on the sale path (meters, payments, vends)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import models, transaction
from django.db.models import Case, F, Q, When

from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment

ALLOCATION_LEASE = timedelta(seconds=5)
# What ends its worker every time must not end them for ever: from here on only a person can move it.
MOST_ATTEMPTS = 30
PUSH_LEASE = timedelta(seconds=30)


@transaction.atomic
def claim_payments(*, payment_ids: Collection[int] | None, now: datetime, limit: int) -> list[int]:
    """Lease payments whose money waits to be allocated, oldest first (of these, if named); waits for nobody."""
    waiting = Q(state=PaymentState.CONFIRMED) | Q(state=PaymentState.SUSPENSE, meter__isnull=False)
    # A failure that left its reason is tried for as long as it takes; one that left nothing has ended its worker.
    may_try = Q(attempts__lt=MOST_ATTEMPTS) | ~Q(reason="")
    due = _free(now).filter(waiting, may_try, next_try_at__lte=now)
    if payment_ids is not None:
        due = due.filter(pk__in=payment_ids)
    ids = list(due.order_by("pk").values_list("pk", flat=True)[:limit])
    Payment.objects.filter(pk__in=ids).update(leased_until=now + ALLOCATION_LEASE, attempts=F("attempts") + 1)
    return ids


@transaction.atomic
def claim_push(*, payment_id: int | None, now: datetime) -> Payment | None:
    """Lease one purchase whose prompt is due; the lease outlasts every deadline of the provider's call."""
    due = _free(now).filter(state=PaymentState.EXPECTED, checkout_id=None, next_try_at__lte=now)
    if payment_id is not None:
        due = due.filter(pk=payment_id)
    payment = due.order_by("pk").first()
    if payment:
        payment.leased_until = now + PUSH_LEASE
        payment.attempts += 1
        payment.save(update_fields=["leased_until", "attempts"])
    return payment


def lock_payments(payment_ids: Collection[int]) -> list[Payment]:
    """Lock these payments in order of id until the transaction ends."""
    return list(Payment.objects.select_for_update().filter(pk__in=payment_ids).order_by("pk"))


def lock_payment_of_checkout(provider: str, checkout_id: str) -> Payment | None:
    return Payment.objects.select_for_update().filter(provider=provider, checkout_id=checkout_id).first()


def lock_payment_of_receipt(provider: str, receipt: str) -> Payment | None:
    return Payment.objects.select_for_update().filter(provider=provider, receipt=receipt).first()


def lock_open_purchase(
    *, provider: str, amount_minor: int, reference: str = "", payer_e164: str = "", payer_sha256: str = ""
) -> Payment | None:
    """The oldest purchase that waits for exactly this money, by our reference or by the payer.

    By the payer alone, one that has no checkout yet comes first: the others will hear of their own.
    """
    waiting = Payment.objects.select_for_update().filter(
        provider=provider, amount_minor=amount_minor, state__in=[PaymentState.EXPECTED, PaymentState.UNKNOWN]
    )
    if reference:
        waiting = waiting.filter(reference=reference)
    if payer_e164:
        waiting = waiting.filter(payer_e164=payer_e164)
    if payer_sha256:
        waiting = waiting.filter(payer_sha256=payer_sha256)
    order = [Case(When(checkout_id=None, then=0), default=1)] if payer_e164 else []
    return waiting.order_by(*order, "pk").first()


def _free(now: datetime) -> models.QuerySet[Payment]:
    return Payment.objects.select_for_update(skip_locked=True).filter(Q(leased_until=None) | Q(leased_until__lte=now))
