"""Locks on claims. They come after those of the sale path: meters, payments, vends, claims."""

from datetime import datetime

from gateway.claims.lifecycle import ClaimState
from gateway.claims.models import ClaimTry, MeterClaim
from gateway.claims.queries import SUSPENSE


def lock_claim(claim_id: int) -> MeterClaim:
    """Lock one claim until the transaction ends."""
    return MeterClaim.objects.select_for_update(of=("self",)).select_related("meter__site").get(pk=claim_id)


def lock_tries(phone_sha256: str, *, since: datetime) -> None:
    """Let the tries of one phone come one after the other, so that each counts those before it."""
    tries = ClaimTry.objects.select_for_update().filter(phone_sha256=phone_sha256, at__gt=since)
    list(tries.order_by("pk").values_list("pk", flat=True))


def lock_unanswered_claims(*, now: datetime, limit: int) -> list[MeterClaim]:
    """Claims whose YES or NO is overdue, those longest so first; what somebody else works on is left."""
    due = MeterClaim.objects.select_for_update(of=("self",), skip_locked=True).filter(
        state=ClaimState.OPEN, kind=SUSPENSE, expires_at__lte=now
    )
    return list(due.select_related("payment").order_by("expires_at", "pk")[:limit])
