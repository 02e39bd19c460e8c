"""How the API writes values, and what it hides of them."""

from datetime import datetime, timedelta, timezone

import pytest

from gateway.api import texts


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (20_000, "KES", "200.00"),
        (1, "KES", "0.01"),
        (-150, "KES", "-1.50"),
        (500, "UGX", "500"),
        (10**15, "KES", "1" + "0" * 13 + ".00"),
    ],
)
def test_amount_has_all_digits_of_its_currency(minor: int, currency: str, text: str) -> None:
    assert texts.amount(minor, currency) == text


def test_moment_is_utc_to_the_second() -> None:
    at = datetime(2026, 11, 20, 12, 0, 5, 999, tzinfo=timezone(timedelta(hours=3)))
    assert texts.moment(at) == "2026-11-20T09:00:05Z"
    assert texts.moment(None) is None


@pytest.mark.parametrize(
    ("e164", "masked", "sha256", "text"),
    [
        ("+254711000101", "", "a" * 64, "..101"),
        ("", "2547 ***** 126", "", "..126"),
        ("", "", "a" * 64, "hidden"),
        ("", "", "", ""),
    ],
)
def test_payer_shows_three_digits_at_most(e164: str, masked: str, sha256: str, text: str) -> None:
    assert texts.payer(e164, masked, sha256) == text


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("37000123457", "37000123457"),
        ("meter 37000-123457 please", "meter 37000-123457 please"),
        ("0711000101", "..101"),
        ("+254 711 000 101", "..101"),
        ("0711 000-101", "..101"),
        ("0711.000.101", "..101"),
        ("(0711) 000/101", "..101"),
        ("12345.67890.12345.67890", "..890"),
        ("254711000101 37000123457", "***457"),
        ("1234 5678 9012 3456 7890", "***"),
        ("12345678901234567890", "***"),
        ("invoice008", "invoice008"),
        ("", ""),
    ],
)
def test_account_hides_phones_and_codes(typed: str, shown: str) -> None:
    assert texts.account(typed) == shown
