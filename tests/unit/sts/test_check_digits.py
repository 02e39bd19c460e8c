"""Luhn check digits."""

import pytest

from vending.sts.check_digits import luhn_digit, luhn_fits


@pytest.mark.parametrize("entry", ["", "12a4", "1 2", "\u0661\u0662"])
def test_luhn_with_what_is_no_number_raises(entry: str) -> None:
    with pytest.raises(ValueError, match="not digits"):
        luhn_digit(entry)
    with pytest.raises(ValueError, match="not digits"):
        luhn_fits(entry)


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
