"""What can be done with meters: register, link a phone, move along the lifecycle."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.meters.lifecycle import METER, MeterState
from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter, MeterPhone


@dataclass(frozen=True)
class MeterFacts:
    """What is known of a meter when it is registered. `meter_pan` is checked by whoever makes it from the DRN."""

    site_id: int
    drn: str
    meter_pan: str
    ea: int
    sgc: str
    krn: int
    kt: int
    ti: int
    customer_id: int | None = None


@transaction.atomic
def register_meter(*, facts: MeterFacts, actor: str, now: datetime) -> Meter:
    """Put a meter into stock. Idempotent by DRN: a meter that is known stays as it is."""
    values = vars(facts) | {"state": MeterState.STOCK}
    meter, is_new = Meter.objects.get_or_create(drn=facts.drn, defaults=values)
    if is_new:
        known = {name: value for name, value in vars(facts).items() if name not in ("site_id", "customer_id")}
        record(actor=actor, acts=[Act("meter.registered", f"meter:{meter.pk}", known)], now=now)
    return meter


@transaction.atomic
def link_phone(*, meter_id: int, phone_id: int, actor: str, now: datetime) -> None:
    """Let a phone buy for a meter and read its codes. Idempotent by (meter, phone)."""
    _, is_new = MeterPhone.objects.get_or_create(meter_id=meter_id, phone_id=phone_id, defaults={"linked_at": now})
    if is_new:
        act = Act("meter.phone_linked", f"meter:{meter_id}", {"phone_id": phone_id})
        record(actor=actor, acts=[act], now=now)


@transaction.atomic
def move_meter(*, meter_id: int, state: MeterState, reason: str, actor: str, now: datetime) -> None:
    """Take a meter one step along its lifecycle, with the reason. The meter is locked; a move it lacks is refused."""
    meter = lock_meters([meter_id])[meter_id]
    METER.check_can_move(meter.state, state)
    act = Act("meter.moved", f"meter:{meter_id}", {"before": meter.state, "after": str(state), "reason": reason})
    meter.state, meter.state_reason = state, reason
    meter.save(update_fields=["state", "state_reason"])
    record(actor=actor, acts=[act], now=now)


def can_vend(meter: Meter) -> bool:
    return meter.state == MeterState.ACTIVE
