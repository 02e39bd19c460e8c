"""The close of a day: refused while anything is unexplained, and then frozen."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from fleet.cases.services import close_cases, open_case
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.payments.models import Payment
from gateway.reconciliation.closing import bounds_of, close_day, find_day_problem
from gateway.reconciliation.errors import DayNotCovered, DayUnbalanced, DayUnexplained, EarlierDayOpen
from gateway.reconciliation.models import Statement
from gateway.reconciliation.services import import_statement
from tests.support.rows import rows_of
from tests.support.statements import Listed, export
from tests.support.world import ACTOR, SHORT_CODE, World
from vending.ledger.accounts import SUSPENSE, provider_float
from vending.ledger.errors import DayBeforeClosed, DayNotOver
from vending.ledger.models import ClosedDay, LedgerEntry, LedgerLine
from vending.ledger.services import Line, Posting, post

pytestmark = pytest.mark.money_path
DAY = date(2026, 11, 20)
DAY_PERIOD = ("2026-11-20 00:00:00", "2026-11-20 23:59:59")
AFTER = datetime(2026, 11, 20, 21, 30, tzinfo=UTC)  # half past midnight in Nairobi


@pytest.fixture
def sold(world: World, settings: Settings) -> Payment:
    settings.MPESA_SHORT_CODE = SHORT_CODE
    return world.sell()


@pytest.fixture
def operator(db: None, settings: Settings) -> Operator:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return set_operator(username="amina", password="amina-password-1", actor=ACTOR, now=AFTER)


def take(*payments: Payment, period: tuple[str, str] = DAY_PERIOD, lines: tuple[Listed, ...] = ()) -> None:
    known = [
        Listed(payment.receipt or "", payment.confirmed_at or AFTER, f"{payment.amount_minor / 100:.2f}", account="x")
        for payment in payments
    ]
    import_statement(
        provider="daraja",
        file_name="day.csv",
        content=export([*known, *lines], period=period),
        mapping="org-portal",
        operator_id=None,
        is_sure=True,
        actor=ACTOR,
        now=AFTER,
    )


def close(operator: Operator, day_date: date = DAY, now: datetime = AFTER) -> ClosedDay:
    return close_day(day_date=day_date, operator_id=operator.pk, actor=f"operator:{operator.pk}", now=now)


def test_day_begins_and_ends_by_the_clock_of_the_books() -> None:
    assert bounds_of(DAY) == (datetime(2026, 11, 19, 21, tzinfo=UTC), datetime(2026, 11, 20, 21, tzinfo=UTC))


def test_explained_day_is_closed_once_and_nothing_is_booked_into_it(
    world: World, sold: Payment, operator: Operator
) -> None:
    take(sold)

    closed = close(operator)
    before = rows_of(ClosedDay, AuditEntry)

    assert (closed.day_date, closed.until, closed.closed_by_id) == (DAY, bounds_of(DAY)[1], operator.pk)
    assert close(operator).pk == closed.pk
    assert rows_of(ClosedDay, AuditEntry) == before
    with pytest.raises(DatabaseError), transaction.atomic():
        post(postings=[Posting("late", "KES", (Line(SUSPENSE, -1), Line("float:daraja", 1)))], now=world.now)


def test_day_that_is_not_over_is_refused(sold: Payment, operator: Operator) -> None:
    with pytest.raises(DayNotOver):
        close(operator, now=bounds_of(DAY)[1] - timedelta(seconds=1))

    assert ClosedDay.objects.count() == 0


@pytest.mark.parametrize(
    ("periods", "until"),
    [
        ([], "00:00"),
        ([("2026-11-20 00:00:00", "2026-11-20 11:59:59")], "12:00"),
        ([("2026-11-20 00:00:00", "2026-11-20 11:59:59"), ("2026-11-20 13:00:00", "2026-11-20 23:59:59")], "12:00"),
        ([("2026-11-20 06:00:00", "2026-11-20 23:59:59")], "00:00"),
    ],
)
def test_day_that_no_statement_covers_is_refused_with_the_hour(
    sold: Payment, operator: Operator, periods: list[tuple[str, str]], until: str
) -> None:
    for period in periods:
        take(sold, period=period)

    with pytest.raises(DayNotCovered, match=rf"daraja speaks for the day from {until} on$"):
        close(operator)


def test_statements_that_join_cover_the_day(sold: Payment, operator: Operator) -> None:
    take(sold, period=("2026-11-19 00:00:00", "2026-11-20 14:00:00"))
    take(sold, period=("2026-11-20 13:00:00", "2026-11-21 00:00:00"))

    assert close(operator).day_date == DAY


def test_statement_that_is_not_finished_does_not_cover(sold: Payment, operator: Operator) -> None:
    take(sold)
    Statement.objects.update(finished_at=None)

    with pytest.raises(DayNotCovered):
        close(operator)


def test_day_without_payments_needs_no_statement(world: World, operator: Operator) -> None:
    assert close(operator).day_date == DAY


def test_missing_payment_keeps_the_day_open_until_a_person_explained_it(
    world: World, sold: Payment, operator: Operator
) -> None:
    missing = world.sell()
    take(sold)

    with pytest.raises(DayUnexplained, match=f"work these first: payment:{missing.pk}$"):
        close(operator)
    subject = f"payment:{missing.pk}"
    close_cases(subject=subject, outcome="forged, the police has it", actor=ACTOR, now=AFTER)
    assert close(operator).day_date == DAY


def test_payment_of_the_last_minutes_that_no_statement_has_yet_keeps_the_day_open(
    world: World, sold: Payment, operator: Operator
) -> None:
    world.now = bounds_of(DAY)[1] - timedelta(minutes=2)
    late = world.sell()
    take(sold)

    assert Case.objects.count() == 0
    with pytest.raises(DayUnexplained, match=f"payment:{late.pk}$"):
        close(operator)


def test_open_cases_about_money_of_the_day_keep_it_open_and_of_another_day_do_not(
    world: World, sold: Payment, operator: Operator
) -> None:
    purchase = world.purchase()
    take(sold)
    facts = {"details": {}, "due_at": AFTER, "actor": ACTOR, "now": AFTER}
    open_case(reason="paid_without_receipt", subject=f"payment:{purchase.pk}", **facts)  # type: ignore[arg-type]

    assert isinstance(find_day_problem(DAY, AFTER), DayUnexplained)
    Payment.objects.filter(pk=purchase.pk).update(started_at=AFTER)
    assert find_day_problem(DAY, AFTER) is None


@pytest.mark.parametrize("change", [{"reason": "Interest Paid"}, {"paid_in": "lots"}, {"receipt": ""}])
def test_rows_that_may_be_money_and_are_not_taken_keep_the_day_open(
    sold: Payment, operator: Operator, change: dict[str, str]
) -> None:
    line = Listed("SKJODD0001", AFTER - timedelta(hours=9), "7.00")
    take(sold, lines=(replace(line, **change),))  # type: ignore[arg-type]

    with pytest.raises(DayUnexplained, match=f"statement:{Statement.objects.get().pk}$"):
        close(operator)


def test_many_unexplained_payments_are_named_in_part(world: World, sold: Payment, operator: Operator) -> None:
    for _ in range(6):
        world.sell()
    take()

    with pytest.raises(DayUnexplained, match=r"(payment:\d+, ){4}payment:\d+ and 2 more$"):
        close(operator)


def test_earlier_day_with_entries_is_closed_first(world: World, sold: Payment, operator: Operator) -> None:
    next_day = AFTER + timedelta(days=1)

    with pytest.raises(EarlierDayOpen, match="2026-11-20 has entries"):
        close(operator, DAY + timedelta(days=1), next_day)
    take(sold)
    close(operator)
    assert close(operator, DAY + timedelta(days=1), next_day).day_date == date(2026, 11, 21)


def test_day_before_a_closed_one_is_refused(world: World, operator: Operator) -> None:
    close(operator)

    with pytest.raises(DayBeforeClosed):
        close(operator, DAY - timedelta(days=1))


def test_unbalanced_entry_keeps_the_day_open(sold: Payment, operator: Operator) -> None:
    take(sold)
    entry = LedgerEntry.objects.create(cause="broken", currency="KES", at=AFTER)
    LedgerLine.objects.create(entry=entry, account=provider_float("daraja"), amount_minor=1)

    with pytest.raises(DayUnbalanced):
        close(operator)
    assert ClosedDay.objects.count() == 0
