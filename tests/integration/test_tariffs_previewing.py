"""What a tariff would have made of last month's sales: figures by hand, of its own meters only, and nothing written."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fleet.audit.models import AuditEntry
from fleet.meters.models import Meter
from tests.support.world import ACTOR, NOW, PRICES, World, add_meter
from tests.unit.tariffs.examples import FACTS
from vending.ledger.accounts import REFUNDS, WALLET
from vending.ledger.models import LedgerEntry
from vending.ledger.services import Line, Posting, post
from vending.tariffs.engine import Block, Levy, Lifeline, Prices
from vending.tariffs.models import FixedFeeCharge, Tariff
from vending.tariffs.services import publish_tariff
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.previewing import Loss, Side, TariffPreview, preview_tariff

pytestmark = pytest.mark.money_path
DECEMBER = datetime(2026, 12, 10, 9, tzinfo=UTC)
STARTS = datetime(2026, 12, 31, 21, tzinfo=UTC)
DEARER = replace(PRICES, price_per_kwh_minor=2_500)


def preview(world: World, prices: Prices, **changes: object) -> TariffPreview:
    facts = replace(FACTS, prices=prices, starts_at=STARTS, **changes)  # type: ignore[arg-type]
    return preview_tariff(site=world.site, facts=facts, now=DECEMBER)


def publish(
    world: World,
    prices: Prices,
    starts_at: datetime,
    *,
    most_payment_minor: int = 10_000_000,
    customer_class: str = "",
) -> None:
    publish_tariff(
        site_id=world.site.pk,
        currency="KES",
        prices=prices,
        least_payment_minor=1_000,
        most_payment_minor=most_payment_minor,
        starts_at=starts_at,
        customer_class=customer_class,
        actor=ACTOR,
        now=NOW,
    )


def sell_to(world: World, meter: Meter, amounts: Iterable[int]) -> None:
    for amount in amounts:
        world.later(60)
        world.sell(amount, account=meter.drn)


def test_preview_of_the_same_prices_changes_nothing(world: World) -> None:
    sell_to(world, world.meter, [20_000, 500, 15_000])
    sell_to(world, world.other_meter, [30_000])
    seen = preview(world, PRICES)
    assert (seen.month_date, seen.currency, seen.customers) == (date(2026, 11, 1), "KES", 2)
    assert seen.before == seen.after
    assert seen.before.sales == Vend.objects.count() == 4
    assert seen.losers == ()


def test_preview_tells_units_revenue_and_who_loses(world: World) -> None:
    """200.00 with the fee buys 81 tenths at 20.00; at 25.00 and 16 % VAT 190.00 buys 65: 162.50 and 26.00."""
    sell_to(world, world.meter, [20_000])
    sell_to(world, world.other_meter, [20_000, 15_000])
    seen = preview(world, DEARER)
    one = (81, 65)
    # The second 150.00 with the 2.08 left over buy 65 tenths for 130.00 and 20.80; at 25.00, with 1.50 left over, 52.
    two = (81 + 65, 65 + 52)
    net_before, net_after = 16_200 * 2 + 13_000, 16_250 * 2 + 13_000
    assert seen.before == Side(3, one[0] + two[0], net_before + 2_000, 2_592 * 2 + 2_080)
    assert seen.after == Side(3, one[1] + two[1], net_after + 2_000, 2_600 * 2 + 2_080)
    assert seen.losers == (Loss(world.other_meter.drn, *two), Loss(world.meter.drn, *one))
    assert (seen.average_kwh_tenths(seen.before), seen.average_kwh_tenths(seen.after)) == (114, 91)


def test_preview_of_cheaper_prices_has_no_losers(world: World) -> None:
    sell_to(world, world.meter, [20_000])
    seen = preview(world, replace(PRICES, price_per_kwh_minor=1_000))
    assert (seen.after.energy_kwh_tenths, seen.losers) == (163, ())


def test_preview_counts_payments_that_would_buy_nothing(world: World) -> None:
    """With at least 5 kWh a sale: 20.00 buys nothing, and is spent with the 200.00 after it."""
    sell_to(world, world.meter, [2_000, 20_000])
    assert Vend.objects.count() == 2
    seen = preview(world, replace(PRICES, least_energy_kwh_tenths=50))
    assert (seen.before.sales, seen.after.sales) == (2, 1)
    assert seen.after.energy_kwh_tenths == 90, "210.00 without the fee buys 90 tenths"


def test_preview_takes_money_that_bought_nothing_with_the_next_sale(world: World) -> None:
    """5.00 bought nothing and lay in the wallet; a tariff without a fee sells for it when the next sale comes."""
    sell_to(world, world.meter, [500, 20_000])
    assert Vend.objects.count() == 1
    seen = preview(world, replace(PRICES, fixed_fee_minor=0))
    assert (seen.after.sales, seen.after.energy_kwh_tenths) == (1, 88)


def give_back(world: World, amount: int) -> None:
    lines = (Line(WALLET, amount, world.meter.pk), Line(REFUNDS, -amount))
    post(postings=[Posting(cause="refund:1:approved", currency="KES", lines=lines)], now=world.now)


def test_preview_leaves_out_money_of_the_wallet_that_was_given_back(world: World) -> None:
    """2.08 are left over; 2.00 of them are given back: 150.08 buy 64 tenths in both."""
    sell_to(world, world.meter, [20_000])
    give_back(world, 200)
    sell_to(world, world.meter, [15_000])
    seen = preview(world, PRICES)
    assert seen.before == seen.after
    assert seen.after.energy_kwh_tenths == 81 + 64


def test_preview_does_not_spend_what_was_given_back_of_a_limits_rest(world: World) -> None:
    """At most 100.00 a payment: of 200.00 101.84 are kept and 90.00 given back. Without that limit nothing is kept."""
    publish(world, PRICES, NOW - timedelta(seconds=1), most_payment_minor=10_000)
    sell_to(world, world.meter, [20_000])
    give_back(world, 9_000)
    sell_to(world, world.meter, [300])
    seen = preview(world, PRICES)
    assert (seen.before.sales, seen.before.energy_kwh_tenths) == (2, 38 + 6)
    assert (seen.after.sales, seen.after.energy_kwh_tenths) == (1, 81)


def test_preview_follows_blocks_through_the_month_and_charges_levies(world: World) -> None:
    """10 kWh at 10.00, then 40.00, with 5 %: 200.00 is 10 kWh and 1.3 more; the second 200.00 is 4.1 more, all dear."""
    blocks = replace(
        PRICES,
        price_per_kwh_minor=1_000,
        blocks=(Block(100, 1_000), Block(None, 4_000)),
        levies=(Levy("rep", 500),),
        fixed_fee_minor=0,
    )
    sell_to(world, world.meter, [20_000, 20_000])
    seen = preview(world, blocks)
    first, second = 10_000 + 1_600 * 4, 4_000 * 41 // 10
    assert seen.after.energy_kwh_tenths == 116 + 41
    assert seen.after.revenue_minor == first + second
    assert seen.after.taxes_minor == first * 21 // 100 + second * 21 // 100


def test_preview_gives_the_lifeline_by_the_month_before(world: World) -> None:
    """Sold 8.1 kWh in October: a bound of 8.0 kWh has no lifeline in November, one of 8.1 has."""
    world.now = NOW - timedelta(days=29)
    sell_to(world, world.meter, [20_000])
    world.now = NOW
    sell_to(world, world.meter, [20_000])
    plain = preview(world, PRICES).after.energy_kwh_tenths
    assert preview(world, replace(PRICES, lifeline=Lifeline(50, 500, 80))).after.energy_kwh_tenths == plain == 81 + 1
    assert preview(world, replace(PRICES, lifeline=Lifeline(50, 500, 81))).after.energy_kwh_tenths > plain


def test_preview_gives_the_allowance_once_and_counts_it_as_units(world: World) -> None:
    sell_to(world, world.meter, [20_000, 15_000])
    free = preview(world, replace(PRICES, free_kwh_tenths=50))
    assert free.after.energy_kwh_tenths == free.before.energy_kwh_tenths + 50


def test_preview_keeps_to_the_limits_of_a_payment_and_of_a_day(world: World) -> None:
    """100.00 a day: the fee and 38 tenths on the first day, then nothing more; 43 tenths the next day."""
    sell_to(world, world.meter, [20_000, 15_000])
    world.later(24 * 3600)
    sell_to(world, world.meter, [20_000])
    limited = preview(world, PRICES, day_limit_minor=10_000)
    assert (limited.before.sales, limited.after.sales) == (3, 2)
    assert limited.after.energy_kwh_tenths == 38 + 43
    assert preview(world, PRICES, most_payment_minor=10_000).after.energy_kwh_tenths == 38 + 43 + 43


def test_preview_is_of_the_meters_that_the_version_would_hold_for(world: World) -> None:
    Meter.objects.filter(pk=world.other_meter.pk).update(customer_class="shop")
    sell_to(world, world.meter, [20_000])
    sell_to(world, world.other_meter, [15_000])
    assert preview(world, PRICES).customers == 2, "no class has prices of its own yet"
    assert preview(world, DEARER, customer_class="shop").losers == (Loss(world.other_meter.drn, 60, 48),)
    publish(world, PRICES, STARTS, customer_class="shop")
    assert preview(world, DEARER).losers == (Loss(world.meter.drn, 81, 65),)


def test_preview_is_of_last_month_by_the_sites_clock_without_cancelled_sales(world: World) -> None:
    """21:00 in UTC is midnight in Nairobi: the moment before the month, its first, its last, and the one after it."""
    starts, ends = datetime(2026, 10, 31, 21, tzinfo=UTC), datetime(2026, 11, 30, 21, tzinfo=UTC)
    for moment in (starts - timedelta(seconds=1), starts, ends - timedelta(seconds=1), ends):
        world.now = moment
        world.sell()
    world.now = NOW
    world.sell(account=world.other_meter.drn)
    Vend.objects.filter(meter=world.other_meter).update(state=VendState.CANCELLED)
    seen = preview(world, PRICES)
    assert (seen.customers, seen.before.sales) == (1, 2)


def test_preview_names_ten_losers_and_no_more(world: World) -> None:
    meters = [
        add_meter(world.site, f"37000{number}", f"Person {number}", f"+2547111{number}")
        for number in range(41_000, 41_011)
    ]
    for number, meter in enumerate(meters):
        sell_to(world, meter, [10_000 + 1_000 * number])
    losers = preview(world, DEARER).losers
    lost = [loss.energy_before_kwh_tenths - loss.energy_after_kwh_tenths for loss in losers]
    assert len(losers) == 10
    assert lost == sorted(lost, reverse=True)
    assert meters[0].drn not in {loss.drn for loss in losers}


def test_preview_without_sales_is_of_nobody(world: World) -> None:
    seen = preview(world, DEARER)
    assert (seen.customers, seen.before, seen.after, seen.losers) == (0, Side(0, 0, 0, 0), Side(0, 0, 0, 0), ())
    assert seen.average_kwh_tenths(seen.before) == 0


def test_preview_writes_nothing_and_asks_the_same_for_any_number_of_sales(world: World) -> None:
    sell_to(world, world.meter, [20_000, 15_000])
    sell_to(world, world.other_meter, [20_000])
    tables = (Vend, Tariff, LedgerEntry, FixedFeeCharge, AuditEntry)
    rows = [table.objects.count() for table in tables]
    with CaptureQueriesContext(connection) as asked:
        preview(world, replace(DEARER, lifeline=Lifeline(50, 500, 80)))
    assert all(query["sql"].lstrip().startswith(("SELECT", "DECLARE")) for query in asked)
    assert len(asked) <= 4
    assert [table.objects.count() for table in tables] == rows
