"""How the pages say ages, moments, payers and next tries."""

from datetime import UTC, datetime, timedelta

import pytest

from gateway.dashboard import words
from gateway.dashboard.stuck import next_of_payment
from gateway.dashboard.words import PageClock
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import MOST_ATTEMPTS

NOW = datetime(2026, 3, 14, 21, 30, tzinfo=UTC)
CLOCK = PageClock(now=NOW, zone="Africa/Nairobi")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 0 h"),
        (360_000, "4 d 4 h"),
    ],
)
def test_age_is_said_in_the_two_units_that_matter(seconds: int, said: str) -> None:
    assert words.age_words(seconds) == said


def test_age_of_what_comes_from_a_clock_ahead_of_ours_is_nothing() -> None:
    assert CLOCK.age(NOW + timedelta(seconds=3)) == "0 s"


def test_midnight_is_the_sites_and_not_the_servers() -> None:
    assert CLOCK.midnight().astimezone(UTC) == datetime(2026, 3, 14, 21, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "zone", "said"),
    [
        (NOW, "", "00:30:00"),
        (NOW - timedelta(hours=1), "", "14 Mar 23:30:00"),
        (NOW - timedelta(days=100), "", "05 Dec 2025 00:30:00"),
        (NOW, "Africa/Nairobi", "00:30:00"),
        (NOW, "Africa/Lusaka", "23:30:00 CAT"),
    ],
)
def test_moment_names_the_day_and_the_zone_only_where_needed(at: datetime, zone: str, said: str) -> None:
    assert CLOCK.moment(at, zone).words == said


@pytest.mark.parametrize(
    ("e164", "masked", "sha256", "said"),
    [
        ("+254711000101", "", "ab", "..101"),
        ("", "2547 ***** 126", "", "..126"),
        ("", "", "ab", "hidden number"),
        ("", "", "", ""),
    ],
)
def test_payer_is_said_as_far_as_a_page_may(e164: str, masked: str, sha256: str, said: str) -> None:
    assert words.payer(e164, masked, sha256) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("37000123457", "37000123457"),
        ("3601000000424", "3601000000424"),
        ("0711000101", "phone ..101"),
        ("254711000101", "phone ..101"),
        ("256772123456", "phone ..456"),
        ("+254 711 000 101", "phone ..101"),
        ("house 7", "house 7"),
    ],
)
def test_account_text_keeps_meter_numbers_and_masks_phones(text: str, said: str) -> None:
    assert words.account(text) == said


@pytest.mark.parametrize(
    ("state", "attempts", "next_in", "leased_for", "said"),
    [
        (PaymentState.CONFIRMED, 0, -7, None, "due for 7 s, waits for a worker"),
        (PaymentState.CONFIRMED, 0, -7, 4, "being worked on"),
        (PaymentState.CONFIRMED, 1, 5, None, "in 5 s"),
        (PaymentState.CONFIRMED, MOST_ATTEMPTS, -7, None, f"none: given up after {MOST_ATTEMPTS} tries"),
        (PaymentState.SUSPENSE, 0, None, None, "none: a person must act"),
        (PaymentState.EXPECTED, 1, None, None, "waits for the customer's PIN"),
        (PaymentState.UNKNOWN, 1, None, None, "none: waits for late money"),
    ],
)
def test_next_try_of_a_payment_says_what_it_waits_for(
    state: PaymentState, attempts: int, next_in: int | None, leased_for: int | None, said: str
) -> None:
    next_try_at = None if next_in is None else NOW + timedelta(seconds=next_in)
    leased_until = None if leased_for is None else NOW + timedelta(seconds=leased_for)
    assert next_of_payment(CLOCK, state, attempts, next_try_at, leased_until) == said


def test_unknown_code_of_a_held_sale_is_shown_as_it_is() -> None:
    assert words.held_reason("something_new") == "something_new"
