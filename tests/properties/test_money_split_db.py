"""Random tariffs, payments and currencies through the real sale: every minor unit of it is somewhere, in any order.

Each example is a site of its own in the same database, undone at its end. The judges are sums over rows: vends, fee
charges, allowances, ledger lines.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from django.db import transaction
from django.db.models import F, Sum
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter
from fleet.sites.models import Site
from fleet.sites.services import add_site
from tests.support.world import ACTOR, NOW, World
from vending.ledger.models import LedgerLine
from vending.ledger.queries import (
    find_mixed_currencies,
    find_negative_wallets,
    find_unbalanced_entries,
    list_balance,
    list_sums,
    list_wallets,
)
from vending.sts.amounts import tenths_of
from vending.tariffs.engine import Block, Levy, Lifeline, Prices, Rounding, Standing, price_of
from vending.tariffs.models import FixedFeeCharge, FreeAllowance
from vending.tariffs.queries import prices_of
from vending.tariffs.services import publish_tariff
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.services import SaleOrder, cancel_vend, fund_vends

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
CURRENCIES = ("KES", "UGX", "XOF", "MZN", "ETB")
FLAT = Prices(1, False, 0, 0, 1)
PARTS = ("net_minor", "vat_minor", "levies_minor", "fee_minor")
names = count(1)
amount = st.integers(1, 60_000)
basis_points = st.sampled_from([0, 1, 30, 500, 1_600, 1_800, 10_000])
price = st.integers(1, 5_000)


@st.composite
def tariffs(draw: st.DrawFn) -> Prices:
    ends = sorted(draw(st.sets(st.integers(1, 300), max_size=3)))
    blocks = tuple(Block(end, draw(price)) for end in [*ends, None]) if ends else ()
    levies = [Levy(f"levy_{number}", draw(st.integers(1, 2_000))) for number in range(draw(st.integers(0, 3)))]
    lifeline = st.builds(
        Lifeline, up_to_kwh_tenths=st.integers(1, 60), price_per_kwh_minor=price, most_kwh_tenths=st.integers(0, 60)
    )
    return Prices(
        price_per_kwh_minor=blocks[0].price_per_kwh_minor if blocks else draw(price),
        price_includes_vat=draw(st.booleans()),
        vat_basis_points=draw(basis_points),
        fixed_fee_minor=draw(st.sampled_from([0, 7, 1_000])),
        least_energy_kwh_tenths=draw(st.integers(0, 15)),
        blocks=blocks,
        lifeline=draw(st.none() | lifeline),
        levies=tuple(levies),
        rounding=draw(st.sampled_from(list(Rounding))),
        fee_arrears_months=draw(st.integers(0, 3)),
        free_kwh_tenths=draw(st.sampled_from([0, 5, 40])),
    )


payments = st.lists(
    st.tuples(st.integers(0, 1), amount, st.integers(0, 70)), min_size=2, max_size=6
)  # which meter, how much, and how many days after the first
limits = st.sampled_from([0, 10_000, 40_000])


def make_site(world: World, currency: str, prices: Prices, day_limit: int) -> list[Meter]:
    """A site with these prices, and the two meters of the world on it."""
    site = add_site(
        code=f"site-{next(names)}", name="Site", currency=currency, timezone="Africa/Nairobi", actor=ACTOR, now=NOW
    )
    publish_tariff(
        site_id=site.pk,
        currency=currency,
        prices=prices,
        least_payment_minor=1,
        most_payment_minor=10**7,
        day_limit_minor=day_limit,
        starts_at=NOW - timedelta(days=1),
        actor=ACTOR,
        now=NOW,
    )
    ids = [world.meter.pk, world.other_meter.pk]
    Meter.objects.filter(pk__in=ids).update(site=Site.objects.get(pk=site.pk))
    return list(Meter.objects.select_related("site").filter(pk__in=ids).order_by("pk"))


def at_least(limit: int, prices: Prices) -> int:
    """A tariff whose limit is below its dearest least sale with all fees is refused; 0 is no limit."""
    dearest = max([prices.price_per_kwh_minor, *(block.price_per_kwh_minor for block in prices.blocks)])
    if prices.lifeline:
        dearest = max(dearest, prices.lifeline.price_per_kwh_minor)
    least = price_of(replace(FLAT, **taxes_of(prices), price_per_kwh_minor=dearest), prices.least_units, Standing())
    return limit and max(limit, least.total_minor + prices.fixed_fee_minor * (1 + prices.fee_arrears_months) + 10)


def taxes_of(prices: Prices) -> dict[str, Any]:
    return {name: getattr(prices, name) for name in ("vat_basis_points", "levies", "price_includes_vat", "rounding")}


def pay(meters: Sequence[Meter], batch: Sequence[tuple[int, int, int]]) -> list[Vend]:
    """All payments of one day are one batch, in their order."""
    made: list[Vend] = []
    for day in sorted({day for _, _, day in batch}):
        now = NOW + timedelta(days=day)
        references = {str(next(names)): (meters[which].pk, paid) for which, paid, on in batch if on == day}
        orders = [
            SaleOrder(name, meter_id, paid, "float:daraja", f"payment:{name}:allocated")
            for name, (meter_id, paid) in references.items()
        ]
        vends = fund_vends(
            kind="payment",
            orders=orders,
            meters=lock_meters([meter.pk for meter in meters]),
            random_nibble=lambda: 5,
            look_ahead_minutes=100_000,
            actor=ACTOR,
            now=now,
        )
        made += [vend for vend in vends.values() if vend]
    return made


def check_money(meters: Sequence[Meter], paid: int) -> int:
    """Every minor unit that was paid is sold or in a wallet; returns what was sold."""
    wallets = list_wallets([meter.pk for meter in meters])
    vends = Vend.objects.exclude(state=VendState.CANCELLED)
    sold: int = sum(vends.aggregate(**{name: Sum(name, default=0) for name in PARTS}).values())
    assert paid == sold + sum(wallets.values())
    assert min(wallets.values()) >= 0
    assert LedgerLine.objects.filter(account="float:daraja").aggregate(total=Sum("amount_minor"))["total"] == paid
    assert set(list_sums(list_balance(NOW + timedelta(days=99))).values()) <= {0}
    found = [*find_unbalanced_entries(), *find_negative_wallets(), *find_mixed_currencies()]
    assert found == []
    return sold


def check_sale(vend: Vend) -> None:
    """A sale is worth what it took, and its token carries all of it."""
    before = Standing(month_before_kwh_tenths=vend.month_before_kwh_tenths, is_lifeline=vend.is_lifeline)
    cost = price_of(prices_of(vend.tariff), vend.energy_kwh_tenths - vend.free_kwh_tenths, before)
    assert (cost.net_minor, cost.vat_minor, cost.levies_minor) == (vend.net_minor, vend.vat_minor, vend.levies_minor)
    assert tenths_of(vend.authority.token.amount_field) == vend.energy_kwh_tenths
    fees = FixedFeeCharge.objects.filter(vend=vend).aggregate(total=Sum("amount_minor", default=0))
    free = FreeAllowance.objects.filter(vend=vend).aggregate(total=Sum("energy_kwh_tenths", default=0))
    assert (fees["total"], free["total"]) == (vend.fee_minor, vend.free_kwh_tenths)


def check_days(meters: Sequence[Meter], day_limit: int) -> None:
    """No meter was sold more on a day than its limit."""
    for meter in meters:
        spent: dict[str, int] = {}
        for vend in Vend.objects.filter(meter=meter):
            day = f"{vend.priced_at:%Y-%m-%d}"
            spent[day] = spent.get(day, 0) + vend.paid_minor + vend.wallet_used_minor - vend.kept_minor
        assert max(spent.values(), default=0) <= day_limit


@given(prices=tariffs(), currency=st.sampled_from(CURRENCIES), batch=payments, day_limit=limits)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_minor_unit_is_sold_or_in_the_wallet_whatever_the_tariff(
    world: World, prices: Prices, currency: str, batch: list[tuple[int, int, int]], day_limit: int
) -> None:
    day_limit = at_least(day_limit, prices)
    with transaction.atomic():
        meters = make_site(world, currency, prices, day_limit)
        vends = pay(meters, batch)
        check_money(meters, sum(paid for _, paid, _ in batch))
        for vend in Vend.objects.select_related("tariff", "authority__token"):
            check_sale(vend)
        if day_limit:
            check_days(meters, day_limit)
        assert {vend.currency for vend in vends} <= {currency}
        transaction.set_rollback(True)


@given(
    prices=tariffs(),
    currency=st.sampled_from(CURRENCIES),
    amounts=st.tuples(st.integers(1, 60_000), st.integers(1, 60_000)),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_order_of_two_payments_changes_no_sum(
    world: World, prices: Prices, currency: str, amounts: tuple[int, int]
) -> None:
    """What is sold may differ by what a rounding or a token's steps keep back; nothing of the money does."""
    for order in (amounts, amounts[::-1]):
        with transaction.atomic():
            meters = make_site(world, currency, prices, 0)
            pay(meters, [(0, paid, 0) for paid in order])
            check_money(meters, sum(amounts))
            transaction.set_rollback(True)


@given(prices=tariffs(), currency=st.sampled_from(CURRENCIES), batch=payments)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_all_sales_cancelled_leave_all_money_in_the_wallets(
    world: World, prices: Prices, currency: str, batch: list[tuple[int, int, int]]
) -> None:
    with transaction.atomic():
        meters = make_site(world, currency, prices, 0)
        vends = pay(meters, batch)
        Vend.objects.update(state=VendState.HELD)
        for vend in vends:
            cancel_vend(vend_id=vend.pk, actor=ACTOR, now=NOW + timedelta(days=80))
        assert check_money(meters, sum(paid for _, paid, _ in batch)) == 0
        expected = {meters[which].pk: 0 for which in (0, 1)}
        for which, paid, _ in batch:
            expected[meters[which].pk] += paid
        assert list_wallets(list(expected)) == expected
        others = LedgerLine.objects.exclude(account__in=("wallet", "float:daraja")).values("account")
        left = others.annotate(total=Sum(F("amount_minor"))).order_by().exclude(total=0)
        assert list(left) == []
        assert not FixedFeeCharge.objects.filter(cancelled_at=None).exists()
        assert not FreeAllowance.objects.filter(cancelled_at=None).exists()
        transaction.set_rollback(True)
