"""The demo's own money rule against examples worked by hand."""

from typing import Any

import pytest

from gateway.simulator.expectation import Expected, expect_sale, expect_total, money_text

NET: dict[str, Any] = {
    "price_per_kwh_minor": 2000,
    "price_includes_vat": False,
    "vat_percent": "16",
    "fixed_fee_minor": 1000,
    "fixed_fee_per": "month",
}


def test_sale_of_the_published_sample() -> None:
    sale = expect_sale(16000, NET, is_fee_due=True)

    assert (sale.units, sale.fee_minor, sale.vat_minor, sale.kept_minor) == ("6.4", 1000, 2048, 152)


def test_sale_without_fee_keeps_every_cent() -> None:
    sale = expect_sale(15000, NET, is_fee_due=False)

    assert (sale.units, sale.fee_minor, sale.vat_minor, sale.kept_minor) == ("6.4", 0, 2048, 152)


def test_sale_vat_inclusive_price_sells_by_the_price_alone() -> None:
    sale = expect_sale(15000, NET | {"price_includes_vat": True, "price_per_kwh_minor": 2320}, is_fee_due=False)

    assert (sale.units, sale.vat_minor, sale.kept_minor) == ("6.4", 2048, 152)


def test_sale_net_and_vat_are_each_rounded_half_up() -> None:
    tariff = NET | {"price_per_kwh_minor": "15", "vat_percent": "10"}

    one = expect_sale(2, tariff, is_fee_due=False)

    # 1.5 rounds to 2, its tenth 0.2 to 0: two minor units buy one tenth.
    assert (one.energy_kwh_tenths, one.vat_minor, one.kept_minor) == (1, 0, 0)


def test_sale_below_the_fee_buys_nothing() -> None:
    sale = expect_sale(500, NET, is_fee_due=True)

    assert (sale.units, sale.kept_minor) == ("0.0", 0)


def test_sale_takes_only_what_a_token_can_carry() -> None:
    tariff = NET | {"vat_percent": "0", "price_per_kwh_minor": 10}

    sale = expect_sale(16389, tariff, is_fee_due=False)

    # 16384 is carried exactly, the next is 16394.
    assert (sale.energy_kwh_tenths, sale.kept_minor) == (16384, 5)


@pytest.mark.parametrize(("minor", "text"), [(0, "0"), (1000, "10"), (2048, "20.48"), (205, "2.05")])
def test_money_is_written_as_customers_read_it(minor: int, text: str) -> None:
    assert money_text(minor) == text


def test_payments_together_buy_the_same_in_any_order() -> None:
    """2.32 a tenth with VAT, 10.00 once: of 223.00 the fee leaves 213.00, which is 91 tenths and 1.88."""
    total = Expected(energy_kwh_tenths=91, fee_minor=1000, vat_minor=2912, kept_minor=188)

    assert expect_total([20_000, 2_000, 300], NET) == total
    assert expect_total([300, 20_000, 2_000], NET) == total


def test_payments_too_small_together_are_kept_whole_and_cost_no_fee() -> None:
    assert expect_total([300, 700, 100], NET) == Expected(0, 0, 0, 1100)
    assert expect_total([300, 700, 300], NET) == Expected(1, 1000, 32, 68)
