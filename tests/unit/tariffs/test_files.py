"""A tariff as a person writes it: decimal text becomes minor units exactly, or is refused by its field."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.tariffs.examples import FACTS, FULL
from vending.tariffs.engine import Prices
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.files import read_file, read_site_code
from vending.tariffs.terms import TariffFacts

LEAST: dict[str, Any] = {
    "site": "demo",
    "starts_at": "2026-12-01T00:00Z",
    "price_per_kwh": "20.00",
    "price_includes_vat": False,
    "vat_percent": "16",
    "least_payment": "10",
    "most_payment": "100000",
}
ALL: dict[str, Any] = {
    "site": "demo",
    "customer_class": "shop",
    "starts_at": "2026-12-01T03:00",
    "price_includes_vat": True,
    "vat_percent": "16.00",
    "blocks": [
        {"up_to_kwh": "10", "price_per_kwh": "10.00"},
        {"up_to_kwh": None, "price_per_kwh": "20"},
    ],
    "lifeline": {"up_to_kwh": "15.0", "price_per_kwh": "5", "most_kwh": 30},
    "levies": [{"name": "rep", "percent": "5"}, {"name": "epra", "percent": "0.12"}],
    "rounding": "half_even",
    "fixed_fee": "10.00",
    "fee_arrears_months": 2,
    "free_kwh": "5",
    "least_kwh": "1",
    "least_payment": "10",
    "most_payment": "100000",
    "day_limit": "5000",
    "note": "EPRA 12/2026",
}


def read(content: object, currency: str = "KES") -> TariffFacts:
    return read_file(json.loads(json.dumps(content)), currency=currency, timezone="Africa/Nairobi")


def refused_field(content: object, currency: str = "KES") -> str:
    with pytest.raises(TariffInvalid) as refusal:
        read(content, currency)
    return refusal.value.field


def test_file_with_the_least_gets_the_defaults() -> None:
    assert read(LEAST) == replace(FACTS, prices=replace(FACTS.prices, fixed_fee_minor=0))
    assert read_site_code(LEAST) == "demo"


def test_file_with_everything_is_read_exactly() -> None:
    """A start without a zone is by the site's clock: 03:00 in Nairobi is midnight in UTC."""
    assert read(ALL) == FULL


def test_day_alone_starts_at_the_sites_midnight() -> None:
    assert read({**LEAST, "starts_at": "2026-12-01"}).starts_at == datetime(2026, 11, 30, 21, tzinfo=UTC)


def test_currency_without_digits_takes_whole_units_only() -> None:
    ugx = {**LEAST, "price_per_kwh": "805.00"}
    assert read(ugx, "UGX").prices == Prices(805, False, 1_600, 0, 1)
    assert refused_field({**LEAST, "price_per_kwh": "796.4"}, "UGX") == "price_per_kwh"


@pytest.mark.parametrize("name", ["site", "starts_at", "vat_percent", "price_includes_vat", "most_payment"])
def test_field_that_is_missing_is_refused_by_name(name: str) -> None:
    assert refused_field({other: value for other, value in LEAST.items() if other != name}) == name


def test_field_that_no_tariff_has_is_refused_by_name() -> None:
    assert refused_field({**LEAST, "price_per_kWh": "20"}) == "price_per_kWh"


@pytest.mark.parametrize("content", [None, [], "demo", 5, {"site": 5}, {}])
def test_content_that_names_no_site_is_refused(content: object) -> None:
    with pytest.raises(TariffInvalid) as refusal:
        read_site_code(content)
    assert refusal.value.field == "site"


@pytest.mark.parametrize("content", [None, [], "demo", 5])
def test_content_that_is_no_object_is_refused(content: object) -> None:
    assert refused_field(content) == ""


@pytest.mark.parametrize(
    "value", [20.0, "20.001", "1e3", "NaN", "-", "", " 20", "2,0", None, True, [], "\u0661", "9" * 30]
)
def test_amount_that_is_none_is_refused_by_name(value: object) -> None:
    assert refused_field({**LEAST, "fixed_fee": value}) == "fixed_fee"


@pytest.mark.parametrize("value", [0.1, "0.15", "-1", "1e1", "", None, False, "\u0661", "1" * 13])
@pytest.mark.parametrize("name", ["least_kwh", "free_kwh"])
def test_energy_finer_than_a_tenth_or_no_number_is_refused_by_name(name: str, value: object) -> None:
    assert refused_field({**LEAST, name: value}) == name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("vat_percent", "16.005"),
        ("fee_arrears_months", "1.5"),
        ("price_includes_vat", "no"),
        ("starts_at", "soon"),
        ("starts_at", 20261201),
        ("starts_at", "0001-01-01T00:00+14:00"),
        ("rounding", "nearest"),
        ("note", 5),
        ("blocks", {"up_to_kwh": None}),
        ("blocks", [{"up_to_kwh": None}]),
        ("blocks", [["10", "20"]]),
        ("levies", [{"name": "rep", "percent": "5", "of": "net"}]),
        ("lifeline", []),
        ("lifeline", {"up_to_kwh": "15"}),
    ],
)
def test_field_that_cannot_be_read_is_refused_by_name(name: str, value: object) -> None:
    assert refused_field({**LEAST, name: value}) == name


def test_parts_of_blocks_levies_and_lifeline_are_refused_by_their_names() -> None:
    open_block = {"up_to_kwh": None, "price_per_kwh": "20"}
    flat = {**LEAST, "price_per_kwh": None}
    assert refused_field({**flat, "blocks": [{**open_block, "up_to_kwh": "1.55"}]}) == "up_to_kwh"
    assert refused_field({**flat, "blocks": [{**open_block, "price_per_kwh": "20.005"}]}) == "price_per_kwh"
    assert refused_field({**LEAST, "levies": [{"name": 5, "percent": "5"}]}) == "name"
    assert refused_field({**LEAST, "levies": [{"name": "rep", "percent": 0.5}]}) == "percent"


def test_price_and_blocks_together_or_neither_are_refused() -> None:
    assert refused_field({**LEAST, "blocks": ALL["blocks"]}) == "price_per_kwh"
    assert refused_field({**LEAST, "price_per_kwh": None}) == "price_per_kwh"
