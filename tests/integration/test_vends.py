"""One sale: what a quote says before, what is asked of sales after, and how a settled one stands against late words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, transaction

from fleet.audit.models import AuditEntry
from fleet.audit.queries import list_entries_of
from fleet.meters.locks import lock_meters
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, NOW, PRICES, World, block
from vending.keys.models import VendingKey
from vending.keys.stopping import start_vending_key, stop_vending_key
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import get_wallet
from vending.security.ports import SecurityModuleUnavailable
from vending.tariffs.engine import Prices
from vending.tariffs.errors import TariffMissing
from vending.tariffs.models import FixedFeeCharge, Tariff
from vending.tariffs.queries import get_tariff, month_of
from vending.tariffs.services import publish_tariff
from vending.tokens.models import Authority
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.queries import (
    Quote,
    find_vend_of,
    get_quote,
    get_vend,
    list_issued_vends,
    list_last_vends,
    list_newest_vends,
    list_unfinished_vends,
    list_vend_ids_of,
)
from vending.vends.services import SaleOrder, fingerprint_of, fund_vends, settle_vends, wake_held_vends

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def quote(world: World, paid: int) -> Quote:
    return get_quote(meter=world.meter, paid_minor=paid, now=world.now)


def publish(world: World, starts_at: datetime, prices: Prices = PRICES, least: int = 1000) -> Tariff:
    return publish_tariff(
        site_id=world.site.pk,
        currency="KES",
        prices=prices,
        least_payment_minor=least,
        most_payment_minor=10_000_000,
        starts_at=starts_at,
        actor=ACTOR,
        now=NOW,
    )


def test_quote_says_what_an_amount_buys_and_writes_nothing(world: World) -> None:
    audited = AuditEntry.objects.count()
    found = quote(world, 20_000)
    assert (found.split.energy_kwh_tenths, found.split.fee_minor, found.split.kept_minor) == (81, 1_000, 208)
    assert (found.currency, found.refusal, found.fee_due_minor) == ("KES", "", 1_000)
    assert (found.least_minor, found.most_minor, found.least_energy_kwh_tenths) == (1_232, 10_000_000, 1)
    assert AuditEntry.objects.count() == audited
    assert not Vend.objects.exists()


@pytest.mark.parametrize(
    ("paid", "refusal"),
    [(1_231, "too_little"), (1_232, ""), (10_000_000, ""), (10_000_001, "too_much"), (0, "too_little")],
)
def test_quote_refuses_by_the_tariffs_limits(world: World, paid: int, refusal: str) -> None:
    assert quote(world, paid).refusal == refusal


def test_quote_for_less_than_the_tariff_takes_is_too_little_though_it_would_buy(world: World) -> None:
    publish(world, NOW, least=5_000)
    assert quote(world, 4_999).split.is_sale
    assert (quote(world, 4_999).refusal, quote(world, 5_000).refusal) == ("too_little", "")


def test_quote_for_a_blocked_meter_is_refused_whatever_is_paid(world: World) -> None:
    block(world.meter)
    world.meter.refresh_from_db()
    assert [quote(world, paid).refusal for paid in (0, 20_000, 10**9)] == ["blocked"] * 3


def test_fee_is_due_once_a_month_by_the_sites_own_clock(world: World) -> None:
    """Nairobi is three hours ahead: its December begins at 21:00 UTC."""
    world.sell()
    world.now = datetime(2026, 11, 30, 20, 59, tzinfo=UTC)
    assert quote(world, 20_000).fee_due_minor == 0
    world.later(60)
    assert quote(world, 20_000).fee_due_minor == 1_000
    world.sell()
    assert [str(charge.month_date) for charge in FixedFeeCharge.objects.order_by("pk")] == ["2026-11-01", "2026-12-01"]


def test_month_is_that_of_the_place() -> None:
    late = datetime(2026, 12, 31, 22, tzinfo=UTC)
    assert (str(month_of(late, "Africa/Nairobi")), str(month_of(late, "Africa/Dakar"))) == ("2027-01-01", "2026-12-01")


def test_tariff_in_force_is_the_newest_that_has_started(world: World) -> None:
    soon = publish(world, NOW + timedelta(hours=1), replace(PRICES, price_per_kwh_minor=4_000))
    assert quote(world, 20_000).split.energy_kwh_tenths == 81
    world.later(3_600)
    assert get_tariff(world.site.pk, "home", world.now) == soon
    assert quote(world, 20_000).split.energy_kwh_tenths == 40


def test_site_without_a_tariff_in_force_cannot_price_anything(world: World) -> None:
    with pytest.raises(TariffMissing, match=rf"^no tariff in force for site {world.site.pk}$") as refusal:
        get_tariff(world.site.pk, "home", NOW - timedelta(days=31))
    assert (refusal.value.code, refusal.value.retryable) == ("tariff_missing", True)


def test_sale_keeps_a_fingerprint_of_what_was_sold(world: World) -> None:
    world.sell()
    vend = Vend.objects.get()
    funded = list_entries_of([f"vend:{vend.pk}"])[0]
    assert funded.act == "vend.funded"
    assert funded.details == {
        "meter_id": world.meter.pk,
        "energy_kwh_tenths": 81,
        "vend_sha256": fingerprint_of(vend),
    }


def test_fund_of_the_same_payment_twice_changes_nothing(world: World) -> None:
    world.sell()
    paid, kept = Vend.objects.get().authority.reference, str(world.sell(3).pk)
    before = (Vend.objects.count(), Authority.objects.count(), LedgerEntry.objects.count(), get_wallet(world.meter.pk))
    for reference in (paid, kept):
        order = SaleOrder(reference, world.meter.pk, 20_000, "float:daraja", f"payment:{reference}:allocated")
        with pytest.raises(IntegrityError), transaction.atomic():
            fund_vends(
                kind="payment",
                orders=[order],
                meters=lock_meters([world.meter.pk]),
                random_nibble=lambda: 5,
                look_ahead_minutes=30,
                actor=ACTOR,
                now=NOW,
            )
    after = (Vend.objects.count(), Authority.objects.count(), LedgerEntry.objects.count(), get_wallet(world.meter.pk))
    assert after == before


def test_settle_leaves_an_issued_sale_alone(world: World) -> None:
    world.sell()
    vend = Vend.objects.get()
    audited = AuditEntry.objects.count()
    late = SecurityModuleUnavailable("down")
    for outcome in (None, late):
        assert settle_vends(outcomes={vend.pk: outcome}, actor=ACTOR, now=NOW + timedelta(hours=1)) == []
    vend.refresh_from_db()
    assert (vend.state, vend.issued_at, vend.held_reason) == (VendState.ISSUED, NOW, "")
    assert AuditEntry.objects.count() == audited


def test_held_sale_waits_longer_each_time_and_ends_no_try(world: World) -> None:
    module = FakeSecurityModule({("201457", 1, 2): 255}, is_unavailable=True)
    world.module = module
    world.sell()
    vend, waits = Vend.objects.get(), []
    for _ in range(7):
        vend.refresh_from_db()
        assert vend.next_try_at is not None
        waits.append(int((vend.next_try_at - world.now).total_seconds()))
        world.now = vend.next_try_at
        assert world.resume().rows == 1
    assert waits == sorted(waits)
    assert (waits[0], waits[-1]) == (2, 300)
    acts = [entry.act for entry in list_entries_of([f"vend:{vend.pk}"])]
    assert acts == ["vend.funded", "vend.held"]  # tries that change nothing leave no trace


def test_sales_are_listed_as_their_readers_need_them(world: World) -> None:
    first, second = (Vend.objects.get(authority__reference=str(world.sell().pk)) for _ in range(2))
    other = Vend.objects.get(authority__reference=str(world.sell(account=world.other_meter.drn).pk))
    world.module = FakeSecurityModule({}, is_unavailable=True)
    held = Vend.objects.get(authority__reference=str(world.sell().pk))
    kept = world.sell(3)

    assert get_vend(first.pk) == first
    assert get_vend(10**6) is None
    assert list_last_vends(world.meter.pk, 2) == [held, second]
    assert list_newest_vends(before_id=None, limit=2) == [held, other]
    assert list_newest_vends(before_id=second.pk, limit=9) == [first]
    assert list_unfinished_vends(9) == [held]
    meter_ids, references = [world.meter.pk], [other.authority.reference, str(kept.pk)]
    assert list_issued_vends(meter_ids=meter_ids, references=references, limit=9) == [other, second, first]
    assert list_issued_vends(meter_ids=[], references=[], limit=9) == []
    assert list_vend_ids_of("payment", references) == {other.authority.reference: other.pk}
    assert list_vend_ids_of("approval", references) == {}
    assert find_vend_of("payment", other.authority.reference) == other
    assert find_vend_of("payment", str(kept.pk)) is None
    assert find_vend_of("moved", other.authority.reference) is None


def test_held_sales_are_woken_when_their_reason_is_mended_and_no_others(world: World) -> None:
    key_id = VendingKey.objects.get().pk
    stop_vending_key(vending_key_id=key_id, reason="lost card", actor=ACTOR, now=NOW)
    world.sell()
    world.sell(account=world.other_meter.drn)
    Vend.objects.filter(meter=world.other_meter).update(held_reason="verify_failed", next_try_at=None)
    waiting = Vend.objects.get(meter=world.meter)
    assert waiting.next_try_at == world.now + timedelta(seconds=2)

    assert wake_held_vends(reasons=["vending_key_missing", "verify_failed"], now=world.now) == 0
    assert wake_held_vends(reasons=["vending_key_stopped"], now=world.now) == 1

    start_vending_key(vending_key_id=key_id, actors=("operator:1", "operator:2"), now=NOW)
    world.resume()
    waiting.refresh_from_db()
    assert waiting.state == VendState.ISSUED
