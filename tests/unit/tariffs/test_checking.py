"""What no tariff version may say, by the field that says it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.tariffs.examples import FACTS, KES
from vending.tariffs.checking import check_tariff
from vending.tariffs.engine import Block, Levy, Lifeline, Prices
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.terms import TariffFacts

TOO_MANY = 2**31
OPEN = Block(None, 2_000)


def with_prices(**changes: Any) -> TariffFacts:
    return replace(FACTS, prices=replace(KES, **changes))


def refused_field(facts: TariffFacts) -> str:
    with pytest.raises(TariffInvalid) as refusal:
        check_tariff(facts)
    assert refusal.value.code == "tariff_invalid"
    return refusal.value.field


def test_plain_and_full_tariffs_are_taken() -> None:
    check_tariff(FACTS)
    full = Prices(
        price_per_kwh_minor=1_000,
        price_includes_vat=True,
        vat_basis_points=10_000,
        fixed_fee_minor=500,
        least_energy_kwh_tenths=8_000,
        blocks=(Block(1, 1_000), Block(2, 2_000), Block(None, 1_500)),
        lifeline=Lifeline(100, 1, 0),
        levies=(Levy("a" * 20, 10_000), Levy("rep_2", 1)),
        fee_arrears_months=24,
        free_kwh_tenths=8_000,
    )
    check_tariff(replace(FACTS, prices=full, customer_class="mill_2", day_limit_minor=10**15, note="EPRA 12/2026"))


@pytest.mark.parametrize("currency", ["", "kes", "QQQ", "KES "])
def test_currency_that_is_not_known_is_refused(currency: str) -> None:
    assert refused_field(replace(FACTS, currency=currency)) == "currency"


@pytest.mark.parametrize("name", ["Home", "a b", "a" * 21, "x\n", "caf\u00e9", "a-b"])
def test_customer_class_of_other_letters_is_refused(name: str) -> None:
    assert refused_field(replace(FACTS, customer_class=name)) == "customer_class"


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 12, 1), datetime(1999, 12, 31, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)],  # noqa: DTZ001
)
def test_start_without_a_zone_or_out_of_time_is_refused(moment: datetime) -> None:
    assert refused_field(replace(FACTS, starts_at=moment)) == "starts_at"


@pytest.mark.parametrize("note", ["n" * 201, "a\0b", "\x1b[2J", "two\nlines"])
def test_note_that_is_long_or_not_printable_is_refused(note: str) -> None:
    assert refused_field(replace(FACTS, note=note)) == "note"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("price_per_kwh_minor", (0, -1, TOO_MANY)),
        ("vat_basis_points", (-1, 10_001)),
        ("fixed_fee_minor", (-1, TOO_MANY)),
        ("fee_arrears_months", (-1, 25)),
        ("free_kwh_tenths", (-1, 8_001)),
        ("least_energy_kwh_tenths", (-1, 8_001)),
    ],
)
def test_number_out_of_range_is_refused(field: str, values: tuple[int, ...]) -> None:
    for value in values:
        assert refused_field(with_prices(**{field: value})) == field


@pytest.mark.parametrize(
    "blocks",
    [
        (Block(100, 2_000),),
        (OPEN, OPEN),
        (Block(100, 2_000), Block(100, 3_000), OPEN),
        (Block(100, 2_000), Block(99, 3_000), OPEN),
        (Block(0, 2_000), OPEN),
        (Block(-5, 2_000), OPEN),
        (Block(100, 2_000), Block(None, 0)),
        (Block(100, 2_000), Block(None, TOO_MANY)),
        (Block(TOO_MANY, 2_000), OPEN),
        (*(Block(end, 2_000) for end in range(1, 11)), OPEN),
    ],
)
def test_blocks_that_do_not_rise_to_an_open_one_are_refused(blocks: tuple[Block, ...]) -> None:
    assert refused_field(with_prices(blocks=blocks)) == "blocks"


def test_price_that_is_not_the_first_blocks_is_refused() -> None:
    assert refused_field(with_prices(blocks=(Block(100, 1_999), OPEN))) == "price_per_kwh_minor"


@pytest.mark.parametrize(
    "lifeline", [Lifeline(0, 500, 300), Lifeline(100, 0, 300), Lifeline(100, 500, -1), Lifeline(TOO_MANY, 500, 300)]
)
def test_lifeline_out_of_range_is_refused(lifeline: Lifeline) -> None:
    assert refused_field(with_prices(lifeline=lifeline)) == "lifeline"


@pytest.mark.parametrize(
    "levies",
    [
        (Levy("", 500),),
        (Levy("REP", 500),),
        (Levy("a" * 21, 500),),
        (Levy("rep\n", 500),),
        (Levy("vat", 500),),
        (Levy("rep", 0),),
        (Levy("rep", -500),),
        (Levy("rep", 10_001),),
        (Levy("rep", 500), Levy("rep", 12)),
        tuple(Levy(f"levy{number}", 1) for number in range(11)),
    ],
)
def test_levies_without_a_name_of_their_own_or_a_sane_rate_are_refused(levies: tuple[Levy, ...]) -> None:
    assert refused_field(with_prices(levies=levies)) == "levies"


def test_limits_out_of_range_are_refused() -> None:
    assert refused_field(replace(FACTS, least_payment_minor=-1)) == "least_payment_minor"
    assert refused_field(replace(FACTS, most_payment_minor=10**15 + 1)) == "most_payment_minor"
    assert refused_field(replace(FACTS, day_limit_minor=-1)) == "day_limit_minor"


def test_limit_below_the_least_payment_is_refused() -> None:
    assert refused_field(replace(FACTS, least_payment_minor=5_000, most_payment_minor=4_999)) == "most_payment_minor"
    assert refused_field(replace(FACTS, least_payment_minor=5_000, day_limit_minor=4_999)) == "day_limit_minor"


def test_limit_under_which_nothing_could_be_sold_is_refused() -> None:
    """1 kWh at the dearest price, 30.00, with 16 % is 34.80; with three fees of 10.00 it is 64.80."""
    prices = replace(
        KES,
        least_energy_kwh_tenths=10,
        blocks=(Block(100, 2_000), Block(None, 3_000)),
        fee_arrears_months=2,
    )
    facts = replace(FACTS, prices=prices, least_payment_minor=0)
    check_tariff(replace(facts, most_payment_minor=6_480, day_limit_minor=6_480))
    assert refused_field(replace(facts, most_payment_minor=6_479)) == "most_payment_minor"
    assert refused_field(replace(facts, most_payment_minor=6_480, day_limit_minor=6_479)) == "day_limit_minor"
    dear_lifeline = replace(prices, lifeline=Lifeline(10, 4_000, 0))
    assert refused_field(replace(facts, prices=dear_lifeline, most_payment_minor=6_480)) == "most_payment_minor"
