"""The money rule, for any tariff: against a slow oracle that tries each tenth, as sums and bounds, as a meter lives."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fractions import Fraction
from itertools import accumulate
from math import ceil, floor

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fleet.meters.models import Meter
from tests.support.world import ACTOR, NOW, World
from vending.kernel.money import digits_of
from vending.sts.amounts import GREATEST_AMOUNT, amount_for, greatest_amount_within, tenths_of
from vending.tariffs.engine import (
    Block,
    Levy,
    Lifeline,
    Price,
    Prices,
    Rounding,
    Split,
    Standing,
    all_kept,
    least_payment,
    price_of,
    split_money,
)
from vending.tariffs.services import publish_tariff
from vending.vends.models import Vend
from vending.vends.queries import get_quote

pytestmark = pytest.mark.money_path

CURRENCIES = ("KES", "UGX", "XOF", "MZN", "ETB")
LEVY_NAMES = ("rep", "epra", "wra")
points = st.one_of(st.sampled_from([0, 1600, 1800, 10_000]), st.integers(0, 10_000))
any_price = st.one_of(st.integers(1, 60), st.integers(1, 10_000))
block_rows = st.lists(st.tuples(st.integers(1, 400), any_price), min_size=1, max_size=4)
lifelines = st.builds(Lifeline, st.integers(1, 400), any_price, st.integers(0, 500))
levies = st.lists(st.integers(1, 3_000), max_size=len(LEVY_NAMES)).map(
    lambda rates: tuple(Levy(name, rate) for name, rate in zip(LEVY_NAMES, rates, strict=False))
)


def blocks_of(rows: Sequence[tuple[int, int]], last_price: int) -> tuple[Block, ...]:
    """Blocks of these widths and prices, and an open one."""
    ends = accumulate(width for width, _ in rows)
    closed = [Block(end, price) for end, (_, price) in zip(ends, rows, strict=True)]
    return (*closed, Block(None, last_price))


@st.composite
def tariffs(draw: st.DrawFn) -> Prices:
    blocks = draw(st.one_of(st.just(()), st.builds(blocks_of, block_rows, any_price)))
    return Prices(
        price_per_kwh_minor=blocks[0].price_per_kwh_minor if blocks else draw(any_price),
        price_includes_vat=draw(st.booleans()),
        vat_basis_points=draw(points),
        fixed_fee_minor=draw(st.integers(0, 2_000)),
        least_energy_kwh_tenths=draw(st.integers(0, 30)),
        blocks=blocks,
        lifeline=draw(st.one_of(st.none(), lifelines)),
        levies=draw(levies),
        rounding=draw(st.sampled_from(Rounding)),
        fee_arrears_months=draw(st.integers(0, 3)),
        free_kwh_tenths=draw(st.one_of(st.just(0), st.integers(0, 500))),
    )


any_tariff = tariffs()
standings = st.builds(
    Standing,
    month_before_kwh_tenths=st.integers(0, 1_500),
    is_lifeline=st.booleans(),
    fee_months=st.integers(0, 4),
    is_allowance_due=st.booleans(),
    spend_limit_minor=st.one_of(st.none(), st.integers(0, 3_000), st.integers(0, 10**12)),
)
small = st.integers(0, 1_500)
large = st.integers(0, 10**12)


def to_whole(value: Fraction, rounding: Rounding) -> int:
    """By the words of each rule; Python's own `round` is to even."""
    if rounding == Rounding.HALF_UP:
        return floor(value + Fraction(1, 2))
    rules: dict[Rounding, Callable[[Fraction], int]] = {
        Rounding.DOWN: floor,
        Rounding.UP: ceil,
        Rounding.HALF_EVEN: round,
    }
    return rules[rounding](value)


def oracle_unit_price(tariff: Prices, position: int, is_lifeline: bool) -> int:
    """Of the tenth at this place of the month, counted from 0."""
    if tariff.lifeline and is_lifeline and position < tariff.lifeline.up_to_kwh_tenths:
        return tariff.lifeline.price_per_kwh_minor
    for block in tariff.blocks:
        if block.up_to_kwh_tenths is None or position < block.up_to_kwh_tenths:
            return block.price_per_kwh_minor
    return tariff.price_per_kwh_minor


def oracle_price_of(tariff: Prices, listed: Fraction) -> Price:
    """Exclusive: every tax is rounded on the net price. Inclusive: the listed price is what is paid, to the unit."""
    whole = to_whole(listed, tariff.rounding)
    taxes = [(levy.name, Fraction(levy.basis_points, 10_000)) for levy in tariff.levies]
    vat = Fraction(tariff.vat_basis_points, 10_000)
    if not tariff.price_includes_vat:
        amounts = tuple((name, to_whole(whole * rate, tariff.rounding)) for name, rate in taxes)
        return Price(whole, to_whole(whole * vat, tariff.rounding), amounts)
    net = to_whole(whole / (1 + vat + sum(rate for _, rate in taxes)), tariff.rounding)
    left, amounts = whole - net, ()
    for number, (name, rate) in enumerate(taxes, 1):
        is_rest = not vat and number == len(taxes)
        amount = left if is_rest else min(left, to_whole(net * rate, tariff.rounding))
        left, amounts = left - amount, (*amounts, (name, amount))
    return Price(net, left, amounts)


def oracle_energy(tariff: Prices, money: int, standing: Standing, free: int) -> tuple[int, Price]:
    """The greatest number of tenths that fits and that a token can carry with the free ones, found by trying."""
    best, listed, tenths = (0, Price(0, 0)), Fraction(0), 0
    while (price := oracle_price_of(tariff, listed)).total_minor <= money:
        if tenths >= max(tariff.least_energy_kwh_tenths, 1) and tenths_of(amount_for(tenths + free)) == tenths + free:
            best = tenths, price
        position = standing.month_before_kwh_tenths + tenths
        listed += Fraction(oracle_unit_price(tariff, position, standing.is_lifeline), 10)
        tenths += 1
    return best


def split(tariff: Prices, paid: int, wallet: int, standing: Standing) -> Split:
    return split_money(
        tariff, paid_minor=paid, wallet_minor=wallet, standing=standing, greatest_within=greatest_amount_within
    )


def money_for_energy(tariff: Prices, parts: Split, standing: Standing) -> int:
    money = parts.paid_minor + parts.wallet_used_minor
    limit = money if standing.spend_limit_minor is None else standing.spend_limit_minor
    return min(money, limit) - tariff.fixed_fee_minor * standing.fee_months


@given(any_tariff, small, small, standings)
@example(Prices(1, False, 0, 0, 1), 1_500, 400, Standing())  # some 19,000 tenths: above the first band of a token
@settings(max_examples=150, deadline=None)
def test_split_is_what_trying_every_tenth_finds(tariff: Prices, paid: int, wallet: int, standing: Standing) -> None:
    fee = tariff.fixed_fee_minor * standing.fee_months
    free = tariff.free_kwh_tenths if standing.is_allowance_due else 0
    money = paid + wallet
    limit = money if standing.spend_limit_minor is None else standing.spend_limit_minor
    energy, price = oracle_energy(tariff, min(money, limit) - fee, standing, free)
    unlimited, dearer = oracle_energy(tariff, money - fee, standing, free)
    over = (dearer.total_minor + fee if unlimited else 0) - (price.total_minor + fee if energy else 0)
    found = split(tariff, paid, wallet, standing)
    if not energy:
        assert found == all_kept(paid, over_limit_minor=over)
        return
    assert replace(found, lines=()) == Split(
        paid_minor=paid,
        wallet_used_minor=wallet,
        energy_kwh_tenths=energy + free,
        free_kwh_tenths=free,
        net_minor=price.net_minor,
        vat_minor=price.vat_minor,
        levies=price.levies,
        fee_minor=fee,
        kept_minor=money - fee - price.total_minor,
        over_limit_minor=over,
        lines=(),
    )


@given(any_tariff, large, large, standings)
@settings(max_examples=300, deadline=None)
def test_parts_and_lines_sum_to_the_money_and_none_is_negative(
    tariff: Prices, paid: int, wallet: int, standing: Standing
) -> None:
    parts = split(tariff, paid, wallet, standing)
    money = parts.paid_minor + parts.wallet_used_minor
    assert money == parts.net_minor + parts.vat_minor + parts.levies_minor + parts.fee_minor + parts.kept_minor
    assert money == sum(line.amount_minor for line in parts.lines)
    assert parts.energy_kwh_tenths == sum(line.energy_kwh_tenths for line in parts.lines)
    energy_lines = [line for line in parts.lines if line.kind in ("block", "lifeline")]
    assert parts.net_minor == sum(line.amount_minor for line in energy_lines)
    assert all(line.amount_minor >= 0 for line in parts.lines)
    counts = [value for value in vars(parts).values() if isinstance(value, int)]
    assert min(counts + [amount for _, amount in parts.levies]) >= 0
    assert parts.wallet_used_minor in (0, wallet)
    assert parts.over_limit_minor <= paid + wallet
    assert parts.is_sale or parts.kept_minor == paid


@given(any_tariff, large, large, standings)
@settings(max_examples=300, deadline=None)
def test_units_are_never_more_than_paid_for_and_no_more_would_fit(
    tariff: Prices, paid: int, wallet: int, standing: Standing
) -> None:
    parts = split(tariff, paid, wallet, standing)
    if not parts.is_sale:
        return
    energy, free = parts.energy_kwh_tenths, parts.free_kwh_tenths
    assert tenths_of(amount_for(energy)) == energy
    left = money_for_energy(tariff, parts, standing)
    price = price_of(tariff, energy - free, standing)
    assert price == Price(parts.net_minor, parts.vat_minor, parts.levies)
    assert price.total_minor <= left
    if energy < GREATEST_AMOUNT:
        following = tenths_of(amount_for(energy + 1))
        assert price_of(tariff, following - free, standing).total_minor > left


@given(any_tariff, st.integers(0, 3_000), standings)
@settings(max_examples=300, deadline=None)
def test_price_is_rounded_by_the_rule_and_never_falls(tariff: Prices, tenths: int, standing: Standing) -> None:
    start = standing.month_before_kwh_tenths
    places = range(start, start + tenths)
    listed = Fraction(sum(oracle_unit_price(tariff, place, standing.is_lifeline) for place in places), 10)
    assert price_of(tariff, tenths, standing) == oracle_price_of(tariff, listed)
    assert price_of(tariff, tenths, standing).total_minor <= price_of(tariff, tenths + 1, standing).total_minor


@given(any_tariff, large, standings)
@settings(max_examples=300, deadline=None)
def test_least_payment_is_the_least_that_buys(tariff: Prices, wallet: int, standing: Standing) -> None:
    standing = replace(standing, spend_limit_minor=None)
    least = least_payment(tariff, wallet_minor=wallet, standing=standing)
    assert least >= 1
    assert split(tariff, least, wallet, standing).is_sale
    assert least == 1 or not split(tariff, least - 1, wallet, standing).is_sale


@given(any_tariff, small, small, standings)
@settings(max_examples=150, deadline=None)
def test_more_money_never_buys_less(tariff: Prices, paid: int, more: int, standing: Standing) -> None:
    bought = split(tariff, paid, 0, standing).energy_kwh_tenths
    assert bought <= split(tariff, paid + more, 0, standing).energy_kwh_tenths


@given(any_tariff, large, large, standings)
@settings(max_examples=150, deadline=None)
def test_limit_never_spends_more_and_says_what_it_kept_back(
    tariff: Prices, paid: int, wallet: int, standing: Standing
) -> None:
    limited = split(tariff, paid, wallet, standing)
    unlimited = split(tariff, paid, wallet, replace(standing, spend_limit_minor=None))
    spent, all_spent = (parts.paid_minor + parts.wallet_used_minor - parts.kept_minor for parts in (limited, unlimited))
    assert standing.spend_limit_minor is None or spent <= standing.spend_limit_minor
    assert limited.over_limit_minor == all_spent - spent
    assert unlimited.over_limit_minor == 0


@dataclass
class Purse:
    """What one meter has, sale after sale of a month, by its own small book-keeping."""

    wallet: int = 0
    sold: int = 0
    fee_months: int = 1
    is_allowance_due: bool = True
    spent: int = 0
    parts: int = 0

    def buy(self, tariff: Prices, paid: int, day_limit: int | None) -> None:
        limit = None if day_limit is None else day_limit - self.spent
        standing = Standing(self.sold, True, self.fee_months, self.is_allowance_due, limit)
        bought = split(tariff, paid, self.wallet, standing)
        parts = bought.net_minor + bought.vat_minor + bought.levies_minor + bought.fee_minor
        self.wallet += bought.kept_minor - bought.wallet_used_minor
        self.parts += parts
        self.spent += parts
        if bought.is_sale:
            self.sold += bought.energy_kwh_tenths - bought.free_kwh_tenths
            self.fee_months, self.is_allowance_due = 0, False


def amounts_in(currency: str) -> st.SearchStrategy[int]:
    """Payments as people make them, in minor units: up to 5,000 shillings or meticais, 50,000 francs."""
    unit = 10 ** digits_of(currency)
    return st.one_of(st.integers(1, 5_000 * unit), st.integers(1, 50_000 // unit).map(lambda whole: whole * unit))


@st.composite
def lives(draw: st.DrawFn) -> tuple[Prices, list[int], list[int], int | None]:
    amounts = amounts_in(draw(st.sampled_from(CURRENCIES)))
    payments = draw(st.lists(amounts, min_size=2, max_size=5))
    return draw(any_tariff), payments, draw(st.permutations(payments)), draw(st.one_of(st.none(), amounts))


@given(lives())
@settings(max_examples=200, deadline=None)
def test_order_of_payments_does_not_change_the_sum(life: tuple[Prices, list[int], list[int], int | None]) -> None:
    tariff, payments, shuffled, day_limit = life
    for order in (payments, shuffled):
        purse = Purse()
        for paid in order:
            purse.buy(tariff, paid, day_limit)
        assert purse.parts + purse.wallet == sum(payments)
        assert purse.wallet >= 0
        assert day_limit is None or purse.spent <= day_limit


@given(any_tariff, st.integers(0, 2_000), st.integers(0, 2_000), st.booleans())
@settings(max_examples=200, deadline=None)
def test_exact_money_in_two_parts_buys_what_it_buys_at_once(
    tariff: Prices, first: int, second: int, is_lifeline: bool
) -> None:
    """No tariff gives more for splitting a purchase, but for what rounding of each part can give."""
    standing = Standing(is_lifeline=is_lifeline)
    later = replace(standing, month_before_kwh_tenths=first)
    parts = price_of(tariff, first, standing).total_minor + price_of(tariff, second, later).total_minor
    whole = price_of(tariff, first + second, standing).total_minor
    slack = 3 * (3 + len(tariff.levies) + tariff.taxes_basis_points // 10_000)
    assert abs(parts - whole) <= slack


@pytest.mark.django_db
@given(prices=any_tariff, payments=st.lists(st.integers(1, 30_000), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_quote_is_what_the_sale_then_does(world: World, prices: Prices, payments: list[int]) -> None:
    with transaction.atomic():
        publish_tariff(
            site_id=world.site.pk,
            currency="KES",
            prices=dearer(prices, 20),
            least_payment_minor=1,
            most_payment_minor=10**9,
            starts_at=NOW - timedelta(seconds=1),
            actor=ACTOR,
            now=NOW,
        )
        for paid in payments:
            check_quote_is_sale(world, paid)
        transaction.set_rollback(True)


def dearer(prices: Prices, more: int) -> Prices:
    """So that no payment of the test buys more than a meter is sold in its life."""
    blocks = tuple(replace(block, price_per_kwh_minor=block.price_per_kwh_minor + more) for block in prices.blocks)
    return replace(prices, price_per_kwh_minor=prices.price_per_kwh_minor + more, blocks=blocks)


def check_quote_is_sale(world: World, paid: int) -> None:
    quoted = get_quote(meter=Meter.objects.get(pk=world.meter.pk), paid_minor=paid, now=NOW)
    sold_before = Vend.objects.count()
    world.sell(paid)
    if quoted.refusal:
        assert (quoted.refusal, Vend.objects.count()) == ("too_little", sold_before)
        return
    vend = Vend.objects.order_by("-pk")[0]
    told = {name: value for name, value in vars(quoted.split).items() if isinstance(value, int)}
    del told["over_limit_minor"]
    assert {name: getattr(vend, name) for name in told} == told
    assert vend.levies_minor == quoted.split.levies_minor
