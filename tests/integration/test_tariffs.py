"""Versions of prices: which holds when and for whom, what a version cannot be, and that it stays as it was."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction

from fleet.audit.models import AuditEntry
from fleet.audit.queries import list_entries_of
from fleet.sites.services import add_site
from tests.support.world import ACTOR, NOW, World
from tests.unit.tariffs.examples import FACTS, FULL
from vending.tariffs.errors import TariffInvalid, TariffMissing, TariffStartTaken
from vending.tariffs.models import FixedFeeCharge, FreeAllowance, Tariff
from vending.tariffs.queries import (
    count_months_due,
    facts_of,
    get_tariff,
    list_allowances,
    list_fee_months,
    list_own_classes,
    list_versions,
    load_tariffs,
    month_of,
    prices_of,
)
from vending.tariffs.services import check_can_publish, publish_tariff
from vending.tariffs.terms import TariffFacts, terms_of
from vending.vends.models import Vend

pytestmark = pytest.mark.money_path
LATER = NOW + timedelta(days=11)
NOVEMBER, DECEMBER = date(2026, 11, 1), date(2026, 12, 1)


def publish(site_id: int, facts: TariffFacts, approval_id: int | None = None) -> Tariff:
    values = {field.name: getattr(facts, field.name) for field in fields(facts)}
    return publish_tariff(site_id=site_id, approval_id=approval_id, actor=ACTOR, now=NOW, **values)


def of_class(name: str, starts_at: datetime = LATER) -> TariffFacts:
    return replace(FACTS, customer_class=name, starts_at=starts_at)


def count_written() -> tuple[int, int]:
    return Tariff.objects.count(), AuditEntry.objects.count()


@pytest.mark.parametrize("facts", [FACTS, FULL])
def test_version_is_read_as_it_was_published(world: World, facts: TariffFacts) -> None:
    tariff = publish(world.site.pk, facts)
    kept = Tariff.objects.get(pk=tariff.pk)
    assert (facts_of(kept), prices_of(kept), kept.approval_id) == (facts, facts.prices, None)
    [entry] = list_entries_of([f"tariff:{tariff.pk}"])
    assert (entry.act, entry.actor, entry.details) == ("tariff.published", ACTOR, terms_of(facts))


def test_publish_twice_of_the_same_facts_changes_nothing(world: World) -> None:
    tariff = publish(world.site.pk, FULL)
    written = count_written()
    assert publish(world.site.pk, FULL) == tariff
    assert count_written() == written


@pytest.mark.parametrize("change", [{"note": "other"}, {"day_limit_minor": 600_000}, {"prices": FACTS.prices}])
def test_publish_of_other_facts_at_a_start_in_use_is_refused(world: World, change: dict[str, object]) -> None:
    publish(world.site.pk, FULL)
    written = count_written()
    with pytest.raises(TariffStartTaken) as refusal:
        publish(world.site.pk, replace(FULL, **change))  # type: ignore[arg-type]
    assert (refusal.value.code, refusal.value.field) == ("tariff_start_taken", "starts_at")
    assert count_written() == written


def test_publish_for_two_classes_at_one_start_makes_two_versions(world: World) -> None:
    assert publish(world.site.pk, of_class("")) != publish(world.site.pk, of_class("shop"))


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"currency": "UGX"}, "currency"),
        ({"currency": "???"}, "currency"),
        ({"most_payment_minor": 0}, "most_payment_minor"),
        ({"customer_class": "Shop"}, "customer_class"),
    ],
)
def test_publish_of_what_no_version_may_say_is_refused(world: World, change: dict[str, object], field: str) -> None:
    written = count_written()
    with pytest.raises(TariffInvalid) as refusal:
        publish(world.site.pk, replace(FACTS, **change))  # type: ignore[arg-type]
    assert (refusal.value.field, count_written()) == (field, written)


def test_publish_for_a_site_that_is_not_there_is_refused(world: World) -> None:
    with pytest.raises(TariffInvalid) as refusal:
        publish(world.site.pk + 1, FACTS)
    assert refusal.value.field == "site"


def test_version_never_changes_and_is_never_deleted(world: World) -> None:
    tariff = publish(world.site.pk, FACTS)
    for attempt in (
        lambda: Tariff.objects.filter(pk=tariff.pk).update(price_per_kwh_minor=1),
        lambda: Tariff.objects.filter(pk=tariff.pk).update(note="other"),
        lambda: Tariff.objects.filter(pk=tariff.pk).delete(),
    ):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            attempt()
    assert facts_of(Tariff.objects.get(pk=tariff.pk)) == FACTS


def test_start_that_has_come_cannot_be_proposed(world: World) -> None:
    check_can_publish(site_id=world.site.pk, facts=of_class(""), now=LATER - timedelta(seconds=1))
    with pytest.raises(TariffInvalid) as refusal:
        check_can_publish(site_id=world.site.pk, facts=of_class(""), now=LATER)
    assert refusal.value.field == "starts_at"


def test_start_in_use_cannot_be_proposed_even_with_the_same_facts(world: World) -> None:
    publish(world.site.pk, FACTS)
    with pytest.raises(TariffStartTaken):
        check_can_publish(site_id=world.site.pk, facts=FACTS, now=NOW)
    check_can_publish(site_id=world.site.pk, facts=replace(FACTS, customer_class="shop"), now=NOW)


def test_site_in_another_currency_cannot_be_proposed_to(world: World) -> None:
    uganda = add_site(code="ug", name="Site", currency="UGX", timezone="Africa/Kampala", actor=ACTOR, now=NOW)
    with pytest.raises(TariffInvalid) as refusal:
        check_can_publish(site_id=uganda.pk, facts=FACTS, now=NOW)
    assert refusal.value.field == "currency"


def test_version_in_force_is_the_newest_that_has_started(world: World) -> None:
    first = Tariff.objects.get()
    soon = publish(world.site.pk, of_class(""))
    book = load_tariffs([world.site.pk], LATER + timedelta(days=1))
    assert book.at(world.site.pk, "home", LATER - timedelta(microseconds=1)) == first
    assert book.at(world.site.pk, "home", LATER) == soon
    assert get_tariff(world.site.pk, "home", NOW) == first
    assert get_tariff(world.site.pk, "home", LATER) == soon


def test_own_version_of_a_class_wins_from_its_start_on(world: World) -> None:
    first = Tariff.objects.get()
    shop = publish(world.site.pk, of_class("shop"))
    newer = publish(world.site.pk, of_class("", LATER + timedelta(days=1)))
    book = load_tariffs([world.site.pk], LATER + timedelta(days=2))
    moments = (NOW, LATER, LATER + timedelta(days=1))
    assert [book.at(world.site.pk, "shop", moment) for moment in moments] == [first, shop, shop]
    assert [book.at(world.site.pk, "home", moment) for moment in moments] == [first, first, newer]
    assert [book.at(world.site.pk, "", moment) for moment in moments] == [first, first, newer]
    assert list_own_classes(world.site.pk, NOW) == set()
    assert list_own_classes(world.site.pk, LATER) == {"shop"}


def test_fee_runs_without_a_break_over_versions_of_the_site_and_of_the_class(world: World) -> None:
    first, without = Tariff.objects.get(), replace(FACTS.prices, fixed_fee_minor=0)
    days = [LATER + timedelta(days=day) for day in range(5)]
    publish(world.site.pk, of_class("shop", days[1]))
    publish(world.site.pk, replace(of_class("", days[2]), prices=without))
    publish(world.site.pk, of_class("", days[3]))
    book = load_tariffs([world.site.pk], days[4])
    assert book.fee_since(world.site.pk, "shop", days[4]) == first.starts_at
    assert book.fee_since(world.site.pk, "home", days[1]) == first.starts_at
    assert book.fee_since(world.site.pk, "home", days[2]) == days[2]
    assert book.fee_since(world.site.pk, "home", days[4]) == days[3]
    assert book.fee_since(world.site.pk, "home", first.starts_at - timedelta(1)) == first.starts_at - timedelta(1)


def test_book_holds_what_starts_by_the_moment_and_of_its_sites_only(world: World) -> None:
    other = add_site(code="other", name="Other", currency="KES", timezone="Africa/Nairobi", actor=ACTOR, now=NOW)
    publish(world.site.pk, of_class(""))
    publish(other.pk, of_class("", NOW))
    assert set(load_tariffs([world.site.pk], LATER).versions) == {(world.site.pk, "")}
    assert len(load_tariffs([world.site.pk], NOW).versions[world.site.pk, ""]) == 1
    assert len(load_tariffs([world.site.pk], LATER).versions[world.site.pk, ""]) == 2
    assert [tariff.site.code for tariff in list_versions()] == ["other", "test", "test"]


def test_site_without_a_version_in_force_cannot_price_anything(world: World) -> None:
    with pytest.raises(TariffMissing) as refusal:
        get_tariff(world.site.pk, "home", NOW - timedelta(days=31))
    assert (refusal.value.code, refusal.value.retryable) == ("tariff_missing", True)
    publish(world.site.pk, of_class("shop", NOW - timedelta(days=60)))
    assert get_tariff(world.site.pk, "shop", NOW - timedelta(days=31)).customer_class == "shop"


def test_month_is_that_of_the_place() -> None:
    last_evening = datetime(2026, 11, 30, 21, 30, tzinfo=UTC)
    assert month_of(last_evening, "Africa/Nairobi") == DECEMBER
    assert month_of(last_evening, "Africa/Abidjan") == NOVEMBER


@pytest.mark.parametrize(
    ("last_charged", "arrears", "due"),
    [
        (None, 0, 1),
        (None, 3, 1),
        (date(2026, 12, 1), 3, 0),
        (date(2027, 1, 1), 3, 0),
        (date(2026, 11, 1), 0, 1),
        (date(2026, 11, 1), 3, 1),
        (date(2026, 9, 1), 0, 1),
        (date(2026, 9, 1), 1, 2),
        (date(2026, 9, 1), 3, 3),
        (date(2025, 12, 1), 3, 4),
        (date(2025, 12, 1), 24, 12),
    ],
)
def test_months_due_are_this_one_and_the_missed_ones_up_to_the_arrears(
    last_charged: date | None, arrears: int, due: int
) -> None:
    assert count_months_due(last_charged, DECEMBER, arrears) == due


def test_last_month_charged_leaves_out_what_was_cancelled(world: World) -> None:
    world.sell()
    vend = Vend.objects.get()
    charge = {"meter_id": world.other_meter.pk, "vend": vend, "amount_minor": 1_000}
    FixedFeeCharge.objects.create(month_date=date(2026, 9, 1), **charge)
    FixedFeeCharge.objects.create(month_date=date(2026, 10, 1), **charge)
    FixedFeeCharge.objects.create(month_date=NOVEMBER, cancelled_at=NOW, **charge)
    meters = [world.meter.pk, world.other_meter.pk]
    assert list_fee_months(meters) == {world.meter.pk: NOVEMBER, world.other_meter.pk: date(2026, 10, 1)}
    assert list_fee_months([world.meter.pk]) == {world.meter.pk: NOVEMBER}
    assert list_fee_months([]) == {}


def test_allowance_that_was_taken_back_may_be_given_again(world: World) -> None:
    world.sell()
    world.sell()
    first, second = Vend.objects.order_by("pk")
    given = {"meter_id": world.meter.pk, "energy_kwh_tenths": 50}
    FreeAllowance.objects.create(month_date=NOVEMBER, vend=first, **given)
    FreeAllowance.objects.create(month_date=DECEMBER, vend=second, cancelled_at=NOW, **given)
    months = [(world.meter.pk, NOVEMBER), (world.meter.pk, DECEMBER), (world.other_meter.pk, NOVEMBER)]
    assert list_allowances(months) == {(world.meter.pk, NOVEMBER)}
    assert list_allowances(months[1:]) == set()
