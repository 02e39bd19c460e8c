"""What a meter has had of a month and a day decides its next price: blocks, lifeline, fees, allowance, limits.

Prices here are without VAT unless a test is about taxes, and nothing but what the test is about.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter
from fleet.sites.services import add_site
from tests.support.world import ACTOR, NOW, STRANGER, World, add_meter, block
from vending.ledger.accounts import WALLET
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import get_wallet
from vending.tariffs.engine import Block, Levy, Lifeline, Prices
from vending.tariffs.errors import TariffMissing
from vending.tariffs.models import FixedFeeCharge, FreeAllowance, Tariff
from vending.tariffs.services import publish_tariff
from vending.vends.errors import WalletTooSmall
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.queries import Quote, get_quote
from vending.vends.services import SaleOrder, fingerprint_of, fund_vends

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
FLAT = Prices(
    price_per_kwh_minor=1_000,
    price_includes_vat=False,
    vat_basis_points=0,
    fixed_fee_minor=0,
    least_energy_kwh_tenths=1,
)
BLOCKS = replace(FLAT, blocks=(Block(50, 1_000), Block(None, 2_000)))
LIFELINE = replace(FLAT, lifeline=Lifeline(up_to_kwh_tenths=20, price_per_kwh_minor=500, most_kwh_tenths=30))
# The moments at which the months begin in Nairobi.
DECEMBER = datetime(2026, 11, 30, 21, tzinfo=UTC)
JANUARY = datetime(2026, 12, 31, 21, tzinfo=UTC)
Found = tuple[object, ...]


@pytest.fixture(autouse=True)
def far_ahead(world: World) -> None:
    world.look_ahead_minutes = 100_000


def publish(world: World, prices: Prices, most: int = 10_000_000, day_limit: int = 0, **changes: object) -> Tariff:
    facts: dict[str, object] = {
        "site_id": world.site.pk,
        "currency": "KES",
        "least_payment_minor": 1,
        "starts_at": NOW - timedelta(days=1),
    }
    facts |= {"prices": prices, "most_payment_minor": most, "day_limit_minor": day_limit, "actor": ACTOR, "now": NOW}
    return publish_tariff(**(facts | changes))  # type: ignore[arg-type]


def order(world: World, paid: int, meter: Meter | None = None, **changes: object) -> SaleOrder:
    name = str(next(world.receipts))
    facts = SaleOrder(name, (meter or world.meter).pk, paid, "float:daraja", f"payment:{name}:allocated")
    return replace(facts, **changes)  # type: ignore[arg-type]


def fund(world: World, *orders: SaleOrder) -> list[Vend | None]:
    """One batch, in the order given."""
    with transaction.atomic():
        vend_of = fund_vends(
            kind="payment",
            orders=orders,
            meters=lock_meters({o.meter_id for o in orders} | {o.source_meter_id for o in orders if o.source_meter_id}),
            random_nibble=lambda: 5,
            look_ahead_minutes=world.look_ahead_minutes,
            actor=ACTOR,
            now=world.now,
        )
    return [vend_of[o.reference] for o in orders]


def bought(vends: list[Vend | None], *names: str) -> list[Found | None]:
    return [tuple(getattr(vend, name) for name in names) if vend else None for vend in vends]


def quote(world: World, paid: int, meter: Meter | None = None) -> Quote:
    found = Meter.objects.select_related("site").get(pk=(meter or world.meter).pk)
    return get_quote(meter=found, paid_minor=paid, now=world.now)


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_blocks_go_on_where_the_sale_before_ended_also_within_a_batch(world: World, in_one_batch: bool) -> None:
    publish(world, BLOCKS)
    orders = [order(world, 4_000), order(world, 3_000), order(world, 4_000)]
    vends = fund(world, *orders) if in_one_batch else [vend for o in orders for vend in fund(world, o)]
    names = ("energy_kwh_tenths", "net_minor", "kept_minor", "month_before_kwh_tenths")
    assert bought(vends, *names) == [(40, 4_000, 0, 0), (20, 3_000, 0, 40), (20, 4_000, 0, 60)]


def test_blocks_are_of_one_meter(world: World) -> None:
    publish(world, BLOCKS)
    vends = fund(world, order(world, 6_000), order(world, 6_000, world.other_meter))
    assert bought(vends, "energy_kwh_tenths", "month_before_kwh_tenths") == [(55, 0), (55, 0)]


def test_blocks_begin_anew_with_the_month_of_the_place(world: World) -> None:
    publish(world, BLOCKS)
    fund(world, order(world, 6_000))
    world.now = DECEMBER - timedelta(microseconds=1)
    assert quote(world, 2_000).split.energy_kwh_tenths == 10
    world.now = DECEMBER
    assert quote(world, 2_000).split.energy_kwh_tenths == 20


def test_free_units_and_cancelled_sales_use_up_no_block(world: World) -> None:
    publish(world, replace(BLOCKS, free_kwh_tenths=30))
    first, second = fund(world, order(world, 3_000), order(world, 2_000))
    assert bought([first, second], "energy_kwh_tenths", "free_kwh_tenths", "month_before_kwh_tenths") == [
        (60, 30, 0),
        (20, 0, 30),
    ]
    Vend.objects.filter(pk=second.pk if second else 0).update(state=VendState.CANCELLED)
    assert bought(fund(world, order(world, 2_000)), "energy_kwh_tenths", "month_before_kwh_tenths") == [(20, 30)]


@pytest.mark.parametrize(("sold", "is_lifeline", "energy"), [(2_000, True, 30), (2_001, True, 30), (2_100, False, 20)])
def test_lifeline_holds_while_the_month_before_was_small(
    world: World, sold: int, is_lifeline: bool, energy: int
) -> None:
    """November: 20 tenths at 5 and 10 at 10 are 2,000; one tenth more is over the bound of 30."""
    publish(world, LIFELINE)
    fund(world, order(world, sold))
    world.now = DECEMBER
    assert quote(world, 2_000).split.energy_kwh_tenths == energy
    assert bought(fund(world, order(world, 2_000)), "energy_kwh_tenths", "is_lifeline") == [(energy, is_lifeline)]
    world.now = JANUARY
    assert bought(fund(world, order(world, 2_000)), "energy_kwh_tenths", "is_lifeline") == [(30, True)]


def test_lifeline_is_of_the_month_of_the_price_also_within_a_batch(world: World) -> None:
    publish(world, LIFELINE)
    world.now = DECEMBER
    late = order(world, 2_100, priced_at=DECEMBER - timedelta(minutes=1))
    vends = fund(world, late, order(world, 2_000))
    assert bought(vends, "energy_kwh_tenths", "is_lifeline", "month_before_kwh_tenths") == [
        (31, True, 0),
        (20, False, 0),
    ]


def test_prices_are_those_of_the_moment_of_the_order(world: World) -> None:
    old = publish(world, FLAT)
    new = publish(world, replace(FLAT, price_per_kwh_minor=2_000), starts_at=NOW - timedelta(minutes=10))
    before = NOW - timedelta(minutes=20)
    vends = fund(world, order(world, 1_000), order(world, 1_000, priced_at=before))
    assert bought(vends, "tariff_id", "priced_at", "energy_kwh_tenths") == [(new.pk, NOW, 5), (old.pk, before, 10)]
    with pytest.raises(TariffMissing):
        fund(world, order(world, 1_000, priced_at=NOW - timedelta(days=90)))
    assert Vend.objects.count() == LedgerEntry.objects.count() == 2


def test_prices_are_those_of_the_meters_class(world: World) -> None:
    publish(world, FLAT)
    mill = publish(world, replace(FLAT, price_per_kwh_minor=500), customer_class="mill")
    Meter.objects.filter(pk=world.meter.pk).update(customer_class="mill")
    other = Tariff.objects.get(starts_at=mill.starts_at, customer_class="")
    vends = fund(world, order(world, 1_000), order(world, 1_000, world.other_meter))
    assert bought(vends, "energy_kwh_tenths", "tariff_id") == [(20, mill.pk), (10, other.pk)]
    assert quote(world, 1_000).split.energy_kwh_tenths == 20


def charges() -> list[tuple[str, int]]:
    return [(str(c.month_date), c.amount_minor) for c in FixedFeeCharge.objects.order_by("vend_id", "month_date")]


def test_missed_months_are_charged_with_the_next_sale_a_row_for_each(world: World) -> None:
    publish(world, replace(FLAT, fixed_fee_minor=100, fee_arrears_months=2))
    fund(world, order(world, 1_000))
    world.now = JANUARY + timedelta(days=31)
    assert quote(world, 1_000).fee_due_minor == 300
    vends = fund(world, order(world, 1_000), order(world, 1_000))
    assert bought(vends, "fee_minor", "energy_kwh_tenths") == [(300, 7), (0, 10)]
    assert charges() == [("2026-11-01", 100), ("2026-12-01", 100), ("2027-01-01", 100), ("2027-02-01", 100)]
    assert quote(world, 1_000).fee_due_minor == 0


def test_months_without_a_fee_are_not_charged_as_missed(world: World) -> None:
    """December was sold without a fee, from the middle of January there is one again: January has it not yet whole."""
    monthly = replace(FLAT, fixed_fee_minor=100, fee_arrears_months=6)
    publish(world, monthly)
    publish(world, FLAT, starts_at=DECEMBER)
    publish(world, monthly, starts_at=JANUARY + timedelta(days=14))
    assert bought(fund(world, order(world, 1_000)), "fee_minor") == [(100,)]
    world.now = DECEMBER
    assert bought(fund(world, order(world, 1_000)), "fee_minor") == [(0,)]
    for days, due in ((14, 100), (31, 100), (31 + 28, 200)):
        world.now = JANUARY + timedelta(days=days)
        assert quote(world, 1_000).fee_due_minor == due
    assert bought(fund(world, order(world, 1_000)), "fee_minor") == [(200,)]
    assert charges() == [("2026-11-01", 100), ("2027-02-01", 100), ("2027-03-01", 100)]


def test_fee_of_a_past_month_is_not_charged_after_a_later_one(world: World) -> None:
    publish(world, replace(FLAT, fixed_fee_minor=100, fee_arrears_months=2))
    world.now = DECEMBER
    late = order(world, 1_000, priced_at=DECEMBER - timedelta(minutes=1))
    assert bought(fund(world, order(world, 1_000), late), "fee_minor") == [(100,), (0,)]
    assert charges() == [("2026-12-01", 100)]


def test_allowance_comes_once_a_month_with_the_first_sale(world: World) -> None:
    publish(world, replace(FLAT, free_kwh_tenths=25))
    nothing, first, second = fund(world, order(world, 1), order(world, 1_000), order(world, 1_000))
    assert bought([nothing, first, second], "energy_kwh_tenths", "free_kwh_tenths") == [None, (35, 25), (10, 0)]
    given = FreeAllowance.objects.get()
    assert (given.vend, str(given.month_date), given.energy_kwh_tenths) == (first, "2026-11-01", 25)
    world.now = DECEMBER
    assert quote(world, 1_000).split.free_kwh_tenths == 25
    assert bought(fund(world, order(world, 1_000)), "energy_kwh_tenths", "free_kwh_tenths") == [(35, 25)]


def test_limit_of_a_payment_keeps_the_rest_in_the_wallet(world: World) -> None:
    publish(world, FLAT, most=5_000)
    assert bought(fund(world, order(world, 9_000)), "energy_kwh_tenths", "net_minor", "kept_minor") == [
        (50, 5_000, 4_000)
    ]
    assert get_wallet(world.meter.pk) == 4_000
    assert (quote(world, 9_000).refusal, quote(world, 5_000).refusal) == ("too_much", "")


def test_limit_of_a_day_counts_what_was_sold_and_not_what_was_kept(world: World) -> None:
    publish(world, FLAT, most=4_000, day_limit=5_000)
    vends = fund(world, order(world, 9_000), order(world, 1), order(world, 500))
    names = ("energy_kwh_tenths", "wallet_used_minor", "kept_minor")
    assert bought(vends, *names) == [(40, 0, 5_000), (10, 5_000, 4_001), None]
    assert get_wallet(world.meter.pk) == 4_501
    today = quote(world, 100)
    assert (today.refusal, today.most_minor, today.split.is_sale) == ("too_much", 0, False)
    assert quote(world, 100, world.other_meter).most_minor == 4_000
    world.now = datetime(2026, 11, 20, 20, 59, tzinfo=UTC)
    assert quote(world, 100).refusal == "too_much"
    world.later(60)  # midnight in Nairobi
    assert (quote(world, 100).refusal, quote(world, 100).split.energy_kwh_tenths) == ("", 40)


def test_quote_says_what_is_left_of_the_day(world: World) -> None:
    publish(world, FLAT, day_limit=5_000)
    fund(world, order(world, 3_500))
    found = quote(world, 2_000)
    assert (found.refusal, found.most_minor, found.split.over_limit_minor) == ("too_much", 1_500, 500)
    assert quote(world, 1_500).refusal == ""


def test_day_limit_is_used_up_only_by_sales_that_stand(world: World) -> None:
    publish(world, FLAT, day_limit=5_000)
    fund(world, order(world, 5_000))
    Vend.objects.update(state=VendState.CANCELLED)
    assert quote(world, 5_000).refusal == ""


def test_levies_are_booked_each_on_its_own_account_and_kept_in_sum(world: World) -> None:
    levies = (Levy("electrification", 500), Levy("inspection", 30))
    publish(world, replace(FLAT, levies=levies, vat_basis_points=1_600, fixed_fee_minor=100))
    (vend,) = fund(world, order(world, 10_000))
    names = ("energy_kwh_tenths", "net_minor", "vat_minor", "levies_minor", "fee_minor", "kept_minor")
    assert bought([vend], *names) == [(81, 8_100, 1_296, 429, 100, 75)]
    lines = LedgerEntry.objects.get().lines.order_by("account").values_list("account", "meter_id", "amount_minor")
    assert set(lines) == {
        ("float:daraja", None, 10_000),
        ("revenue:energy", world.meter.pk, -8_100),
        ("revenue:fixed_fee", world.meter.pk, -100),
        ("tax:electrification", world.meter.pk, -405),
        ("tax:inspection", world.meter.pk, -24),
        ("tax:vat", world.meter.pk, -1_296),
        ("wallet", world.meter.pk, -75),
    }


def test_money_of_another_meters_wallet_is_sold_and_leaves_it(world: World) -> None:
    publish(world, FLAT, most=1_000)
    fund(world, order(world, 3_000))
    moved = order(world, 2_000, world.other_meter, source=WALLET, source_meter_id=world.meter.pk)
    (vend,) = fund(world, moved)
    assert bought([vend], "paid_minor", "energy_kwh_tenths", "kept_minor") == [(2_000, 10, 1_000)]
    assert (get_wallet(world.meter.pk), get_wallet(world.other_meter.pk)) == (0, 1_000)
    lines = LedgerEntry.objects.get(cause=moved.cause).lines.values_list("account", "meter_id", "amount_minor")
    assert set(lines) == {
        ("wallet", world.meter.pk, 2_000),
        ("wallet", world.other_meter.pk, -1_000),
        ("revenue:energy", world.other_meter.pk, -1_000),
    }


def test_money_that_the_wallet_does_not_hold_is_refused_and_nothing_is_written(world: World) -> None:
    publish(world, FLAT, most=1_000)
    fund(world, order(world, 3_000))
    facts = {"source": WALLET, "source_meter_id": world.meter.pk}
    orders = [order(world, paid, world.other_meter, **facts) for paid in (1_500, 501)]
    before = (Vend.objects.count(), LedgerEntry.objects.count())
    with pytest.raises(WalletTooSmall) as refusal:
        fund(world, *orders)
    assert refusal.value.code == "wallet_too_small"
    assert (Vend.objects.count(), LedgerEntry.objects.count()) == before
    assert (get_wallet(world.meter.pk), get_wallet(world.other_meter.pk)) == (2_000, 0)


def test_wallet_of_the_meter_itself_is_sold_once(world: World) -> None:
    publish(world, FLAT, most=1_000)
    fund(world, order(world, 1_500))
    own = order(world, 500, source=WALLET, source_meter_id=world.meter.pk)
    assert bought(fund(world, own), "paid_minor", "wallet_used_minor", "energy_kwh_tenths") == [(500, 0, 5)]
    assert get_wallet(world.meter.pk) == 0


def test_blocked_meter_keeps_all_and_has_had_nothing(world: World) -> None:
    publish(world, replace(BLOCKS, fixed_fee_minor=100, free_kwh_tenths=10), day_limit=5_000)
    block(world.meter)
    assert fund(world, order(world, 9_000), order(world, 1_000)) == [None, None]
    assert get_wallet(world.meter.pk) == 10_000
    assert not FixedFeeCharge.objects.exists()
    assert not FreeAllowance.objects.exists()
    assert not Vend.objects.exists()


@pytest.mark.parametrize(
    ("prices", "day_limit", "more"),
    [
        (FLAT, 0, 0),
        (replace(FLAT, fixed_fee_minor=100, fee_arrears_months=3), 0, 2),
        (BLOCKS, 0, 1),
        (replace(BLOCKS, lifeline=LIFELINE.lifeline), 10**6, 1),
        (replace(BLOCKS, lifeline=LIFELINE.lifeline, free_kwh_tenths=5, fixed_fee_minor=100), 10**6, 5),
    ],
    ids=["flat", "fee", "blocks", "blocks, lifeline and day limit", "everything"],
)
def test_batch_asks_only_what_its_tariffs_need_and_once(
    world: World, prices: Prices, day_limit: int, more: int
) -> None:
    """`more` than for a flat price: the question, and the rows of the month where there are any."""
    flat = count_statements(world)
    publish(world, prices, day_limit=day_limit, starts_at=NOW)
    assert count_statements(world) - flat == more


def count_statements(world: World) -> int:
    publish(world, FLAT)
    orders = [order(world, 2_000, (world.meter, world.other_meter)[number % 2]) for number in range(30)]
    with CaptureQueriesContext(connection) as asked:
        fund(world, *orders)
    return len(asked)


def test_days_and_months_of_two_places_are_asked_in_one_statement(world: World) -> None:
    """At 22:00 UTC it is still the 30th in Accra: its November has been sold, Nairobi's December has not begun."""
    accra = add_site(code="gh", name="Accra", currency="GHS", timezone="Africa/Accra", actor=ACTOR, now=NOW)
    abroad = add_meter(accra, "3700020046", "Kofi", STRANGER)
    publish(world, BLOCKS)
    publish(world, BLOCKS, site_id=accra.pk, currency="GHS")
    fund(world, order(world, 5_000), order(world, 5_000, abroad))
    world.now = DECEMBER + timedelta(hours=1)
    vends = fund(world, order(world, 2_000), order(world, 2_000, abroad))
    assert bought(vends, "energy_kwh_tenths", "month_before_kwh_tenths", "currency") == [
        (20, 0, "KES"),
        (10, 50, "GHS"),
    ]


@pytest.mark.parametrize(
    "change",
    [
        {"levies_minor": 1},
        {"free_kwh_tenths": 1},
        {"month_before_kwh_tenths": 1},
        {"is_lifeline": True},
        {"priced_at": NOW - timedelta(microseconds=1)},
        {"tariff_id": 0},
        {"fee_minor": 1},
        {"kept_minor": 1},
        {"currency": "UGX"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_fingerprint_of_a_sale_changes_with_every_fact_of_its_price(world: World, change: dict[str, object]) -> None:
    publish(world, FLAT)
    (vend,) = fund(world, order(world, 1_000))
    stored = Vend.objects.get(pk=vend.pk if vend else 0)
    kept = fingerprint_of(stored)
    assert [fingerprint_of(vend) if vend else ""] == [kept]
    for name, value in change.items():
        setattr(stored, name, value)
    assert fingerprint_of(stored) != kept
