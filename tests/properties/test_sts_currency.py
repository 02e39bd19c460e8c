"""Currency in 20 bits: rounding is towards plus infinity in both signs and no token could do better."""

from hypothesis import example, given, settings
from hypothesis import strategies as st

from vending.sts.currency import (
    GREATEST_CURRENCY,
    currency_field_for,
    greatest_currency_within,
    hundred_thousandths_of,
)

EDGES = [sum(16_384 * 10 ** (n - 1) for n in range(1, exponent + 1)) for exponent in range(32)] + [GREATEST_CURRENCY]

magnitudes = (
    st.integers(0, GREATEST_CURRENCY)
    | st.integers(0, 10**12)
    | st.builds(
        lambda edge, step: min(max(edge + step, 0), GREATEST_CURRENCY), st.sampled_from(EDGES), st.integers(-99, 99)
    )
)
amounts = magnitudes | magnitudes.map(lambda magnitude: -magnitude)
fields = st.integers(0, (1 << 20) - 1)


def carried_below(amount: int) -> int | None:
    """The next smaller amount that a token carries, found by the fields alone: magnitudes rise with them."""
    field = currency_field_for(amount)
    if amount > 0:
        return hundred_thousandths_of(field - 1)
    magnitude_field = field & 0x7FFFF
    return hundred_thousandths_of(1 << 19 | magnitude_field + 1) if magnitude_field < 0x7FFFF else None


@given(fields)
@settings(max_examples=300, deadline=None)
def test_currency_field_carries_what_the_formula_says(field: int) -> None:
    sign, exponent, mantissa = field >> 19, field >> 14 & 31, field & 16_383
    magnitude = mantissa * 10**exponent + sum(16_384 * 10 ** (n - 1) for n in range(1, exponent + 1))

    assert hundred_thousandths_of(field) == (-magnitude if sign else magnitude)


@given(fields)
@example(1 << 19)
@settings(max_examples=300, deadline=None)
def test_currency_that_a_token_carries_is_coded_exactly(field: int) -> None:
    carried = hundred_thousandths_of(field)

    assert currency_field_for(carried) == (0 if carried == 0 else field)
    assert greatest_currency_within(carried) == carried


@given(amounts)
@settings(max_examples=400, deadline=None)
def test_currency_field_is_the_smallest_that_is_not_less(hundred_thousandths: int) -> None:
    carried = hundred_thousandths_of(currency_field_for(hundred_thousandths))
    below = carried_below(carried)

    assert carried >= hundred_thousandths
    assert below is None or below < hundred_thousandths


@given(amounts)
@settings(max_examples=400, deadline=None)
def test_greatest_currency_within_is_the_greatest_that_is_not_more(hundred_thousandths: int) -> None:
    within = greatest_currency_within(hundred_thousandths)
    rounded_up = hundred_thousandths_of(currency_field_for(hundred_thousandths))

    assert within <= hundred_thousandths <= rounded_up
    assert within == hundred_thousandths if rounded_up == hundred_thousandths else within == carried_below(rounded_up)


@given(amounts, amounts)
@settings(max_examples=200, deadline=None)
def test_currency_coding_keeps_the_order(one: int, other: int) -> None:
    smaller, greater = sorted((one, other))

    assert hundred_thousandths_of(currency_field_for(smaller)) <= hundred_thousandths_of(currency_field_for(greater))
    assert greatest_currency_within(smaller) <= greatest_currency_within(greater)
