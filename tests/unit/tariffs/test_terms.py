"""A version as the terms of an approval and back, and in plain words."""

import json
from dataclasses import replace
from datetime import timedelta, timezone

import pytest

from tests.unit.tariffs.examples import FACTS, FULL
from vending.tariffs.describing import details_of, headline_of
from vending.tariffs.engine import Rounding
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.terms import TERMS, TariffFacts, read_terms, terms_of

TERMS_OF_FULL = {
    "currency": "KES",
    "customer_class": "shop",
    "note": "EPRA 12/2026",
    "starts_at": "2026-12-01T00:00:00+00:00",
    "price_per_kwh_minor": 1_000,
    "vat_basis_points": 1_600,
    "fixed_fee_minor": 1_000,
    "fee_arrears_months": 2,
    "free_kwh_tenths": 50,
    "least_energy_kwh_tenths": 10,
    "price_includes_vat": True,
    "blocks": [[100, 1_000], [None, 2_000]],
    "lifeline": {"up_to_kwh_tenths": 150, "price_per_kwh_minor": 500, "most_kwh_tenths": 300},
    "levies": [["rep", 500], ["epra", 12]],
    "rounding": "half_even",
    "least_payment_minor": 1_000,
    "most_payment_minor": 10_000_000,
    "day_limit_minor": 500_000,
}


def test_terms_hold_minor_units_as_whole_numbers() -> None:
    assert terms_of(FULL) == TERMS_OF_FULL
    assert set(TERMS_OF_FULL) == TERMS


@pytest.mark.parametrize("facts", [FACTS, FULL])
def test_terms_through_json_give_the_same_facts(facts: TariffFacts) -> None:
    assert read_terms(json.loads(json.dumps(terms_of(facts)))) == facts


def test_start_by_another_clock_is_kept_in_utc() -> None:
    nairobi = FACTS.starts_at.astimezone(timezone(timedelta(hours=3)))
    assert terms_of(replace(FACTS, starts_at=nairobi)) == terms_of(FACTS)


@pytest.mark.parametrize("name", sorted(TERMS))
def test_term_that_is_missing_is_refused_by_name(name: str) -> None:
    terms = {other: value for other, value in TERMS_OF_FULL.items() if other != name}
    with pytest.raises(TariffInvalid) as refusal:
        read_terms(terms)
    assert refusal.value.field == name


def test_term_that_nobody_knows_is_refused() -> None:
    with pytest.raises(TariffInvalid) as refusal:
        read_terms({**TERMS_OF_FULL, "discount": 5})
    assert refusal.value.field == "discount"


@pytest.mark.parametrize("name", sorted(TERMS))
@pytest.mark.parametrize("value", [1.5, b"x", {"a": 1}, [1], [[1]], [[1, 2, 3]], ["ab"], [[1.5, True]], object()])
def test_term_of_another_type_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(TariffInvalid) as refusal:
        read_terms({**TERMS_OF_FULL, name: value})
    assert refusal.value.field == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("price_per_kwh_minor", True),
        ("price_per_kwh_minor", "1000"),
        ("price_includes_vat", 1),
        ("blocks", [["100", 1_000]]),
        ("blocks", [[100, None]]),
        ("levies", [[5, "rep"]]),
        ("lifeline", {"up_to_kwh_tenths": 150, "price_per_kwh_minor": 500}),
        ("lifeline", {"up_to_kwh_tenths": 150, "price_per_kwh_minor": "500", "most_kwh_tenths": 1}),
        ("rounding", "nearest"),
        ("starts_at", "2026-12-01T00:00:00"),
        ("starts_at", "tomorrow"),
        ("starts_at", "0001-01-01T00:00:00+14:00"),
    ],
)
def test_term_that_cannot_be_read_is_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(TariffInvalid) as refusal:
        read_terms({**TERMS_OF_FULL, name: value})
    assert refusal.value.field == name


def test_version_is_told_in_plain_words() -> None:
    assert headline_of(FULL, "Africa/Nairobi") == "class shop, from 2026-12-01 03:00 +0300: from KES 10 a kWh"
    assert list(details_of(FULL)) == [
        "lifeline: the first 15.0 kWh of a month at 5, after a month of at most 30.0 kWh",
        "block 1, up to 10.0 kWh: 10 a kWh",
        "block 2, above: 20 a kWh",
        "prices include VAT and levies",
        "VAT 16 %",
        "levy rep 5 % of the net price",
        "levy epra 0.12 % of the net price",
        "rounded to the nearest minor unit, halves to even",
        "fixed fee 10 a month, and for up to 2 missed months",
        "5.0 kWh free with the first sale of a month",
        "a payment is 10 to 100000, a sale at least 1.0 kWh",
        "at most 5000 is spent a day",
        "note: EPRA 12/2026",
    ]


def test_plain_version_names_only_what_it_has() -> None:
    headline = "all classes without prices of their own, from 2026-12-01 00:00 +0000: KES 20 a kWh"
    assert headline_of(FACTS, "UTC") == headline
    plain = replace(FACTS, prices=replace(FACTS.prices, fixed_fee_minor=0, rounding=Rounding.DOWN))
    assert list(details_of(plain)) == [
        "prices are without VAT and levies",
        "VAT 16 %",
        "rounded down to the minor unit",
        "a payment is 10 to 100000, a sale at least 0.1 kWh",
    ]
