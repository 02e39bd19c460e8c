"""Locks and leases on payments: the second of the three on the sale path (meters, payments, vends)."""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Case, Q, QuerySet, When

from gateway.payments import sql
from gateway.payments.lifecycle import PaymentState
from gateway.payments.masks import pattern_of
from gateway.payments.models import Payment
from gateway.payments.ports import PaymentClaim

ALLOCATION_LEASE = timedelta(seconds=5)
# What ends its worker every time must not end them for ever: from here on only a person can move it.
MOST_ATTEMPTS = 30
PUSH_LEASE = timedelta(seconds=30)
OPEN_PURCHASES = (PaymentState.EXPECTED, PaymentState.UNKNOWN)
# A prompt lives for minutes: an older purchase that was not paid is not what a listed payment was for.
_SINCE_PURCHASE = timedelta(hours=1)
_CLOCKS_APART = timedelta(minutes=5)


def claim_payments(
    *, payment_ids: Collection[int] | None, bring_along: bool = False, now: datetime, limit: int
) -> list[int]:
    """Lease payments whose money waits to be allocated (these, or any), those longest due first; waits for nobody.

    With `bring_along`, named ones that still wait bring others that nobody has tried yet, so that a backlog of one hint
    each is worked off in batches. What may have ended its worker is never brought along.
    """
    until = now + ALLOCATION_LEASE
    if payment_ids is None:
        return sorted(sql.claim_due(most_attempts=MOST_ATTEMPTS, limit=limit, now=now, until=until))
    claimed = sql.claim_named(payment_ids, most_attempts=MOST_ATTEMPTS, limit=limit, now=now, until=until)
    if bring_along and 0 < len(claimed) < limit:
        claimed += sql.claim_due(most_attempts=1, limit=limit - len(claimed), now=now, until=until)
    return sorted(claimed)


@transaction.atomic
def claim_push(*, payment_id: int | None, now: datetime) -> Payment | None:
    """Lease one purchase whose prompt is due; the lease outlasts every deadline of the provider's call."""
    due = Payment.objects.select_for_update(skip_locked=True).filter(
        Q(leased_until=None) | Q(leased_until__lte=now),
        state=PaymentState.EXPECTED,
        checkout_id=None,
        next_try_at__lte=now,
    )
    if payment_id is not None:
        due = due.filter(pk=payment_id)
    payment = due.order_by("pk").first()
    if payment:
        payment.leased_until = now + PUSH_LEASE
        payment.attempts += 1
        payment.save(update_fields=["leased_until", "attempts"])
    return payment


@transaction.atomic
def claim_prompt_query(*, now: datetime, next_at: Callable[[Payment], datetime | None]) -> Payment | None:
    """Lease one open purchase whose prompt is to be asked about; nobody else asks before `next_at` of it."""
    due = Payment.objects.filter(state__in=OPEN_PURCHASES, checkout_id__isnull=False)
    return _claim_question(due, now, next_at)


@transaction.atomic
def claim_status_question(*, now: datetime, next_at: Callable[[Payment], datetime | None]) -> Payment | None:
    """Lease one payment that must be verified and is to be asked about; nobody else asks before `next_at` of it."""
    due = Payment.objects.filter(must_verify=True, frozen_reason="", receipt__isnull=False)
    return _claim_question(due, now, next_at)


def _claim_question(
    due: QuerySet[Payment], now: datetime, next_at: Callable[[Payment], datetime | None]
) -> Payment | None:
    waiting = due.select_for_update(skip_locked=True).filter(next_query_at__lte=now)
    payment = waiting.order_by("next_query_at", "pk").first()
    if payment:
        payment.next_query_at, payment.queries = next_at(payment), payment.queries + 1
        payment.save(update_fields=["next_query_at", "queries"])
    return payment


def lock_payments(payment_ids: Collection[int]) -> list[Payment]:
    """Lock these payments in order of id until the transaction ends."""
    return list(Payment.objects.select_for_update().filter(pk__in=payment_ids).order_by("pk"))


def lock_payment_of_checkout(provider: str, checkout_id: str) -> Payment | None:
    return Payment.objects.select_for_update().filter(provider=provider, checkout_id=checkout_id).first()


def lock_payment_of_receipt(provider: str, receipt: str) -> Payment | None:
    return Payment.objects.select_for_update().filter(provider=provider, receipt=receipt).first()


def lock_open_purchase(claim: PaymentClaim, reference: str, payer_sha256: str) -> Payment | None:
    """The oldest purchase with this reference that waits for exactly this money."""
    waiting = _lock_wanting(claim, payer_sha256).filter(reference=reference, state__in=OPEN_PURCHASES)
    return waiting.order_by("pk").first()


def lock_prompted_purchase(claim: PaymentClaim, now: datetime) -> Payment | None:
    """The purchase that a paid prompt whose name we never stored was for: by the phone alone, so it was begun in the
    hour before. One that has no checkout yet comes first: the others will hear of their own.
    """
    waiting = _lock_wanting(claim, "").filter(payer_e164=claim.payer.e164, state__in=OPEN_PURCHASES)
    waiting = waiting.filter(started_at__gte=now - _SINCE_PURCHASE)
    return waiting.order_by(Case(When(checkout_id=None, then=0), default=1), "pk").first()


def _lock_wanting(claim: PaymentClaim, payer_sha256: str) -> QuerySet[Payment]:
    """Purchases of this amount whose payer may be the one that is shown."""
    wanting = Payment.objects.select_for_update().filter(
        provider=claim.provider, amount_minor=claim.amount_minor, receipt=None
    )
    if payer_sha256:
        return wanting.filter(payer_sha256=payer_sha256)
    pattern = pattern_of(claim.payer.masked)
    return wanting.filter(payer_e164__regex=pattern) if pattern else wanting


def lock_listed_purchase(claim: PaymentClaim, reference: str, payer_sha256: str) -> Payment | None:
    """The oldest purchase with this reference that a listed payment was for: an open one, else one that was declined
    and was begun in the hour before the payment.
    """
    waiting = _lock_wanting(claim, payer_sha256).filter(reference=reference)
    if claim.paid_at is None:
        return waiting.filter(state__in=OPEN_PURCHASES).order_by("pk").first()
    # Lists come late: the same customer may have begun the next purchase meanwhile.
    begun = waiting.filter(started_at__lte=claim.paid_at + _CLOCKS_APART)
    if purchase := begun.filter(state__in=OPEN_PURCHASES).order_by("pk").first():
        return purchase
    declined = begun.filter(state=PaymentState.DECLINED, started_at__gte=claim.paid_at - _SINCE_PURCHASE)
    return declined.order_by("pk").first()
