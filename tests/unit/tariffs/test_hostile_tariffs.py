"""Whatever somebody sends as a tariff: it is refused with its code, or it sells."""

import json
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.tariffs.examples import FACTS, split
from tests.unit.tariffs.test_files import ALL
from tests.unit.tariffs.test_terms import TERMS_OF_FULL
from vending.tariffs.checking import check_tariff
from vending.tariffs.describing import details_of, headline_of
from vending.tariffs.engine import Block, Levy, Lifeline, Prices, Rounding, Standing
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.files import read_file, read_site_code
from vending.tariffs.terms import TariffFacts, read_terms, terms_of

leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["1", "0.1", "-1", "1e9"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)
names = st.sampled_from([*sorted({*ALL, *TERMS_OF_FULL}), "price_per_kwh"])
changes = st.dictionaries(names, values, max_size=3)
counts = st.one_of(st.integers(-1, 3), st.integers(0, 20_000), st.integers(-(2**70), 2**70))


def check_words(refusal: TariffInvalid) -> None:
    assert str(refusal).isprintable(), "it goes to a terminal"


@given(changes, st.booleans())
@settings(max_examples=300, deadline=None)
def test_terms_of_anything_are_read_or_refused(changed: dict[str, object], is_whole: bool) -> None:
    terms = {**TERMS_OF_FULL, **changed} if is_whole else changed
    try:
        facts = read_terms(terms)
        check_tariff(facts)
    except TariffInvalid as refusal:
        check_words(refusal)
        return
    assert read_terms(json.loads(json.dumps(terms_of(facts)))) == facts


@given(changes, st.booleans())
@settings(max_examples=300, deadline=None)
def test_file_with_anything_in_it_is_read_or_refused(changed: dict[str, object], is_whole: bool) -> None:
    content = {**ALL, **changed} if is_whole else changed
    try:
        read_site_code(content)
        check_tariff(read_file(content, currency="KES", timezone="Africa/Nairobi"))
    except TariffInvalid as refusal:
        check_words(refusal)


@given(values)
def test_content_of_any_shape_is_read_or_refused(content: object) -> None:
    for read in (read_site_code, lambda found: read_file(found, currency="UGX", timezone="Africa/Kampala")):
        try:
            read(content)
        except TariffInvalid as refusal:
            check_words(refusal)


facts_of_any_numbers = st.builds(
    lambda prices, least, most, day: replace(
        FACTS, prices=prices, least_payment_minor=least, most_payment_minor=most, day_limit_minor=day
    ),
    st.builds(
        Prices,
        price_per_kwh_minor=counts,
        price_includes_vat=st.booleans(),
        vat_basis_points=counts,
        fixed_fee_minor=counts,
        least_energy_kwh_tenths=counts,
        blocks=st.lists(st.builds(Block, st.one_of(st.none(), counts), counts), max_size=3).map(tuple),
        lifeline=st.one_of(st.none(), st.builds(Lifeline, counts, counts, counts)),
        levies=st.lists(st.builds(Levy, st.text("ab_", max_size=3), counts), max_size=2).map(tuple),
        rounding=st.sampled_from(Rounding),
        fee_arrears_months=counts,
        free_kwh_tenths=counts,
    ),
    counts,
    counts,
    st.one_of(st.just(0), counts),
)


@given(facts_of_any_numbers, st.integers(1, 10**9))
@settings(max_examples=300, deadline=None)
def test_version_of_any_numbers_is_refused_or_sells(facts: TariffFacts, paid: int) -> None:
    try:
        check_tariff(facts)
    except TariffInvalid:
        return
    prices = facts.prices
    bought = split(prices, paid, standing=Standing(fee_months=1 + prices.fee_arrears_months, is_allowance_due=True))
    assert sum(line.amount_minor for line in bought.lines) == paid
    assert headline_of(facts, "Africa/Nairobi")
    assert list(details_of(facts))
