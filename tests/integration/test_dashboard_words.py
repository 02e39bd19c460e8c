"""How the pages say ages, moments, payers and next tries."""

import ast
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path

import pytest

from fleet.approvals import errors as approvals
from fleet.cases import errors as cases
from gateway.dashboard import words
from gateway.dashboard.refusals import refusal_words
from gateway.dashboard.stuck_rows import next_of_payment, next_of_purchase
from gateway.dashboard.words import PageClock
from gateway.desk import errors as desk
from gateway.payments import errors as payments
from gateway.payments.doubts import CASE_DUE, DOUBTS, WRONG_METER
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import MOST_ATTEMPTS
from gateway.refunds import errors as refunds
from gateway.refunds import taken_back
from tests.house_rules.tree import module_name, product_files, short, tree_of
from vending.kernel.errors import DomainError
from vending.tariffs import errors as pricing
from vending.vends import errors as sales
from vending.vends.holding import _NEEDS

NOW = datetime(2026, 3, 14, 21, 30, tzinfo=UTC)
CLOCK = PageClock(now=NOW, zone="Africa/Nairobi")
# What opens a case, and which of its arguments is the reason.
OPENING = {"CaseDraft": 0, "open_case": 0, "open_payment_case": 1}
# Calls that are handed their reason.
HANDED_ON: dict[tuple[str, str], tuple[str, ...]] = {
    ("fleet/cases/services.py", "reason"): (),
    ("gateway/payments/doubts.py", "reason"): (),
    ("gateway/refunds/taken_back.py", "reason"): (
        taken_back.LATE_CASE,
        taken_back.AMOUNT_CASE,
        taken_back.TWICE_CASE,
    ),
    ("vending/vends/holding.py", "reason"): (*_NEEDS, sales.SaleNeedsDecision.code),
}
# Refused elsewhere: at a start, by the flow, to a customer.
NOT_OF_A_FORM = ["meter_blocked", "payment_frozen", "payment_source_invalid", "sale_given_up", "sale_needs_decision"]


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
    ],
)
def test_next_try_of_a_payment_says_what_it_waits_for(
    state: PaymentState, attempts: int, next_in: int | None, leased_for: int | None, said: str
) -> None:
    next_try_at = None if next_in is None else NOW + timedelta(seconds=next_in)
    leased_until = None if leased_for is None else NOW + timedelta(seconds=leased_for)
    assert next_of_payment(CLOCK, state, attempts, next_try_at, leased_until) == said


@pytest.mark.parametrize(
    ("state", "try_in", "queries", "query_in", "said"),
    [
        (PaymentState.EXPECTED, 5, 0, None, "in 5 s"),
        (PaymentState.EXPECTED, None, 0, 30, "waits for the customer's PIN; not asked yet, next question in 30 s"),
        (PaymentState.EXPECTED, None, 1, None, "waits for the customer's PIN; none: asked 1 time"),
        (PaymentState.UNKNOWN, None, 3, 600, "asked 3 times, next question in 10 min 00 s"),
        (PaymentState.UNKNOWN, None, 3, -1, "asked 3 times, next question due"),
        (PaymentState.UNKNOWN, None, 9, None, "none: asked 9 times, waits for late money"),
    ],
)
def test_next_act_of_a_purchase_says_how_often_the_provider_was_asked(
    state: PaymentState, try_in: int | None, queries: int, query_in: int | None, said: str
) -> None:
    next_try_at = None if try_in is None else NOW + timedelta(seconds=try_in)
    next_query_at = None if query_in is None else NOW + timedelta(seconds=query_in)
    assert next_of_purchase(CLOCK, state, next_try_at, None, queries, next_query_at) == said


def test_unknown_code_is_shown_as_it_is() -> None:
    assert words.reason("something_new") == "something_new"


def test_every_reason_of_a_case_in_the_code_has_words() -> None:
    """The reasons are read out of the calls that open cases; where a call is handed its reason, out of its callers."""
    codes = {code for path in product_files() for code in reasons_in(path)}
    assert {"payment_without_meter", "late_reversal", "wrong_meter", "call_me", "sale_needs_decision"} <= codes
    assert sorted(code for code in codes if words.reason(code) == code) == []


def test_every_reason_of_a_freeze_in_the_code_has_words() -> None:
    assert sorted(code for code in {*DOUBTS, *CASE_DUE, WRONG_METER} if words.reason(code) == code) == []


def reasons_in(path: Path) -> Iterator[str]:
    calls = [node for node in ast.walk(tree_of(path)) if isinstance(node, ast.Call) and name_of(node.func) in OPENING]
    for call in calls:
        position = OPENING[name_of(call.func)]
        given = [keyword.value for keyword in call.keywords if keyword.arg == "reason"] or call.args[position:][:1]
        for value in given:
            yield from codes_of(path, name_of(value))


def codes_of(path: Path, name: str) -> list[str]:
    known = getattr(import_module(module_name(path)), name, None)
    if isinstance(known, str):
        return [known]
    assert (short(path), name) in HANDED_ON, f"{short(path)}: where does the reason {name} come from?"
    return list(HANDED_ON[short(path), name])


def name_of(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def test_every_refusal_of_an_operators_form_has_words() -> None:
    refusals = [
        refusal
        for module in (approvals, cases, desk, payments, refunds, pricing, sales)
        for refusal in vars(module).values()
        if isinstance(refusal, type) and issubclass(refusal, DomainError) and refusal.__module__ == module.__name__
    ]
    unsaid = [r.code for r in refusals if refusal_words(r("x")).startswith("It cannot be done.")]
    assert sorted(unsaid) == sorted(NOT_OF_A_FORM)
    assert refusal_words(approvals.ApprovalByMaker("x")) == (
        "Who proposed it cannot decide it. Nothing was changed (approval_by_maker)."
    )
