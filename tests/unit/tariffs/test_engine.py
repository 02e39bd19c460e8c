"""Money into energy: the worked example, other currencies, the wallet, fees and arrears, limits, the token's bands."""

from dataclasses import replace

import pytest

from tests.unit.tariffs.examples import KES, UGX, line, nothing, sold, split
from vending.sts.amounts import GREATEST_AMOUNT, amount_for, tenths_of
from vending.tariffs.engine import PriceLine, Standing, least_payment

FEE = Standing(fee_months=1)
NO_FEE = Standing()


def test_two_hundred_shillings_with_the_fee_buy_81_tenths() -> None:
    bought = split(KES, 20_000, standing=FEE)
    assert bought == sold(20_000, 81, net=16_200, vat=2_592, fee=1_000, kept=208)


def test_two_hundred_shillings_without_the_fee_buy_86_tenths() -> None:
    assert split(KES, 20_000) == sold(20_000, 86, net=17_200, vat=2_752, kept=48)


def test_hundred_and_fifty_left_for_energy_are_the_64_tenths_of_the_journeys() -> None:
    assert split(KES, 15_000) == sold(15_000, 64, net=12_800, vat=2_048, kept=152)


def test_wallet_is_spent_with_the_payment() -> None:
    assert split(KES, 20_000, wallet=208) == sold(20_000, 87, wallet=208, net=17_400, vat=2_784, kept=24)


def test_amount_that_fits_to_the_cent_keeps_nothing() -> None:
    bought = split(KES, 12_800 + 2_048 + 1_000, standing=FEE)
    assert bought == sold(15_848, 64, net=12_800, vat=2_048, fee=1_000)
    assert [entry.kind for entry in bought.lines] == ["block", "vat", "fee"]


def test_currency_without_digits_rounds_to_whole_units() -> None:
    """UGX 805 a kWh: 6.3 kWh are 5071.5, so 5072, and VAT of 912.96 is 913."""
    assert split(UGX, 8_000, standing=FEE) == sold(8_000, 63, net=5_072, vat=913, fee=2_000, kept=15, price=805)


@pytest.mark.parametrize("paid", [1, 1_000, 1_231])
def test_too_little_for_fee_and_least_energy_is_kept_whole(paid: int) -> None:
    kept = split(KES, paid, standing=FEE)
    assert (kept, kept.is_sale) == (nothing(paid), False)
    assert kept.lines == (line("kept", paid),)


def test_too_little_leaves_the_wallet_alone() -> None:
    assert split(KES, 500, wallet=700, standing=FEE) == nothing(500)


def test_nothing_paid_and_nothing_in_the_wallet_has_no_lines() -> None:
    assert split(KES, 0).lines == ()


def test_least_energy_of_the_tariff_is_not_undercut() -> None:
    one_unit = replace(KES, least_energy_kwh_tenths=10)
    assert split(one_unit, 3_319, standing=FEE).is_sale is False
    assert split(one_unit, 3_320, standing=FEE) == sold(3_320, 10, net=2_000, vat=320, fee=1_000)
    none = replace(KES, least_energy_kwh_tenths=0)
    assert split(none, 100, standing=FEE).is_sale is False, "no token carries nothing"


@pytest.mark.parametrize(
    ("wallet", "months", "least"),
    [(0, 1, 1_232), (0, 0, 232), (208, 1, 1_024), (1_232, 1, 1), (9_999, 0, 1), (0, 3, 3_232)],
)
def test_least_payment_buys_and_one_less_does_not(wallet: int, months: int, least: int) -> None:
    standing = Standing(fee_months=months)
    assert least_payment(KES, wallet_minor=wallet, standing=standing) == least
    assert split(KES, least, wallet=wallet, standing=standing).is_sale
    assert least == 1 or not split(KES, least - 1, wallet=wallet, standing=standing).is_sale


def test_arrears_are_charged_for_every_month_that_is_due() -> None:
    bought = split(KES, 20_000, standing=Standing(fee_months=3))
    assert bought == sold(20_000, 73, net=14_600, vat=2_336, fee=3_000, kept=64, months="3")


def test_free_units_come_with_a_sale_and_cost_nothing() -> None:
    free = replace(KES, free_kwh_tenths=50)
    bought = split(free, 15_000, standing=Standing(is_allowance_due=True))
    assert (bought.energy_kwh_tenths, bought.free_kwh_tenths, bought.kept_minor) == (114, 50, 152)
    assert bought.lines == (
        PriceLine("block", "", 64, 2_000, 12_800),
        PriceLine("free", "", 50, 0, 0),
        line("vat", 2_048),
        line("kept", 152),
    )


def test_free_units_given_already_do_not_come_again() -> None:
    assert split(replace(KES, free_kwh_tenths=50), 15_000) == split(KES, 15_000)


def test_free_units_alone_are_no_sale() -> None:
    free = replace(KES, free_kwh_tenths=50)
    assert split(free, 231, standing=Standing(is_allowance_due=True)) == nothing(231)


def test_free_units_do_not_count_for_the_least_energy() -> None:
    free = replace(KES, free_kwh_tenths=50, least_energy_kwh_tenths=10)
    assert split(free, 2_319, standing=Standing(is_allowance_due=True)).is_sale is False
    assert split(free, 2_320, standing=Standing(is_allowance_due=True)).energy_kwh_tenths == 60


def test_free_units_share_the_token_with_what_it_can_carry() -> None:
    """16,380 bought and 10 free are 16,390; a token carries 16,384 of them, so six less are charged for."""
    one = replace(KES, price_per_kwh_minor=1_000, vat_basis_points=0, free_kwh_tenths=10)
    bought = split(one, 16_380 * 100, standing=Standing(is_allowance_due=True))
    assert (bought.energy_kwh_tenths, bought.free_kwh_tenths) == (16_384, 10)
    assert (bought.net_minor, bought.kept_minor) == (16_374 * 100, 600)


def test_limit_keeps_what_is_above_it() -> None:
    """Of 200.00 only 150.00 may be spent: 64 tenths as for 150.00; 199.52 would have been spent, 148.48 is."""
    bought = split(KES, 20_000, standing=Standing(spend_limit_minor=15_000))
    assert bought == sold(20_000, 64, net=12_800, vat=2_048, kept=5_152, over=5_104)


def test_limit_counts_the_fee_and_the_wallet() -> None:
    bought = split(KES, 10_000, wallet=10_000, standing=Standing(fee_months=1, spend_limit_minor=15_848))
    assert bought == sold(10_000, 64, wallet=10_000, net=12_800, vat=2_048, fee=1_000, kept=4_152, over=3_944)


def test_limit_that_is_used_up_keeps_everything_and_says_so() -> None:
    assert split(KES, 20_000, standing=Standing(spend_limit_minor=0)) == nothing(20_000, over=19_952)
    assert split(KES, 20_000, wallet=208, standing=Standing(spend_limit_minor=231)) == nothing(20_000, over=20_184)


def test_limit_keeps_nothing_back_from_what_buys_nothing_anyway() -> None:
    assert split(KES, 200, standing=Standing(spend_limit_minor=0)) == nothing(200)


@pytest.mark.parametrize("limit", [20_000, 20_001, 19_952, None])
def test_limit_that_is_not_reached_changes_nothing(limit: int | None) -> None:
    assert split(KES, 20_000, standing=Standing(spend_limit_minor=limit)) == split(KES, 20_000)


@pytest.mark.parametrize(
    ("affordable", "carried"),
    [(16_383, 16_383), (16_384, 16_384), (16_393, 16_384), (16_394, 16_394), (180_223, 180_214), (180_323, 180_224)],
)
def test_energy_above_16383_tenths_is_what_a_token_can_carry(affordable: int, carried: int) -> None:
    """What lies between two steps stays in the wallet: the customer is charged for what the meter will credit."""
    one = replace(KES, price_per_kwh_minor=1_000, vat_basis_points=0)
    bought = split(one, affordable * 100)
    assert (bought.energy_kwh_tenths, bought.kept_minor) == (carried, (affordable - carried) * 100)
    assert tenths_of(amount_for(carried)) == carried


def test_more_than_a_token_can_carry_is_kept() -> None:
    one = replace(KES, price_per_kwh_minor=10, vat_basis_points=0)
    bought = split(one, GREATEST_AMOUNT + 5_000)
    assert (bought.energy_kwh_tenths, bought.kept_minor) == (GREATEST_AMOUNT, 5_000)


def test_fee_alone_is_never_a_sale() -> None:
    assert split(KES, 1_000, standing=FEE) == nothing(1_000)
