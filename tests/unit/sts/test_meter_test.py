"""Tests and displays: class 1, subclass 0 to 2."""

import pytest

from vending.sts.errors import FieldOutOfRange, StsError, UnsupportedToken
from vending.sts.frame import open_token
from vending.sts.meter_test import (
    GREATEST_TEST,
    LONG_CODE_TEST,
    READ,
    SHORT_CODE_TEST,
    MeterTest,
    control_of_test,
    encode_meter_test,
    meter_test_in,
)
from vending.sts.tokens import decode_token


def test_control_of_test_is_one_bit_for_each_test() -> None:
    for subclass in (SHORT_CODE_TEST, LONG_CODE_TEST):
        controls = [control_of_test(number, subclass) for number in range(1, GREATEST_TEST + 1)]
        assert controls == [1 << number - 1 for number in range(1, 19)]


def test_control_of_test_zero_is_all_ones_of_its_width() -> None:
    assert control_of_test(0, SHORT_CODE_TEST) == (1 << 36) - 1
    assert control_of_test(0, LONG_CODE_TEST) == (1 << 28) - 1


@pytest.mark.parametrize(
    ("number", "subclass", "code", "field"),
    [
        (-1, 0, "field_out_of_range", "number"),
        (19, 0, "field_out_of_range", "number"),
        (1, READ, "unsupported_token", "subclass"),
        (1, 3, "unsupported_token", "subclass"),
    ],
)
def test_control_of_a_test_that_is_none_is_refused(number: int, subclass: int, code: str, field: str) -> None:
    with pytest.raises(StsError) as refusal:
        control_of_test(number, subclass)

    assert (refusal.value.code, refusal.value.field) == (code, field)


@pytest.mark.parametrize(
    ("test", "body"),
    [
        (MeterTest(subclass=0, control=0xF_EDCB_A987, mfr=0x65), 0x0_FEDCBA987_65),
        (MeterTest(subclass=1, control=0xFED_CBA9, mfr=0x8765), 0x1_FEDCBA9_8765),
        (MeterTest(subclass=2, control=0xF_C000_0000, mfr=0), 0x2_FC0000000_00),
    ],
)
def test_meter_test_fields_are_where_the_standard_has_them(test: MeterTest, body: int) -> None:
    digits = encode_meter_test(subclass=test.subclass, control=test.control, mfr=test.mfr)

    assert open_token(digits, cipher=None, decoder_key=b"") == (1, body)
    assert meter_test_in(body) == test == decode_token(digits, cipher=None, decoder_key=b"")
    assert test.token_class == 1


@pytest.mark.parametrize(
    ("subclass", "control", "mfr", "field"),
    [
        (0, 1 << 36, 0, "control"),
        (0, -1, 0, "control"),
        (0, 0, 1 << 8, "mfr"),
        (0, 0, -1, "mfr"),
        (1, 1 << 28, 0, "control"),
        (1, 0, 1 << 16, "mfr"),
        (2, 1 << 36, 0, "control"),
        (2, 0, 1 << 8, "mfr"),
    ],
)
def test_meter_test_with_too_many_bits_is_refused(subclass: int, control: int, mfr: int, field: str) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        encode_meter_test(subclass=subclass, control=control, mfr=mfr)

    assert refusal.value.field == field


@pytest.mark.parametrize("subclass", [-1, 3, 5, 6, 10, 15, 16])
def test_meter_test_of_a_reserved_subclass_is_refused(subclass: int) -> None:
    with pytest.raises(UnsupportedToken) as refusal:
        encode_meter_test(subclass=subclass, control=1, mfr=0)

    assert (refusal.value.code, refusal.value.field) == ("unsupported_token", "subclass")


def test_meter_test_of_a_body_of_another_kind_is_refused() -> None:
    with pytest.raises(UnsupportedToken):
        meter_test_in(3 << 44)
