"""Locks on claims. They come after those of the sale path: meters, payments, vends, claims."""

from datetime import datetime

from django.db import connection

from gateway.claims.lifecycle import ClaimState
from gateway.claims.models import MeterClaim
from gateway.payments.doubts import WRONG_METER

# The first half of an advisory lock's name: nobody else in the product uses such locks.
_TRIES = 4_701


def lock_claim(claim_id: int) -> MeterClaim:
    """Lock one claim until the transaction ends."""
    return MeterClaim.objects.select_for_update(of=("self",)).select_related("meter__site").get(pk=claim_id)


def lock_tries(phone_sha256: str) -> None:
    """Let the tries of one phone come one after the other, the first ones too, so that each counts those before it.

    There may be no row to lock yet; SQLite lets one writer in at a time anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_TRIES, phone_sha256])


def lock_unanswered_claims(*, now: datetime, limit: int) -> list[MeterClaim]:
    """Claims whose answer is overdue, those longest so first; what somebody else works on is left.

    One about the wrong meter stays open as long as its money is stopped for it.
    """
    due = MeterClaim.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=ClaimState.OPEN, expires_at__lte=now
    )
    due = due.exclude(payment__frozen_reason=WRONG_METER)
    return list(due.select_related("payment").order_by("expires_at", "pk")[:limit])
