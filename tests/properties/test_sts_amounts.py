"""Amounts of units: rounding up is minimal, rounding down is maximal, whatever the amount.

What a token can carry is listed here by the formula of the standard, so that the rooms are not judged by themselves.
"""

from bisect import bisect_left, bisect_right

from hypothesis import example, given, settings
from hypothesis import strategies as st

from vending.sts.amounts import GREATEST_AMOUNT, amount_for, greatest_amount_within, tenths_of

# m * 10^e and the sum, for n from 1 to e, of 16384 * 10^(n-1); the index is the 16-bit field e, m
CARRIED = [
    mantissa * 10**exponent + sum(16_384 * 10 ** (n - 1) for n in range(1, exponent + 1))
    for exponent in range(4)
    for mantissa in range(16_384)
]
EDGES = [edge + step for edge in (0, 16_384, 180_224, 1_818_624, GREATEST_AMOUNT) for step in range(-1_001, 1_002)]

amounts = st.integers(0, GREATEST_AMOUNT) | st.sampled_from([edge for edge in EDGES if 0 <= edge <= GREATEST_AMOUNT])


def test_fields_carry_what_the_formula_says() -> None:
    assert [tenths_of(amount_field) for amount_field in range(1 << 16)] == CARRIED
    assert CARRIED[-1] == GREATEST_AMOUNT


@given(amounts)
@example(0)
@example(GREATEST_AMOUNT)
@settings(max_examples=300, deadline=None)
def test_amount_for_is_the_smallest_that_is_not_less(tenths: int) -> None:
    amount_field = amount_for(tenths)

    assert amount_field == bisect_left(CARRIED, tenths)
    assert tenths_of(amount_field) >= tenths


@given(amounts | st.integers(GREATEST_AMOUNT, 10**12))
@example(0)
@example(GREATEST_AMOUNT)
@settings(max_examples=300, deadline=None)
def test_greatest_amount_within_is_the_greatest_that_is_not_more(tenths: int) -> None:
    within = greatest_amount_within(tenths)

    assert within == CARRIED[bisect_right(CARRIED, tenths) - 1]
    assert tenths_of(amount_for(within)) == within <= tenths
    assert greatest_amount_within(within) == within
