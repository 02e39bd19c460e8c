"""After a database came back from a backup: no meter may be given a TID a second time.

The tokens that were made since the backup are gone from the database, and their meters may have them. What such a token
can carry is known: the clock then stood before the moment at which sales stopped, and no TID is further ahead of the
clock than the look-ahead limit.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter
from vending.keys.models import VendingKey
from vending.sts.base_dates import BaseDate
from vending.sts.errors import MomentOutOfRange, TidExhausted
from vending.sts.tid import GREATEST_TID, tid_at
from vending.tokens import sql
from vending.tokens.models import MeterTid

_METERS_A_TIME = 500


class Moved(NamedTuple):
    """One base date: the TID that all meters are past, how many meters there are, and how many were not past it."""

    base_date: str
    last_tid: int
    meters: int
    moved: int


@transaction.atomic
def move_tids_past(
    *, stopped_at: datetime, look_ahead_minutes: int, dry_run: bool, actor: str, now: datetime
) -> list[Moved]:
    """Move the last TID of every meter, under each base date in use, past all that was made before `stopped_at`.

    Never back, so the second run moves nothing. A base date that had not begun, or had no TID left, made none and is
    left out. With `dry_run` nothing is written and the same is returned. Locks: all meters, by ascending id.
    """
    tids = _greatest_tids(stopped_at, look_ahead_minutes)
    meter_ids = list(Meter.objects.order_by("pk").values_list("pk", flat=True))
    moved = {base: len(meter_ids) - _count_past(base, tid) for base, tid in tids.items()}
    if not dry_run:
        _raise_all(meter_ids, tids)
        details = {"stopped_at": stopped_at.isoformat(), "look_ahead_minutes": look_ahead_minutes, "moved": moved}
        record(actor=actor, acts=[Act("meter_tids.moved_after_restore", "meter_tids:all", details)], now=now)
    return [Moved(base, tid, len(meter_ids), moved[base]) for base, tid in tids.items()]


def _greatest_tids(stopped_at: datetime, look_ahead_minutes: int) -> dict[str, int]:
    """By base date, the greatest TID that a token can have had."""
    in_use = {*VendingKey.objects.values_list("base_date", flat=True), *_bases_of_meters()}
    tids = {}
    for base in sorted(in_use):
        try:
            tids[base] = min(tid_at(stopped_at, BaseDate.of(base)) + look_ahead_minutes, GREATEST_TID)
        except (MomentOutOfRange, TidExhausted):
            continue
    return tids


def _bases_of_meters() -> set[str]:
    return set(MeterTid.objects.values_list("base_date", flat=True).distinct())


def _count_past(base_date: str, tid: int) -> int:
    return MeterTid.objects.filter(base_date=base_date, last_tid__gte=tid).count()


def _raise_all(meter_ids: list[int], tids: Mapping[str, int]) -> None:
    for start in range(0, len(meter_ids), _METERS_A_TIME):
        batch = meter_ids[start : start + _METERS_A_TIME]
        lock_meters(batch)
        for base, tid in tids.items():
            sql.raise_tids(base_date=base, last_tid=tid, first_meter_id=batch[0], last_meter_id=batch[-1])
