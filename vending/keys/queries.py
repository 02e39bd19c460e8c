"""Which vending keys there are, without their octets, and whether one may issue tokens at a moment."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from vending.keys.attributes import KeyDescription, check_within_limits, name_of
from vending.keys.components import COMPONENT_LIFE
from vending.keys.errors import VendingKeyStopped
from vending.keys.models import KeyComponent, VendingKey
from vending.keys.published import is_check_value_of_published
from vending.sts.verified import is_verified

__all__ = [
    "KeyDescription",
    "WaitingComponent",
    "check_may_issue",
    "check_not_stopped",
    "describe_keys",
    "list_vending_keys",
    "list_waiting_components",
]

KeyName = tuple[str, int, int]
# Asked about is the vending key alone, so with an EA that public vectors cover.
_COVERED_EA = 11


def list_vending_keys(names: Collection[KeyName]) -> dict[KeyName, VendingKey]:
    """The keys of these (SGC, KRN, KT) that exist, without the sealed octets."""
    rows = VendingKey.objects.defer("sealed").filter(sgc__in={sgc for sgc, _, _ in names})
    return {(row.sgc, row.krn, row.kt): row for row in rows if (row.sgc, row.krn, row.kt) in names}


@dataclass(frozen=True)
class WaitingComponent:
    """A first component that waits for the second custodian; what may be told of it."""

    sgc: str
    krn: int
    kt: int
    key_check_value: str
    component_check_value: str
    custodian: str
    waits_until_at: datetime


def list_waiting_components(now: datetime) -> list[WaitingComponent]:
    """Those that have not waited too long, in order of SGC, KRN and KT."""
    rows = KeyComponent.objects.defer("sealed").filter(entered_at__gt=now - COMPONENT_LIFE)
    return [
        WaitingComponent(
            row.sgc,
            row.krn,
            row.kt,
            row.key_check_value,
            row.component_check_value,
            row.custodian,
            row.entered_at + COMPONENT_LIFE,
        )
        for row in rows.order_by("sgc", "krn", "kt")
    ]


def describe_keys() -> list[KeyDescription]:
    """Every vending key, in order of SGC, KRN and KT. Opens none."""
    return [_description(row) for row in VendingKey.objects.defer("sealed").order_by("sgc", "krn", "kt")]


def check_may_issue(vending_key: VendingKey, at: datetime) -> None:
    """Refuse a key that is stopped (`VendingKeyStopped`), before its ACT (`VendingKeyNotActive`) or after its IUT
    (`VendingKeyIssueEnded`). ACT and IUT themselves are within.
    """
    check_not_stopped(vending_key)
    name = name_of(vending_key.sgc, vending_key.krn, vending_key.kt)
    check_within_limits(vending_key.active_from_at, vending_key.issue_until_at, at, name=name)


def check_not_stopped(vending_key: VendingKey) -> None:
    """Refuse a key that is stopped (`VendingKeyStopped`)."""
    if vending_key.stopped_at:
        name = name_of(vending_key.sgc, vending_key.krn, vending_key.kt)
        raise VendingKeyStopped(f"the vending key of {name} is stopped: {vending_key.stopped_reason}")


def _description(row: VendingKey) -> KeyDescription:
    return KeyDescription(
        sgc=row.sgc,
        krn=row.krn,
        kt=row.kt,
        base_date=row.base_date,
        dkga=row.dkga,
        ken=row.ken,
        check_value=row.check_value,
        active_from_at=row.active_from_at,
        issue_until_at=row.issue_until_at,
        stopped_at=row.stopped_at,
        stopped_reason=row.stopped_reason,
        is_verified=is_verified(dkga=row.dkga, ea=_COVERED_EA, kt=row.kt),
        is_published=is_check_value_of_published(row.check_value),
        sealed_by=row.sealed_by,
    )
