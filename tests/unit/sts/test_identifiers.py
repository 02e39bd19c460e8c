"""Meter numbers and key attributes as checked values."""

from collections.abc import Callable

import pytest

from vending.kernel.errors import DomainError
from vending.sts.check_digits import luhn_digit
from vending.sts.errors import CheckDigitWrong, KeyAttributeInvalid, MeterNumberInvalid
from vending.sts.identifiers import (
    KeyExpiryNumber,
    KeyRevisionNumber,
    KeyType,
    ManufacturerCode,
    MeterPan,
    SupplyGroupCode,
    TariffIndex,
    check_pan_is_intact,
)


@pytest.mark.parametrize(
    ("entry", "pan", "iin", "drn"),
    [
        ("00000000000", "600727000000000009", "600727", "00000000000"),
        ("600727000000000009", "600727000000000009", "600727", "00000000000"),
        ("0100000000008", "000001000000000082", "0000", "0100000000008"),
        ("000001000000000082", "000001000000000082", "0000", "0100000000008"),
        ("111 1111-1115", "600727111111111153", "600727", "11111111115"),
    ],
)
def test_meter_pan_from_entry_gives_eighteen_digits(entry: str, pan: str, iin: str, drn: str) -> None:
    meter_pan = MeterPan.from_entry(entry)

    assert (meter_pan.digits, meter_pan.iin, meter_pan.drn, str(meter_pan)) == (pan, iin, drn, pan)


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "1234567890",
        "123456789012",
        "12345678901234",
        "6007270000000000091",
        "0000000000A",
        "60072700000000000A",
        "\u0660" * 11,
        "\u0660" * 18,
        "123456000000000009",
    ],
)
def test_meter_pan_of_wrong_form_is_refused(entry: str) -> None:
    with pytest.raises(MeterNumberInvalid) as refusal:
        MeterPan.from_entry(entry)

    assert (refusal.value.code, refusal.value.field) == ("meter_number_invalid", "meter_pan")


def test_meter_pan_with_unknown_iin_and_good_check_digit_is_refused() -> None:
    with pytest.raises(MeterNumberInvalid, match="begins with 600727 or 0000"):
        MeterPan("12345600000000000" + luhn_digit("12345600000000000"))


@pytest.mark.parametrize(
    ("entry", "digit_of"),
    [
        ("00000000001", "DRN"),
        ("0100000000009", "DRN"),
        ("600727000000000008", "MeterPAN"),
        ("600727000000000017", "DRN"),  # its last digit fits, the DRN 00000000001 within does not
    ],
)
def test_meter_pan_with_wrong_check_digit_is_refused(entry: str, digit_of: str) -> None:
    with pytest.raises(CheckDigitWrong, match=f"of the {digit_of} does not fit") as refusal:
        MeterPan.from_entry(entry)

    assert (refusal.value.code, refusal.value.field) == ("check_digit_wrong", "meter_pan")


def test_check_pan_is_intact_finds_damage() -> None:
    check_pan_is_intact("600727000000000009")
    with pytest.raises(CheckDigitWrong):
        check_pan_is_intact("600727000000000019")
    with pytest.raises(MeterNumberInvalid):
        check_pan_is_intact("60072700000000000")
    with pytest.raises(MeterNumberInvalid):
        check_pan_is_intact("60072700000000000x")


def test_supply_group_code_keeps_its_zeros() -> None:
    assert SupplyGroupCode("000123") == "000123"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "12345a", " 12345", "\u0661" * 6, 123456])
def test_supply_group_code_of_wrong_form_is_refused(code: str) -> None:
    with pytest.raises(KeyAttributeInvalid) as refusal:
        SupplyGroupCode(code)

    assert (refusal.value.code, refusal.value.field) == ("key_attribute_invalid", "sgc")


NUMBERS: list[tuple[Callable[[int], int], str, int, int]] = [
    (KeyRevisionNumber, "krn", 1, 9),
    (TariffIndex, "ti", 0, 99),
    (KeyExpiryNumber, "ken", 0, 255),
    (KeyType.of, "kt", 0, 3),
]


@pytest.mark.parametrize(("make", "field", "low", "high"), NUMBERS)
def test_key_number_within_its_range_is_that_number(
    make: Callable[[int], int], field: str, low: int, high: int
) -> None:
    assert [make(number) for number in range(low, high + 1)] == list(range(low, high + 1))


@pytest.mark.parametrize(("make", "field", "low", "high"), NUMBERS)
def test_key_number_outside_its_range_is_refused(make: Callable[[int], int], field: str, low: int, high: int) -> None:
    for wrong in (low - 1, high + 1, True, "1", 1.0, None):
        with pytest.raises(DomainError) as refusal:
            make(wrong)  # type: ignore[arg-type]
        assert (refusal.value.code, refusal.value.field) == ("key_attribute_invalid", field)
        assert str(refusal.value) == f"{field.upper()} is a whole number from {low} to {high}"


def test_key_types_have_the_numbers_of_the_standard() -> None:
    assert [(kind.name, kind.value) for kind in KeyType] == [("DITK", 0), ("DDTK", 1), ("DUTK", 2), ("DCTK", 3)]


@pytest.mark.parametrize(("entry", "code"), [("00000000000", "00"), ("0100000000008", "0100"), ("11111111115", "11")])
def test_manufacturer_code_is_the_front_of_the_drn(entry: str, code: str) -> None:
    made = MeterPan.from_entry(entry).manufacturer_code

    assert made == code
    assert type(made) is ManufacturerCode


@pytest.mark.parametrize("code", ["00", "07", "99", "0000", "0100", "9999"])
def test_manufacturer_code_keeps_its_zeros(code: str) -> None:
    assert ManufacturerCode(code) == code


@pytest.mark.parametrize("code", ["", "1", "123", "12345", "1a", " 12", "\u0661\u0662", 12, None])
def test_manufacturer_code_of_wrong_form_is_refused(code: str) -> None:
    with pytest.raises(MeterNumberInvalid) as refusal:
        ManufacturerCode(code)

    assert (refusal.value.code, refusal.value.field) == ("meter_number_invalid", "manufacturer_code")
