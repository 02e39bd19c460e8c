"""What energy costs, computed by hand: blocks of the month, the lifeline, inclusive prices, levies, each rounding."""

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.tariffs.examples import KES, UGX, line, split
from vending.tariffs.engine import (
    Block,
    Levy,
    Lifeline,
    Price,
    PriceLine,
    Prices,
    Rounding,
    Standing,
    least_payment,
    price_of,
)

# The first 10 kWh of a month at 10.00, up to 50 kWh at 20.00, all above at 30.00; VAT 16 %.
BLOCKS = replace(KES, price_per_kwh_minor=1_000, blocks=(Block(100, 1_000), Block(500, 2_000), Block(None, 3_000)))
FALLING = replace(KES, price_per_kwh_minor=3_000, blocks=(Block(100, 3_000), Block(None, 1_000)), vat_basis_points=0)
# The first 15 kWh at 5.00 for who was sold at most 30 kWh in the month before.
LIFELINE = replace(BLOCKS, lifeline=Lifeline(150, 500, 300))
LEVIES = replace(KES, levies=(Levy("rep", 500), Levy("epra", 12)))
INCLUSIVE = replace(KES, price_per_kwh_minor=2_320, price_includes_vat=True)


def cost(prices: Prices, tenths: int, **standing: Any) -> Price:
    return price_of(prices, tenths, Standing(**standing))


def at_price(prices: Prices, price: int, rounding: Rounding = Rounding.HALF_UP) -> Prices:
    return replace(prices, price_per_kwh_minor=price, rounding=rounding)


def test_energy_of_three_blocks_costs_each_at_its_price() -> None:
    """60 kWh: 10 at 10.00, 40 at 20.00, 10 at 30.00 are 1200.00; VAT 192.00."""
    assert cost(BLOCKS, 600) == Price(120_000, 19_200)


def test_block_goes_on_where_the_month_stands() -> None:
    """9.5 kWh were sold: 0.5 at 10.00 and 1.5 at 20.00 are 35.00."""
    assert cost(BLOCKS, 20, month_before_kwh_tenths=95) == Price(3_500, 560)
    assert cost(BLOCKS, 20, month_before_kwh_tenths=100) == Price(4_000, 640)
    assert cost(BLOCKS, 20, month_before_kwh_tenths=9_000) == Price(6_000, 960)


def test_amount_that_crosses_a_block_buys_from_both_and_has_a_line_for_each() -> None:
    """9.5 kWh were sold, 60.00 is paid: 0.5 at 10.00, then 2.3 at 20.00: net 51.00, VAT 8.16, 0.84 is kept."""
    bought = split(BLOCKS, 6_000, standing=Standing(month_before_kwh_tenths=95))
    assert (bought.energy_kwh_tenths, bought.net_minor, bought.vat_minor, bought.kept_minor) == (28, 5_100, 816, 84)
    assert bought.lines == (
        PriceLine("block", "1", 5, 1_000, 500),
        PriceLine("block", "2", 23, 2_000, 4_600),
        line("vat", 816),
        line("kept", 84),
    )


def test_later_block_may_be_cheaper() -> None:
    """10 kWh at 30.00 are 300.00; what is left of 400.00 buys 10 more at 10.00."""
    assert split(FALLING, 40_000).energy_kwh_tenths == 200
    assert split(FALLING, 40_000, standing=Standing(month_before_kwh_tenths=100)).energy_kwh_tenths == 400


def test_lifeline_lies_over_the_first_units_and_the_blocks_do_not_move() -> None:
    """60 kWh: 15 at 5.00, then 35 of the second block at 20.00 and 10 at 30.00 are 1075.00."""
    assert cost(LIFELINE, 600) == Price(107_500, 17_200)
    assert cost(LIFELINE, 600, is_lifeline=False) == cost(BLOCKS, 600)


def test_lifeline_that_the_month_has_used_up_is_not_given_again() -> None:
    """14 of the 15 kWh were sold: 1 at 5.00, 1 at 20.00; after 15 nothing of it is left."""
    assert cost(LIFELINE, 20, month_before_kwh_tenths=140) == Price(2_500, 400)
    assert cost(LIFELINE, 20, month_before_kwh_tenths=150) == Price(4_000, 640)


def test_lifeline_over_a_flat_price_has_its_own_line() -> None:
    """116.00 pay 100.00 net: the rest of the lifeline, 10 kWh at 5.00, and 2.5 at 20.00."""
    flat = replace(KES, lifeline=Lifeline(150, 500, 300))
    bought = split(flat, 11_600, standing=Standing(month_before_kwh_tenths=50))
    assert bought.lines == (
        PriceLine("lifeline", "", 100, 500, 5_000),
        PriceLine("block", "", 25, 2_000, 5_000),
        line("vat", 1_600),
    )


def test_least_payment_is_at_the_block_where_the_month_stands() -> None:
    assert least_payment(BLOCKS, wallet_minor=0, standing=Standing()) == 116
    assert least_payment(BLOCKS, wallet_minor=0, standing=Standing(month_before_kwh_tenths=500)) == 348
    assert least_payment(LIFELINE, wallet_minor=0, standing=Standing()) == 58


def test_lines_of_blocks_are_rounded_together() -> None:
    """Tenths of 3 and 4 minor units: 0.3 and 0.4 are 0.7, so 1 in all; the first line alone is 0."""
    tiny = replace(KES, price_per_kwh_minor=3, blocks=(Block(1, 3), Block(None, 4)), vat_basis_points=0)
    bought = split(tiny, 1)
    assert bought.lines == (PriceLine("block", "1", 1, 3, 0), PriceLine("block", "2", 2, 4, 1))


def test_levies_are_charged_on_the_net_price_and_each_is_rounded() -> None:
    """2 kWh are 40.00: 5 % are 2.00, 0.12 % are 0.048, so 0.05, VAT 6.40."""
    price = cost(LEVIES, 20)
    assert price == Price(4_000, 640, (("rep", 200), ("epra", 5)))
    assert (price.levies_minor, price.total_minor) == (205, 4_845)


def test_levies_are_parts_and_lines_of_the_split() -> None:
    bought = split(LEVIES, 4_845)
    assert (bought.energy_kwh_tenths, bought.levies, bought.levies_minor) == (20, (("rep", 200), ("epra", 5)), 205)
    assert bought.lines == (
        PriceLine("block", "", 20, 2_000, 4_000),
        line("levy", 200, "rep"),
        line("levy", 5, "epra"),
        line("vat", 640),
    )


def test_inclusive_price_is_split_into_net_and_the_vat_in_it() -> None:
    """23.20 a kWh with 16 % in it: 8.6 kWh are 199.52, of which 172.00 net."""
    bought = split(INCLUSIVE, 20_000)
    assert (bought.energy_kwh_tenths, bought.net_minor, bought.vat_minor, bought.kept_minor) == (86, 17_200, 2_752, 48)
    assert cost(INCLUSIVE, 1) == Price(200, 32)
    assert cost(at_price(INCLUSIVE, 2_333), 1) == Price(201, 32), "233.3 is 233, of which 200.86 net"


def test_inclusive_price_holds_the_levies_too_and_the_vat_takes_the_rest() -> None:
    """24.20 a kWh with 16 % and 5 % in it is 20.00, 3.20 and 1.00; of 24.33 net is 20.107, so 20.11, the levy 1.01."""
    both = replace(INCLUSIVE, price_per_kwh_minor=2_420, levies=(Levy("rep", 500),))
    assert cost(both, 10) == Price(2_000, 320, (("rep", 100),))
    assert cost(at_price(both, 2_433), 10) == Price(2_011, 321, (("rep", 101),))


def test_inclusive_price_without_vat_leaves_the_rest_to_the_last_levy() -> None:
    """10.05 with 5 % in it: net 9.571, so 9.57, and 0.48 of levy (5 % of 9.57 are 0.4785)."""
    untaxed = replace(INCLUSIVE, vat_basis_points=0, levies=(Levy("rep", 250), Levy("rea", 250)))
    assert cost(at_price(untaxed, 1_005), 10) == Price(957, 0, (("rep", 24), ("rea", 24)))
    assert cost(at_price(untaxed, 1_001), 10) == Price(953, 0, (("rep", 24), ("rea", 24)))


def test_inclusive_levies_never_take_more_than_the_price_holds() -> None:
    """One unit of money with 16 % and three times 50 % in it: net is rounded to 0, and 1 is left for all of them."""
    heavy = replace(INCLUSIVE, levies=(Levy("a", 5_000), Levy("b", 5_000), Levy("c", 5_000)), rounding=Rounding.DOWN)
    assert cost(at_price(heavy, 10, Rounding.DOWN), 1) == Price(0, 1, (("a", 0), ("b", 0), ("c", 0)))
    assert cost(at_price(heavy, 20, Rounding.UP), 1) == Price(1, 0, (("a", 1), ("b", 0), ("c", 0)))


def test_inclusive_price_without_taxes_is_all_net() -> None:
    assert cost(replace(INCLUSIVE, vat_basis_points=0), 1) == Price(232, 0)


def test_currency_without_digits_rounds_to_whole_units() -> None:
    """UGX 805 a kWh: 6.1 kWh are 4910.5, so 4911, and VAT of 883.98 is 884."""
    assert cost(UGX, 61) == Price(4_911, 884)


@pytest.mark.parametrize(
    ("rounding", "nets"),
    [
        # Tenths of 5 minor units a kWh: 0.5, 1.0, 1.5, 2.5, 3.5; the last is 0.1 of 1.
        (Rounding.HALF_UP, [1, 1, 2, 3, 4]),
        (Rounding.HALF_EVEN, [0, 1, 2, 2, 4]),
        (Rounding.DOWN, [0, 1, 1, 2, 3]),
        (Rounding.UP, [1, 1, 2, 3, 4]),
    ],
)
def test_net_price_is_rounded_by_the_rule(rounding: Rounding, nets: list[int]) -> None:
    prices = replace(at_price(KES, 5, rounding), vat_basis_points=0)
    assert [cost(prices, tenths).net_minor for tenths in (1, 2, 3, 5, 7)] == nets


@pytest.mark.parametrize(
    ("rounding", "taxes"),
    [
        (Rounding.HALF_UP, [0, 1, 1]),
        (Rounding.HALF_EVEN, [0, 0, 1]),
        (Rounding.DOWN, [0, 0, 0]),
        (Rounding.UP, [1, 1, 1]),
    ],
)
def test_vat_and_levies_are_rounded_by_the_rule(rounding: Rounding, taxes: list[int]) -> None:
    """Of a net price of 1: 49.99 %, 50 % and 50.01 %."""
    one = at_price(KES, 10, rounding)
    rates = (4_999, 5_000, 5_001)
    assert [cost(replace(one, vat_basis_points=rate), 1).vat_minor for rate in rates] == taxes
    levied = replace(one, vat_basis_points=0)
    assert [cost(replace(levied, levies=(Levy("a", rate),)), 1).levies_minor for rate in rates] == taxes


@pytest.mark.parametrize(
    ("rounding", "price"),
    [
        # 2.5 with 25 % in it: 2 or 3, of which 1.6 or 2.4 are net.
        (Rounding.HALF_UP, Price(2, 1)),
        (Rounding.HALF_EVEN, Price(2, 0)),
        (Rounding.DOWN, Price(1, 1)),
        (Rounding.UP, Price(3, 0)),
    ],
)
def test_inclusive_price_is_rounded_by_the_rule(rounding: Rounding, price: Price) -> None:
    assert cost(replace(at_price(INCLUSIVE, 25, rounding), vat_basis_points=2_500), 1) == price


def test_no_energy_costs_nothing() -> None:
    assert cost(LIFELINE, 0) == Price(0, 0)
