"""The one check of every field: whole numbers only, within their bits or ends."""

from enum import IntEnum

import pytest

from vending.sts.errors import FieldOutOfRange, KeyAttributeInvalid
from vending.sts.fields import check_between, check_bits, check_flag, is_whole


class Named(IntEnum):
    ONE = 1


@pytest.mark.parametrize("value", [0, 1, 15, Named.ONE])
def test_bits_that_hold_the_number_pass(value: int) -> None:
    check_bits(value, 4, "rnd")


@pytest.mark.parametrize("value", [-1, 16, 1 << 4000, True, False, 1.0, "1", None, b"1", [1]])
def test_bits_that_do_not_hold_it_are_refused(value: int) -> None:
    with pytest.raises(FieldOutOfRange, match=r"^rnd is a whole number of 4 bits$") as refusal:
        check_bits(value, 4, "rnd")

    assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "rnd")


def test_ends_are_within() -> None:
    check_between(-3, -3, 7, "amount")
    check_between(7, -3, 7, "amount")


@pytest.mark.parametrize("value", [-4, 8, True, 1.0, "1", None])
def test_number_beyond_its_ends_is_refused_with_the_error_asked_for(value: int) -> None:
    with pytest.raises(KeyAttributeInvalid, match=r"^KRN is a whole number from -3 to 7$") as refusal:
        check_between(value, -3, 7, "krn", KeyAttributeInvalid, "KRN")

    assert refusal.value.field == "krn"


def test_flag_is_true_or_false() -> None:
    check_flag(True, "rollover")
    check_flag(False, "rollover")
    for value in (0, 1, None, "no", 1.0):
        with pytest.raises(FieldOutOfRange, match=r"^rollover is true or false$") as refusal:
            check_flag(value, "rollover")  # type: ignore[arg-type]
        assert refusal.value.field == "rollover"


def test_bool_is_no_whole_number() -> None:
    assert [is_whole(value) for value in (1, Named.ONE, True, 1.0, "1", None)] == [
        True,
        True,
        False,
        False,
        False,
        False,
    ]
