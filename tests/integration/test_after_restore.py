"""`manage.py after_restore`: no TID is given a second time after the database came back from a backup."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.meters.models import Meter
from gateway.management.commands import after_restore
from tests.support.rows import rows_of
from tests.support.world import NOW, STRANGER, World, add_meter, load_key
from vending.sts.tid import GREATEST_TID
from vending.tokens.models import MeterTid, Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
NOW_TID = 6_777_180
LIMIT = 30


@pytest.fixture(autouse=True)
def clock(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(after_restore, "now", lambda: world.now)


def run(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("after_restore", *arguments, stdout=out)
    return out.getvalue().splitlines()


def last_tids(base_date: str = "14") -> dict[int, int]:
    return dict(MeterTid.objects.filter(base_date=base_date).values_list("meter_id", "last_tid"))


def test_every_meter_is_moved_past_what_may_have_been_issued(world: World) -> None:
    world.sell()
    world.later(600)
    past = NOW_TID + 10 + LIMIT
    assert run() == [
        f"base date 14: 2 of 2 meters moved to TID {past} (2026-11-20 09:40 UTC)",
        "moved: 2",
    ]
    assert last_tids() == {world.meter.pk: past, world.other_meter.pk: past}
    (entry,) = AuditEntry.objects.filter(act="meter_tids.moved_after_restore")
    assert (entry.actor, entry.subject) == ("system:after_restore", "meter_tids:all")
    assert entry.details == {
        "stopped_at": "2026-11-20T09:10:00+00:00",
        "look_ahead_minutes": LIMIT,
        "moved": {"14": 2},
    }


def test_moment_of_the_stop_decides_and_a_second_run_moves_nothing(world: World) -> None:
    world.later(3600)
    assert run("--stopped-at", "2026-11-20T12:05+03:00")[-1] == "moved: 2"
    past = NOW_TID + 5 + LIMIT
    assert set(last_tids().values()) == {past}
    assert run("--stopped-at", "2026-11-20T09:05:59Z")[-1] == "moved: 0"
    assert set(last_tids().values()) == {past}


def test_no_tid_falls(world: World) -> None:
    MeterTid.objects.create(meter=world.meter, base_date="14", last_tid=NOW_TID + 999)
    assert run()[-1] == "moved: 1"
    assert last_tids() == {world.meter.pk: NOW_TID + 999, world.other_meter.pk: NOW_TID + LIMIT}


def test_dry_run_counts_and_writes_nothing(world: World) -> None:
    before = rows_of(MeterTid, AuditEntry)
    told = run("--dry-run")
    assert rows_of(MeterTid, AuditEntry) == before
    assert (told[-1], run()[-1]) == ("would be moved: 2", "moved: 2")
    assert run("--dry-run")[-1] == "would be moved: 0"


def test_every_base_date_in_use_is_counted_apart(world: World) -> None:
    load_key(krn=3, base_date="35")
    load_key(krn=4, base_date="93")
    world.now = datetime(2035, 1, 1, 10, tzinfo=UTC)
    MeterTid.objects.create(meter=world.meter, base_date="14", last_tid=5)
    told = run()
    assert [line.split(":")[0] for line in told] == ["base date 14", "base date 35", "moved"]
    assert set(last_tids("35").values()) == {600 + LIMIT}
    assert (len(last_tids("14")), last_tids("93")) == (2, {})


def test_base_date_of_a_meter_counts_though_no_key_has_it_any_more(world: World) -> None:
    world.now = datetime(2035, 1, 1, 10, tzinfo=UTC)
    MeterTid.objects.create(meter=world.other_meter, base_date="35", last_tid=7)
    run()
    assert set(last_tids("35").values()) == {600 + LIMIT}


def test_last_tids_of_a_base_date_are_not_passed(world: World) -> None:
    load_key(krn=4, base_date="93")
    world.now = datetime(2024, 11, 24, 20, 10, tzinfo=UTC)
    run()
    assert set(last_tids("93").values()) == {GREATEST_TID}


def test_sales_after_it_wait_until_the_clock_is_near_and_never_repeat_a_tid(world: World) -> None:
    for _ in range(40):
        world.confirm()
    world.fulfil()
    lost = set(Token.objects.values_list("tid", flat=True))
    assert max(lost) == NOW_TID + LIMIT
    MeterTid.objects.update(last_tid=0)
    run()
    world.sell(account=world.other_meter.drn)
    held = Vend.objects.order_by("-pk")[0]
    assert (held.state, held.held_reason) == (VendState.HELD, "look_ahead_limit")
    world.later(60)
    world.resume()
    held.refresh_from_db()
    assert held.state == VendState.ISSUED
    assert held.authority.token.tid == NOW_TID + LIMIT + 1
    assert not lost & set(Token.objects.filter(meter=world.other_meter).values_list("tid", flat=True))


def test_installation_that_stopped_longer_ago_than_the_limit_sells_at_once(world: World) -> None:
    world.later(LIMIT * 60 + 60)
    run("--stopped-at", NOW.isoformat())
    world.sell()
    assert Vend.objects.get().state == VendState.ISSUED


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("yesterday", "is no moment"),
        ("", "is no moment"),
        ("0001-01-01T00:00+03:00", "is no moment"),
        ("2026-11-20T09:00", "needs its zone"),
        ("2027-11-20T09:00Z", "more than a day ahead"),
    ],
)
def test_moment_that_cannot_be_meant_is_refused(world: World, moment: str, words: str) -> None:
    with pytest.raises(CommandError, match=words):
        run("--stopped-at", moment)
    assert not MeterTid.objects.exists()


def test_limit_of_the_settings_is_used(world: World, settings: Settings) -> None:
    settings.TID_LOOK_AHEAD_MINUTES = 600
    run()
    assert set(last_tids().values()) == {NOW_TID + 600}


def test_thousands_of_meters_take_seconds(world: World) -> None:
    """Meters with a row that is behind, with one that is past, and without any."""
    meters = Meter.objects.bulk_create(copy_of(world.meter, number) for number in range(3_000))
    half = [MeterTid(meter=meter, base_date="14", last_tid=meter.pk % 2 * 10**7) for meter in meters[:2_000]]
    MeterTid.objects.bulk_create(half)
    begun = datetime.now(UTC)
    assert run()[-1] == "moved: 2002"
    assert datetime.now(UTC) - begun < timedelta(seconds=10)
    assert MeterTid.objects.filter(last_tid__lt=NOW_TID + LIMIT).count() == 0
    assert MeterTid.objects.count() == 3_002


def copy_of(meter: Meter, number: int) -> Meter:
    values: dict[str, Any] = {
        field.attname: getattr(meter, field.attname) for field in Meter._meta.concrete_fields if field.attname != "id"
    }
    return Meter(**values | {"drn": f"{number:011d}", "meter_pan": f"{number:018d}", "customer_id": None})


def test_meter_that_was_lost_with_the_backup_is_moved_by_another_run(world: World) -> None:
    run()
    again = add_meter(world.site, "3700020046", "Otieno Odhiambo", STRANGER)
    world.later(120)
    assert run("--stopped-at", NOW.isoformat())[-1] == "moved: 1"
    assert last_tids()[again.pk] == NOW_TID + LIMIT
