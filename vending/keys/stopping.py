"""Stopping a vending key and starting it again. Nothing here opens a key, so sales may stop one."""

from datetime import datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.cases.services import close_cases
from vending.keys.errors import CustodiansNotDifferent, VendingKeyRefused, VendingKeyStopped
from vending.keys.locks import lock_vending_key
from vending.keys.models import VendingKey

STARTED_AGAIN = "started again by two persons"
_LONGEST_REASON = 40


@transaction.atomic
def stop_vending_key(*, vending_key_id: int, reason: str, actor: str, now: datetime) -> bool:
    """No token is made under this key until two persons start it again. Returns whether it was this call.

    Idempotent: a key that is stopped keeps its first reason. `reason` is an error code, or a few words of a person; 1
    to 40 characters, else `VendingKeyRefused`.
    """
    if not 0 < len(reason) <= _LONGEST_REASON:
        raise VendingKeyRefused(f"a reason has 1 to {_LONGEST_REASON} characters", field="reason")
    vending_key = lock_vending_key(vending_key_id)  # waits for whoever starts it at this moment
    if vending_key is None or vending_key.stopped_at:
        return False
    VendingKey.objects.filter(pk=vending_key_id).update(stopped_at=now, stopped_reason=reason)
    act = Act("vending_key.stopped", f"vending_key:{vending_key_id}", {"reason": reason})
    record(actor=actor, acts=[act], now=now)
    return True


@transaction.atomic
def start_vending_key(
    *,
    vending_key_id: int,
    actors: tuple[str, str],
    now: datetime,
    outcome: str = STARTED_AGAIN,
    stopped_at: datetime | None = None,
) -> bool:
    """Two different persons let a stopped key work again, and close its open cases with `outcome` (1 to 200
    characters). Returns whether it was this call; idempotent. Raises `CustodiansNotDifferent`.

    `stopped_at` names the stop that the two have looked into: a later one they have not seen, and `VendingKeyStopped`
    says so.
    """
    if actors[0] == actors[1]:
        raise CustodiansNotDifferent("a vending key is started again by two different persons")
    stopped = VendingKey.objects.filter(pk=vending_key_id, stopped_at__isnull=False)
    if stopped_at:
        if stopped.exclude(stopped_at=stopped_at).exists():
            raise VendingKeyStopped("the vending key was stopped anew in the meantime: look why, then start it again")
        stopped = stopped.filter(stopped_at=stopped_at)
    is_new = stopped.update(stopped_at=None, stopped_reason="") == 1
    if is_new:
        subject = f"vending_key:{vending_key_id}"
        record(actor=actors[1], acts=[Act("vending_key.started", subject, {"custodians": list(actors)})], now=now)
        close_cases(subject=subject, outcome=outcome, actor=actors[1], now=now)
    return is_new
