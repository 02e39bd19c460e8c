"""Money as integer minor units: what is read, what is refused, how it is shown."""

from decimal import Decimal

import pytest

from vending.kernel.money import MAX_AMOUNT_MINOR, MoneyError, digits_of, format_energy, format_minor, parse_minor


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        ("5.00", "KES", 500),
        ("5", "KES", 500),
        (5, "KES", 500),
        (Decimal("5.0000"), "KES", 500),
        (Decimal("5E+2"), "KES", 50_000),
        ("0.01", "KES", 1),
        ("-0.01", "KES", -1),
        ("0", "KES", 0),
        ("0.00000000000000000000", "KES", 0),
        ("5.00", "UGX", 5),
        (1500, "UGX", 1500),
        ("10000000000000.00", "KES", MAX_AMOUNT_MINOR),
        (-(10**15), "UGX", -MAX_AMOUNT_MINOR),
    ],
)
def test_parse_reads_an_amount_exactly(value: object, currency: str, minor: int) -> None:
    assert parse_minor(value, currency) == minor


@pytest.mark.parametrize(
    "value",
    [
        True, None, 5.0, b"5", [], "", " 5", "5 ", "5\n", "+5", "5.", ".5", "5,00", "1_000", "5e2", "0x5", "NaN", "inf",
        "--5", "5.0.0", "\u0665", "\uff15", "1" * 21, Decimal("NaN"), Decimal("sNaN"), Decimal("Infinity"),
        Decimal("1E+25"), Decimal("1E-25"), Decimal("1" * 25), 10**400,
    ],
)  # fmt: skip
def test_parse_refuses_what_is_no_amount(value: object) -> None:
    with pytest.raises(MoneyError, match=r"^not an amount$") as refusal:
        parse_minor(value, "KES")
    assert (refusal.value.code, refusal.value.field) == ("amount_invalid", "amount")


@pytest.mark.parametrize(
    ("value", "currency"),
    [("0.001", "KES"), ("5.5", "UGX"), ("10000000000000.01", "KES"), (10**15 + 1, "UGX"), (-(10**15) - 1, "UGX")],
)
def test_parse_refuses_what_the_currency_cannot_hold(value: object, currency: str) -> None:
    with pytest.raises(MoneyError, match=r"^finer than the currency, or out of range$"):
        parse_minor(value, currency)


def test_currency_that_is_unknown_is_refused_and_not_echoed_whole() -> None:
    with pytest.raises(MoneyError, match=r"^unknown currency 'QQQ'$") as refusal:
        digits_of("QQQ" + "x" * 500)
    assert refusal.value.field == "currency"
    assert (digits_of("KES"), digits_of("UGX")) == (2, 0)


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (50_000, "KES", "500"),
        (2048, "KES", "20.48"),
        (2050, "KES", "20.50"),
        (5, "KES", "0.05"),
        (0, "KES", "0"),
        (-150, "KES", "-1.50"),
        (1500, "UGX", "1500"),
        (MAX_AMOUNT_MINOR, "KES", "10000000000000"),
    ],
)
def test_format_leaves_zeros_off_whole_amounts_only(minor: int, currency: str, text: str) -> None:
    assert format_minor(minor, currency) == text


def test_format_grouped_puts_commas() -> None:
    assert format_minor(123_456_750, "KES", grouped=True) == "1,234,567.50"
    assert format_minor(123_456_700, "KES", grouped=True) == "1,234,567"
    assert format_minor(1_234_567, "UGX", grouped=True) == "1,234,567"


@pytest.mark.parametrize(("tenths", "text"), [(64, "6.4"), (0, "0.0"), (5, "0.5"), (18_201_624, "1820162.4")])
def test_format_energy_has_one_digit_after_the_point(tenths: int, text: str) -> None:
    assert format_energy(tenths) == text
