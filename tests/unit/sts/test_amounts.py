"""Amounts of units in 16 bits: the edges of the four bands."""

from itertools import pairwise

import pytest

from vending.sts.amounts import GREATEST_AMOUNT, amount_for, greatest_amount_within, tenths_of
from vending.sts.errors import AmountOutOfRange, FieldOutOfRange


@pytest.mark.parametrize(
    ("tenths", "amount_field"),
    [
        (0, 0x0000),
        (1, 0x0001),
        (16_383, 0x3FFF),
        (16_384, 0x4000),
        (16_385, 0x4001),
        (16_394, 0x4001),
        (180_214, 0x7FFF),
        (180_215, 0x8000),  # the mantissa overflows into the next band
        (180_223, 0x8000),
        (180_224, 0x8000),
        (180_225, 0x8001),
        (1_818_525, 0xC000),
        (1_818_624, 0xC000),
        (1_818_625, 0xC001),
        (18_201_624, 0xFFFF),
    ],
)
def test_amount_for_rounds_up_to_the_field(tenths: int, amount_field: int) -> None:
    assert amount_for(tenths) == amount_field


@pytest.mark.parametrize("tenths", [-1, GREATEST_AMOUNT + 1])
def test_amount_for_out_of_range_is_refused(tenths: int) -> None:
    with pytest.raises(AmountOutOfRange) as refusal:
        amount_for(tenths)

    assert (refusal.value.code, refusal.value.field) == ("amount_out_of_range", "amount")


@pytest.mark.parametrize(
    ("tenths", "greatest"),
    [
        (0, 0),
        (16_383, 16_383),
        (16_393, 16_384),
        (16_394, 16_394),
        (180_223, 180_214),
        (180_323, 180_224),
        (1_818_623, 1_818_524),
        (1_819_623, 1_818_624),
        (18_201_624, 18_201_624),
        (99_999_999, 18_201_624),
    ],
)
def test_greatest_amount_within_rounds_down_to_what_a_token_carries(tenths: int, greatest: int) -> None:
    assert greatest_amount_within(tenths) == greatest


def test_greatest_amount_within_a_negative_amount_is_refused() -> None:
    with pytest.raises(AmountOutOfRange):
        greatest_amount_within(-1)


def test_tenths_of_every_field_rises_and_encodes_to_itself() -> None:
    carried = [tenths_of(amount_field) for amount_field in range(1 << 16)]

    assert all(lower < higher for lower, higher in pairwise(carried))
    assert [amount_for(tenths) for tenths in carried] == list(range(1 << 16))
    assert carried[-1] == GREATEST_AMOUNT == 18_201_624


@pytest.mark.parametrize("amount_field", [-1, 0x1_0000])
def test_tenths_of_more_than_16_bits_is_refused(amount_field: int) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        tenths_of(amount_field)

    assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "amount_field")
