"""What can be asked about money that a provider took back."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from django.db.models import Exists, OuterRef, Q

from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.reversals.models import Reversal

if TYPE_CHECKING:
    from django.db.models import QuerySet


def list_reversed_receipts(provider_receipts: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Those of these (provider, receipt) whose payment was taken back and not yet booked so: nothing is to be sold of
    them. One round trip.
    """
    if not provider_receipts:
        return set()
    receipts = {receipt for _, receipt in provider_receipts}
    told = Reversal.objects.filter(applied_at=None, payment_receipt__in=receipts)
    return set(told.values_list("provider", "payment_receipt")) & set(provider_receipts)


def get_reversal(reversal_id: int) -> Reversal:
    return Reversal.objects.get(pk=reversal_id)


def find_reversal(provider: str, payment_receipt: str) -> Reversal | None:
    return Reversal.objects.filter(provider=provider, payment_receipt=payment_receipt).first()


def list_applicable_ids(limit: int, *, after: int = 0) -> list[int]:
    """Reversals that are not in the books yet and whose payment is here by now, the oldest first, from an id on."""
    waiting = Reversal.objects.filter(Q(applied_at=None), Exists(_payments()), pk__gt=after)
    return list(waiting.order_by("pk").values_list("pk", flat=True)[:limit])


def list_reversals_of(payment_id: int) -> list[Reversal]:
    """What was taken back of a payment, as far as the books know."""
    return list(Reversal.objects.filter(payment_id=payment_id).order_by("pk"))


def list_unmatched(limit: int) -> list[Reversal]:
    """Reversals of payments that we have not heard of, the oldest first."""
    waiting = Reversal.objects.filter(~Exists(_payments()), applied_at=None)
    return list(waiting.order_by("pk")[:limit])


def _payments() -> "QuerySet[Payment]":
    """The payment of a reversal, if its money is here: a declined claim is in no books, and may still come true."""
    named = Payment.objects.filter(provider=OuterRef("provider"), receipt=OuterRef("payment_receipt"))
    return named.exclude(state__in=(PaymentState.EXPECTED, PaymentState.UNKNOWN, PaymentState.DECLINED))
