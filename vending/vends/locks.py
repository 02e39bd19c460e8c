"""Locks and leases on vends: the last of the three on the sale path (meters, payments, vends)."""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import F, Q

from vending.vends.lifecycle import VendState
from vending.vends.models import UNFINISHED, Vend

LEASE = timedelta(seconds=5)
# What ends its worker every time must not end them for ever: from here on only a person can move it.
MOST_ATTEMPTS = 30


@transaction.atomic
def claim_vends(*, now: datetime, limit: int) -> list[int]:
    """Lease unfinished vends whose time has come, those longest due first; waits for nobody. A transaction of its own.

    A worker that dies leaves a lease that ends by itself; whoever takes the row next finds its state and goes on from
    there.
    """
    due = Vend.objects.select_for_update(skip_locked=True).filter(
        Q(leased_until=None) | Q(leased_until__lte=now),
        Q(state=VendState.HELD) | Q(attempts__lt=MOST_ATTEMPTS),
        state__in=UNFINISHED,
        next_try_at__lte=now,
    )
    ids = list(due.order_by("next_try_at", "pk").values_list("pk", flat=True)[:limit])
    Vend.objects.filter(pk__in=ids).update(leased_until=now + LEASE, attempts=F("attempts") + 1)
    return ids


def lock_vends(vend_ids: Collection[int]) -> list[Vend]:
    """Lock these vends in order of id until the transaction ends, with their meter and token."""
    locked = Vend.objects.select_for_update(of=("self",)).select_related("meter", "authority__token__vending_key")
    return list(locked.filter(pk__in=vend_ids).order_by("pk"))


def lock_worn_out(*, now: datetime, limit: int) -> list[Vend]:
    """Lock sales that nobody claims any more, however often they are due, as `lock_vends` does; those that somebody
    works on now are left out.
    """
    worn = Vend.objects.select_for_update(skip_locked=True, of=("self",)).filter(
        Q(leased_until=None) | Q(leased_until__lte=now),
        attempts__gte=MOST_ATTEMPTS,
        next_try_at__lte=now,
        state__in=[state for state in UNFINISHED if state != VendState.HELD],
    )
    return list(worn.select_related("meter", "authority__token__vending_key").order_by("pk")[:limit])
