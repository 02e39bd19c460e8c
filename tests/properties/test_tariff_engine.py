"""The money rule, for any prices: against a slow oracle that tries every tenth, as sums and bounds."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import floor

import pytest
from django.db import transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fleet.meters.models import Meter
from tests.support.world import ACTOR, NOW, World
from vending.sts.amounts import GREATEST_AMOUNT, amount_for, greatest_amount_within, tenths_of
from vending.tariffs.engine import Prices, Split, least_payment, price_of, split_money
from vending.tariffs.services import publish_tariff
from vending.vends.models import Vend
from vending.vends.queries import get_quote

pytestmark = pytest.mark.money_path

vat = st.one_of(st.sampled_from([0, 1600, 1800, 10_000]), st.integers(0, 10_000))
prices = st.builds(
    Prices,
    price_per_kwh_minor=st.one_of(st.integers(1, 60), st.integers(1, 10_000)),
    price_includes_vat=st.booleans(),
    vat_basis_points=vat,
    fixed_fee_minor=st.integers(0, 2_000),
    least_energy_kwh_tenths=st.integers(0, 30),
)
small = st.integers(0, 1_500)
large = st.integers(0, 10**12)


def half_up(value: Fraction) -> int:
    return floor(value + Fraction(1, 2))


def oracle_price(tariff: Prices, tenths: int) -> tuple[int, int]:
    """(net, VAT) by the words of the rule: each is rounded half up; an inclusive price is what is paid."""
    listed = half_up(Fraction(tariff.price_per_kwh_minor * tenths, 10))
    rate = Fraction(tariff.vat_basis_points, 10_000)
    if tariff.price_includes_vat:
        net = half_up(listed / (1 + rate))
        return net, listed - net
    return listed, half_up(listed * rate)


def oracle_energy(tariff: Prices, money: int) -> int:
    """The greatest number of tenths that fits and that a token can carry, found by trying."""
    best = tenths = 0
    while sum(oracle_price(tariff, tenths)) <= money:
        if tenths_of(amount_for(tenths)) == tenths:
            best = tenths
        tenths += 1
    return best if best >= max(tariff.least_energy_kwh_tenths, 1) else 0


def split(tariff: Prices, paid: int, wallet: int, fee: bool) -> Split:
    return split_money(
        tariff, paid_minor=paid, wallet_minor=wallet, is_fee_due=fee, greatest_within=greatest_amount_within
    )


@given(prices, small, small, st.booleans())
@example(Prices(1, False, 0, 0, 1), 1_500, 400, False)  # some 19,000 tenths: above the first band of a token
@settings(max_examples=150, deadline=None)
def test_split_is_what_trying_every_tenth_finds(tariff: Prices, paid: int, wallet: int, fee: bool) -> None:
    due = tariff.fixed_fee_minor if fee else 0
    energy = oracle_energy(tariff, paid + wallet - due)
    if not energy:
        assert split(tariff, paid, wallet, fee) == Split(paid, 0, 0, 0, 0, 0, paid)
        return
    net, vat_minor = oracle_price(tariff, energy)
    kept = paid + wallet - due - net - vat_minor
    assert split(tariff, paid, wallet, fee) == Split(paid, wallet, energy, net, vat_minor, due, kept)


@given(prices, large, large, st.booleans())
@settings(max_examples=300, deadline=None)
def test_parts_sum_to_the_money_and_none_is_negative(tariff: Prices, paid: int, wallet: int, fee: bool) -> None:
    parts = split(tariff, paid, wallet, fee)
    assert parts.paid_minor + parts.wallet_used_minor == (
        parts.net_minor + parts.vat_minor + parts.fee_minor + parts.kept_minor
    )
    assert min(vars(parts).values()) >= 0
    assert parts.wallet_used_minor in (0, wallet)
    assert parts.is_sale or parts.kept_minor == paid


@given(prices, large, large, st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_more_energy_fits_that_a_token_could_carry(tariff: Prices, paid: int, wallet: int, fee: bool) -> None:
    parts = split(tariff, paid, wallet, fee)
    if not parts.is_sale:
        return
    energy = parts.energy_kwh_tenths
    assert tenths_of(amount_for(energy)) == energy
    if energy < GREATEST_AMOUNT:
        following = tenths_of(amount_for(energy + 1))
        assert sum(oracle_price(tariff, following)) > paid + wallet - parts.fee_minor


@given(prices, st.integers(0, 10**7))
@settings(max_examples=300, deadline=None)
def test_price_is_rounded_half_up_and_never_falls(tariff: Prices, tenths: int) -> None:
    assert price_of(tariff, tenths) == oracle_price(tariff, tenths)
    assert sum(price_of(tariff, tenths)) <= sum(price_of(tariff, tenths + 1))


@given(prices, large, st.booleans())
@settings(max_examples=300, deadline=None)
def test_least_payment_is_the_least_that_buys(tariff: Prices, wallet: int, fee: bool) -> None:
    least = least_payment(tariff, wallet_minor=wallet, is_fee_due=fee)
    assert least >= 1
    assert split(tariff, least, wallet, fee).is_sale
    assert least == 1 or not split(tariff, least - 1, wallet, fee).is_sale


@given(prices, small, small, st.booleans())
@settings(max_examples=150, deadline=None)
def test_more_money_never_buys_less(tariff: Prices, paid: int, more: int, fee: bool) -> None:
    assert split(tariff, paid, 0, fee).energy_kwh_tenths <= split(tariff, paid + more, 0, fee).energy_kwh_tenths


@pytest.mark.django_db
@given(prices=prices, payments=st.lists(st.integers(1, 30_000), min_size=1, max_size=3))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_quote_is_what_the_sale_then_does(world: World, prices: Prices, payments: list[int]) -> None:
    with transaction.atomic():
        publish_tariff(
            site_id=world.site.pk,
            currency="KES",
            prices=replace(prices, price_per_kwh_minor=prices.price_per_kwh_minor + 20),
            least_payment_minor=1,
            most_payment_minor=10**9,
            starts_at=NOW - timedelta(seconds=1),
            actor=ACTOR,
            now=NOW,
        )
        for paid in payments:
            check_quote_is_sale(world, paid)
        transaction.set_rollback(True)


def check_quote_is_sale(world: World, paid: int) -> None:
    quoted = get_quote(meter=Meter.objects.get(pk=world.meter.pk), paid_minor=paid, now=NOW)
    sold_before = Vend.objects.count()
    world.sell(paid)
    if quoted.refusal:
        assert (quoted.refusal, Vend.objects.count()) == ("too_little", sold_before)
        return
    vend = Vend.objects.order_by("-pk")[0]
    assert {name: getattr(vend, name) for name in vars(quoted.split)} == vars(quoted.split)
