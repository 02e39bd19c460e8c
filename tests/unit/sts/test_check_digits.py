"""Luhn check digits."""

from collections.abc import Callable

import pytest

from vending.sts.check_digits import luhn_digit, luhn_fits
from vending.sts.errors import MeterNumberInvalid


@pytest.mark.parametrize("entry", ["", "12a4", "1 2", "\u0661\u0662", "-12", None, 12, b"12"])
@pytest.mark.parametrize(("work", "field"), [(luhn_digit, "body"), (luhn_fits, "number")])
def test_luhn_of_what_is_no_number_is_refused(work: Callable[[str], object], field: str, entry: str) -> None:
    with pytest.raises(MeterNumberInvalid) as refusal:
        work(entry)

    assert (refusal.value.code, refusal.value.field) == ("meter_number_invalid", field)


def test_luhn_of_one_digit_is_that_of_an_empty_body() -> None:
    assert [luhn_fits(digit) for digit in "0123456789"] == [True] + [False] * 9
    assert [luhn_digit(digit) for digit in "0123456789"] == list("0864297531")


def test_luhn_every_single_wrong_digit_is_noticed() -> None:
    number = "60072700000000000" + luhn_digit("60072700000000000")
    changed = [
        number[:place] + digit + number[place + 1 :]
        for place in range(len(number))
        for digit in "0123456789"
        if digit != number[place]
    ]

    assert luhn_fits(number)
    assert len(changed) == 18 * 9
    assert not any(luhn_fits(other) for other in changed)
