"""Rows of claims: opened, moved on, replaced. Parts of an act: whoever calls holds the payment's lock."""

from datetime import datetime, timedelta

from fleet.audit.services import Act, record
from gateway.claims.lifecycle import CLAIM, ClaimState
from gateway.claims.locks import lock_claim
from gateway.claims.models import MeterClaim
from gateway.claims.queries import find_open_claim


def open_claim(
    *, kind: str, payment_id: int, meter_id: int, phone_sha256: str, patience: timedelta, actor: str, now: datetime
) -> MeterClaim:
    """A new claim in the place of the one that is open, if any: the last word counts."""
    if before := find_open_claim(payment_id):
        move_claim(claim=lock_claim(before.pk), state=ClaimState.REFUSED, why="replaced", actor=actor, now=now)
    claim = MeterClaim.objects.create(
        kind=kind,
        payment_id=payment_id,
        meter_id=meter_id,
        phone_sha256=phone_sha256,
        state=ClaimState.OPEN,
        asked_at=now,
        expires_at=now + patience,
    )
    details = {"kind": kind, "payment_id": payment_id, "meter_id": meter_id}
    record(actor=actor, acts=[Act("claim.opened", f"claim:{claim.pk}", details)], now=now)
    return claim


def move_claim(*, claim: MeterClaim, state: ClaimState, why: str, actor: str, now: datetime) -> None:
    CLAIM.check_can_move(claim.state, state)
    claim.state = state
    claim.answered_at = None if state == ClaimState.EXPIRED else now
    claim.save(update_fields=["state", "answered_at"])
    details = {"payment_id": claim.payment_id} | ({"why": why} if why else {})
    record(actor=actor, acts=[Act(f"claim.{state.lower()}", f"claim:{claim.pk}", details)], now=now)
