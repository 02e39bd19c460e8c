"""What can be asked about payments."""

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, NamedTuple

from django.db.models import F, Window
from django.db.models.functions import Lag

from fleet.audit.models import AuditEntry
from fleet.meters.models import Meter
from fleet.meters.queries import list_meters_by_drn
from gateway.http.phones import msisdn_sha256
from gateway.payments.account_text import list_drns
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Payer

if TYPE_CHECKING:
    from django.db.models import QuerySet

DOUBLE_PAY_WITHIN = timedelta(minutes=2)
DOUBLE_PAY_VIEW = timedelta(hours=24)
_RECEIPT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{3,31}", re.ASCII)


def find_meters(account_texts: list[str]) -> dict[str, Meter | None]:
    """The meter that each account text means, or None: unknown, or more than one. One round trip for all of them."""
    candidates = {text: list_drns(text) for text in account_texts}
    meters = list_meters_by_drn({drn for drns in candidates.values() for drn in drns})
    found: dict[str, Meter | None] = {}
    for text, drns in candidates.items():
        hits = [meters[drn] for drn in drns if drn in meters]
        found[text] = hits[0] if len(hits) == 1 else None
    return found


def reference_in(account_text: str) -> str:
    """The account text as it would be written if it were a reference that we gave."""
    return account_text.strip().upper()[:20]


def sha256_of(payer: Payer) -> str:
    """The hash by which a payer is known, also where the operator shows the number itself; empty for nobody."""
    return msisdn_sha256(payer.e164) if payer.e164 else payer.sha256


def find_open_purchase_meter(provider: str, reference: str) -> Meter | None:
    """The meter of the newest open purchase with this reference, for a validation that names it."""
    purchases = Payment.objects.filter(
        provider=provider, reference=reference, state__in=[PaymentState.EXPECTED, PaymentState.UNKNOWN]
    )
    payment = purchases.select_related("meter").order_by("-pk").first() if reference else None
    return payment.meter if payment else None


def get_payment(payment_id: int) -> Payment | None:
    return _whole().filter(pk=payment_id).first()


def list_payments(payment_ids: Iterable[str | int]) -> list[Payment]:
    return list(Payment.objects.filter(pk__in=list(payment_ids)))


def list_open_purchases(meter_id: int, payer_e164: str, limit: int) -> list[Payment]:
    """What this phone wanted to buy for this meter and has not become a sale, newest first."""
    states = (PaymentState.EXPECTED, PaymentState.UNKNOWN, PaymentState.DECLINED, PaymentState.CONFIRMED)
    mine = Payment.objects.filter(meter_id=meter_id, payer_e164=payer_e164, state__in=states)
    return list(mine.order_by("-pk")[:limit])


def list_payment_ids_of_payer(msisdn_sha256: str, *, limit: int) -> list[int]:
    """The newest allocated payments of one phone, also where the operator showed it only as a hash."""
    paid = Payment.objects.filter(payer_sha256=msisdn_sha256, state=PaymentState.ALLOCATED)
    return list(paid.order_by("-pk").values_list("pk", flat=True)[:limit])


def list_payments_of_receipt(receipt: str) -> list[Payment]:
    """The payments with this receipt, one a provider at most; whatever is no receipt names none."""
    text = receipt.strip()
    if not _RECEIPT.fullmatch(text):
        return []
    written = {text, text.upper(), text.lower()}
    return list(_whole().filter(receipt__in=written).order_by("pk"))


def find_suspense_of_payer(msisdn_sha256: str) -> Payment | None:
    """The newest payment of this phone that waits for a meter."""
    paid = _whole().filter(payer_sha256=msisdn_sha256, state=PaymentState.SUSPENSE, meter=None)
    return paid.order_by("-pk").first()


class DoublePay(NamedTuple):
    """Two payments that may be one, paid twice: both were taken to the meter all the same."""

    first_id: int
    second_id: int


def find_double_pays(now: datetime) -> list[DoublePay]:
    """Neighbours of one payer, meter and amount that were confirmed within two minutes, of those that were started in
    the last 24 hours; by the id of the second. Payers whom nobody can tell apart are left out.

    Ids rise with the start: the newest one that is too old ends the walk.
    """
    old = Payment.objects.filter(started_at__lte=now - DOUBLE_PAY_VIEW).order_by("-pk").values_list("pk", flat=True)
    recent = Payment.objects.filter(pk__gt=old.first() or 0, confirmed_at__isnull=False, meter__isnull=False)
    same = ("payer_sha256", "meter_id", "amount_minor", "currency")
    pairs = recent.exclude(payer_sha256="").annotate(
        before_id=Window(Lag("pk"), partition_by=same, order_by=("confirmed_at", "pk")),
        before_at=Window(Lag("confirmed_at"), partition_by=same, order_by=("confirmed_at", "pk")),
    )
    doubles = pairs.filter(before_at__gte=F("confirmed_at") - DOUBLE_PAY_WITHIN).order_by("pk")
    return [DoublePay(*ids) for ids in doubles.values_list("before_id", "pk")]


def list_past_amounts(meter_id: int, limit: int) -> list[int]:
    """Amounts that were paid for a meter, newest first, for the presets of the next purchase."""
    paid = Payment.objects.filter(meter_id=meter_id, state=PaymentState.ALLOCATED)
    return list(paid.order_by("-pk").values_list("amount_minor", flat=True)[:limit])


def find_changed_payments() -> Iterator[str]:
    """A line for each payment whose amount is not the one that it was confirmed with, as the audit trail keeps it."""
    told = AuditEntry.objects.filter(act="payment.confirmed").order_by("pk").values_list("subject", "details")
    rows = told.iterator()
    while batch := list(islice(rows, 500)):
        amounts = {f"payment:{pk}": amount for pk, amount in _amounts_of([subject for subject, _ in batch])}
        for subject, details in batch:
            if amounts.get(subject) != details.get("amount_minor"):
                yield f"{subject}: it was confirmed with {details.get('amount_minor')}"


def _amounts_of(subjects: list[str]) -> "QuerySet[Payment, tuple[int, int]]":
    ids = [subject.removeprefix("payment:") for subject in subjects]
    return Payment.objects.filter(pk__in=ids).values_list("pk", "amount_minor")


def _whole() -> "QuerySet[Payment]":
    return Payment.objects.select_related("meter__customer", "meter__site")


def list_newest_payments(*, before_id: int | None, limit: int) -> list[Payment]:
    """Payments from the newest down, below `before_id` if one is given: pages by key, never by counting."""
    page = _whole() if before_id is None else _whole().filter(pk__lt=before_id)
    return list(page.order_by("-pk")[:limit])


def list_payments_in(states: Collection[PaymentState], *, limit: int) -> list[Payment]:
    """Payments in these states, the oldest first. States of one partial index at a time keep it off the whole table."""
    return list(_whole().filter(state__in=states).order_by("started_at", "pk")[:limit])
