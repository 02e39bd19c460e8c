"""Money into energy: the worked example, inclusive prices, other currencies, the wallet, the fee, the token's bands."""

from dataclasses import replace

import pytest

from vending.sts.amounts import GREATEST_AMOUNT, amount_for, greatest_amount_within, tenths_of
from vending.tariffs.engine import Prices, Split, least_payment, price_of, split_money

# KES: 20.00 a kWh net, VAT 16 %, a monthly fee of 10.00.
KES = Prices(
    price_per_kwh_minor=2000,
    price_includes_vat=False,
    vat_basis_points=1600,
    fixed_fee_minor=1000,
    least_energy_kwh_tenths=1,
)
UGX = replace(KES, price_per_kwh_minor=805, vat_basis_points=1800, fixed_fee_minor=2000)


def split(prices: Prices, paid: int, *, wallet: int = 0, fee: bool = True) -> Split:
    return split_money(
        prices, paid_minor=paid, wallet_minor=wallet, is_fee_due=fee, greatest_within=greatest_amount_within
    )


def sold(paid: int, wallet: int, energy: int, net: int, vat: int, fee: int, kept: int) -> Split:
    assert paid + wallet == net + vat + fee + kept, "the example itself"
    return Split(paid, wallet, energy, net, vat, fee, kept)


def test_two_hundred_shillings_with_the_fee_buy_81_tenths() -> None:
    assert split(KES, 20_000) == sold(20_000, 0, 81, 16_200, 2_592, 1_000, 208)


def test_two_hundred_shillings_without_the_fee_buy_86_tenths() -> None:
    assert split(KES, 20_000, fee=False) == sold(20_000, 0, 86, 17_200, 2_752, 0, 48)


def test_hundred_and_fifty_left_for_energy_are_the_64_tenths_of_the_journeys() -> None:
    assert split(KES, 15_000, fee=False) == sold(15_000, 0, 64, 12_800, 2_048, 0, 152)


def test_wallet_is_spent_with_the_payment() -> None:
    assert split(KES, 20_000, wallet=208, fee=False) == sold(20_000, 208, 87, 17_400, 2_784, 0, 24)


def test_amount_that_fits_to_the_cent_keeps_nothing() -> None:
    assert split(KES, 12_800 + 2_048 + 1_000) == sold(15_848, 0, 64, 12_800, 2_048, 1_000, 0)


def test_inclusive_price_is_split_into_net_and_the_vat_in_it() -> None:
    """23.20 a kWh with 16 % in it: 8.6 kWh are 199.52, of which 172.00 net."""
    inclusive = replace(KES, price_per_kwh_minor=2320, price_includes_vat=True)
    assert split(inclusive, 20_000, fee=False) == sold(20_000, 0, 86, 17_200, 2_752, 0, 48)
    assert price_of(inclusive, 1) == (200, 32)
    assert price_of(replace(inclusive, price_per_kwh_minor=2333), 1) == (201, 32), "233.3 is 233, of which 200.86 net"


def test_currency_without_digits_rounds_to_whole_units() -> None:
    """UGX 805 a kWh: 6.1 kWh are 4910.5, so 4911, and VAT of 883.98 is 884."""
    assert price_of(UGX, 61) == (4_911, 884)
    assert split(UGX, 8_000) == sold(8_000, 0, 63, 5_072, 913, 2_000, 15)


@pytest.mark.parametrize(
    ("tenths", "net"), [(1, 1), (2, 1), (3, 2), (5, 3)], ids=["half-up", "exact", "half-up-again", "odd"]
)
def test_net_is_rounded_half_up(tenths: int, net: int) -> None:
    assert price_of(replace(KES, price_per_kwh_minor=5, vat_basis_points=0), tenths) == (net, 0)


def test_vat_is_rounded_half_up_on_what_was_sold() -> None:
    assert price_of(replace(KES, price_per_kwh_minor=10, vat_basis_points=5_000), 1) == (1, 1)
    assert price_of(replace(KES, price_per_kwh_minor=10, vat_basis_points=4_999), 1) == (1, 0)


@pytest.mark.parametrize("paid", [1, 1_000, 1_231])
def test_too_little_for_fee_and_least_energy_is_kept_whole(paid: int) -> None:
    kept = split(KES, paid)
    assert (kept, kept.is_sale) == (Split(paid, 0, 0, 0, 0, 0, paid), False)


def test_too_little_leaves_the_wallet_alone() -> None:
    assert split(KES, 500, wallet=700) == Split(500, 0, 0, 0, 0, 0, 500)


def test_least_energy_of_the_tariff_is_not_undercut() -> None:
    one_unit = replace(KES, least_energy_kwh_tenths=10)
    assert split(one_unit, 3_319).is_sale is False
    assert split(one_unit, 3_320) == sold(3_320, 0, 10, 2_000, 320, 1_000, 0)
    assert split(replace(KES, least_energy_kwh_tenths=0), 100).is_sale is False, "no token carries nothing"


@pytest.mark.parametrize(
    ("wallet", "fee", "least"),
    [(0, True, 1_232), (0, False, 232), (208, True, 1_024), (1_232, True, 1), (9_999, False, 1)],
)
def test_least_payment_buys_and_one_less_does_not(wallet: int, fee: bool, least: int) -> None:
    assert least_payment(KES, wallet_minor=wallet, is_fee_due=fee) == least
    assert split(KES, least, wallet=wallet, fee=fee).is_sale
    assert least == 1 or not split(KES, least - 1, wallet=wallet, fee=fee).is_sale


@pytest.mark.parametrize(
    ("affordable", "carried"),
    [(16_383, 16_383), (16_384, 16_384), (16_393, 16_384), (16_394, 16_394), (180_223, 180_214), (180_323, 180_224)],
)
def test_energy_above_16383_tenths_is_what_a_token_can_carry(affordable: int, carried: int) -> None:
    """What lies between two steps stays in the wallet: the customer is charged for what the meter will credit."""
    one = replace(KES, price_per_kwh_minor=1_000, vat_basis_points=0, fixed_fee_minor=0)
    bought = split(one, affordable * 100)
    assert (bought.energy_kwh_tenths, bought.kept_minor) == (carried, (affordable - carried) * 100)
    assert tenths_of(amount_for(carried)) == carried


def test_more_than_a_token_can_carry_is_kept() -> None:
    one = replace(KES, price_per_kwh_minor=10, vat_basis_points=0, fixed_fee_minor=0)
    bought = split(one, GREATEST_AMOUNT + 5_000)
    assert (bought.energy_kwh_tenths, bought.kept_minor) == (GREATEST_AMOUNT, 5_000)


def test_fee_alone_is_never_a_sale() -> None:
    assert split(KES, 1_000).fee_minor == 0
