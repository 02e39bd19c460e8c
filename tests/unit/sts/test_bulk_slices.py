"""Rows into slices and back, and tables as sums of products: the ground under bulk work."""

import random

import pytest

from vending.sts.normal_form import NormalForm
from vending.sts.slices import columns_in, columns_of, difference, rows_in, slices_of, union

CHANCE = random.Random(62055)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 65])
@pytest.mark.parametrize("octets", [1, 2, 8])
def test_slices_hold_bit_j_of_row_r_at_bit_r_of_slice_j(count: int, octets: int) -> None:
    rows = CHANCE.randbytes(count * octets)
    numbers = [int.from_bytes(rows[start : start + octets], "big") for start in range(0, len(rows), octets)]

    columns = columns_in(rows, octets)
    slices = slices_of(columns)

    assert slices == [
        sum((number >> bit & 1) << row for row, number in enumerate(numbers)) for bit in range(8 * octets)
    ]
    assert columns_of(slices, count) == columns
    assert rows_in(columns) == rows


def test_columns_are_joined_bit_by_bit() -> None:
    columns = [b"\x0f\x00\xff", b"\x3c\x00\xff", b"\x01\x80\xff"]

    assert union(columns) == b"\x3f\x80\xff"
    assert difference(columns) == b"\x32\x80\xff"
    assert difference(columns[:2]) == b"\x33\x00\x00"


@pytest.mark.parametrize(("inputs", "outputs"), [(1, 1), (3, 2), (5, 4), (7, 7)])
def test_normal_form_gives_what_its_table_gives(inputs: int, outputs: int) -> None:
    """A random table; its last value makes every output 1 somewhere."""
    values = 1 << inputs
    table = [CHANCE.getrandbits(outputs) for _ in range(values - 1)] + [(1 << outputs) - 1]
    bits = [sum((number >> bit & 1) << number for number in range(values)) for bit in range(inputs)]

    made = NormalForm(table, inputs, outputs)((1 << values) - 1, bits)

    assert made == [sum((value >> bit & 1) << number for number, value in enumerate(table)) for bit in range(outputs)]


def test_normal_form_of_a_table_that_changes_nothing_has_no_products() -> None:
    assert NormalForm(range(16), 4, 4)(0xFFFF, [1, 2, 3, 4]) == [1, 2, 3, 4]
