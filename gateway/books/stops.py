"""Whether vending keys are stopped because of what the audit trail says: nobody starts one by hand unseen."""

from collections.abc import Iterator

from fleet.audit.models import AuditEntry
from vending.keys.models import VendingKey

_STOPPED = "vending_key.stopped"
_STARTED = "vending_key.started"


def find_wrong_stops() -> Iterator[str]:
    """A key is stopped when the last of the two acts on it is a stop, and for the reason that was given then."""
    acts = AuditEntry.objects.filter(act__in=(_STOPPED, _STARTED)).order_by("pk")
    said = {act.subject: act.details.get("reason", "") if act.act == _STOPPED else "" for act in acts.iterator()}
    for key in VendingKey.objects.defer("sealed").order_by("pk"):
        name = f"vending_key:{key.pk}"
        if (bool(key.stopped_at), key.stopped_reason) != (bool(said.get(name)), said.get(name, "")):
            is_now = f"stopped ({key.stopped_reason})" if key.stopped_at else "not stopped"
            yield f"{name}: is {is_now}, but no act made it so"
