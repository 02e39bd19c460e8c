"""Amounts of units: rounding up is minimal, rounding down is maximal, whatever the amount."""

from hypothesis import given, settings
from hypothesis import strategies as st

from vending.sts.amounts import GREATEST_AMOUNT, amount_for, greatest_amount_within, tenths_of

amounts = st.integers(0, GREATEST_AMOUNT)


@given(amounts)
@settings(max_examples=200, deadline=None)
def test_amount_for_is_the_smallest_that_is_not_less(tenths: int) -> None:
    amount_field = amount_for(tenths)

    assert tenths_of(amount_field) >= tenths
    assert amount_field == 0 or tenths_of(amount_field - 1) < tenths


@given(amounts)
@settings(max_examples=200, deadline=None)
def test_greatest_amount_within_is_the_greatest_that_is_not_more(tenths: int) -> None:
    within = greatest_amount_within(tenths)
    amount_field = amount_for(within)

    assert within <= tenths
    assert tenths_of(amount_field) == within
    assert amount_field == 0xFFFF or tenths_of(amount_field + 1) > tenths
