"""The trial balance of a period, the close of a day, and the checks that read the whole ledger."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import chain, repeat

import pytest
from django.db import DatabaseError, connection, transaction

from fleet.audit.queries import list_entries_of
from fleet.operators.models import Operator
from fleet.sites.services import add_site
from gateway.fulfilment.services import fulfil
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from tests.support.committed import at_once, committed, committed_world
from tests.support.world import ACTOR, NOW, STRANGER, World, add_meter
from vending.kernel.append_only import REFUSAL
from vending.kernel.errors import DomainError
from vending.ledger.accounts import PROVIDER_FEES, REFUNDS, SUSPENSE, WALLET, provider_float
from vending.ledger.days import bounds_of, midnight_of
from vending.ledger.errors import DayBeforeClosed, DayNotOver, TrialBalanceOff
from vending.ledger.models import ClosedDay, LedgerEntry, LedgerLine
from vending.ledger.queries import (
    BalanceRow,
    find_mixed_currencies,
    find_negative_wallets,
    find_open_day_problem,
    is_closed,
    list_balance,
    list_sums,
    list_trial_balance,
)
from vending.ledger.services import Line, Posting, close_day, post

__all__ = ["committed", "committed_world"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
DARAJA = provider_float("daraja")
DAY = date(2026, 11, 20)
STARTS_AT, UNTIL = bounds_of(DAY, "Africa/Nairobi")
HOUR = timedelta(hours=1)


@pytest.fixture
def operator(db: None) -> int:
    return Operator.objects.create_user(username="wanjiku", password="-").pk


def book(cause: str, at: datetime, account: str, amount: int, currency: str = "KES", source: str = DARAJA) -> None:
    lines = (Line(source, amount), Line(account, -amount))
    post(postings=[Posting(cause, currency, lines)], now=at)


def close(operator: int, day: date = DAY, now: datetime = UNTIL) -> ClosedDay:
    until = bounds_of(day, "Africa/Nairobi")[1]
    return close_day(day_date=day, until=until, operator_id=operator, actor=ACTOR, now=now)


def test_day_is_that_of_the_clock_of_the_books() -> None:
    assert bounds_of(DAY, "Africa/Nairobi") == (
        datetime(2026, 11, 19, 21, tzinfo=UTC),
        datetime(2026, 11, 20, 21, tzinfo=UTC),
    )
    assert midnight_of(DAY, "Africa/Abidjan") == datetime(2026, 11, 20, tzinfo=UTC)


def test_trial_balance_says_before_moved_and_after_by_currency_and_account(db: None) -> None:
    book("test:1", STARTS_AT - timedelta(microseconds=1), SUSPENSE, 500)
    book("test:2", STARTS_AT, SUSPENSE, 70)
    book("test:3", UNTIL - timedelta(microseconds=1), REFUNDS, 200, source=SUSPENSE)
    book("test:4", UNTIL, SUSPENSE, 9_999)
    book("test:5", NOW, PROVIDER_FEES, -3, currency="UGX")
    assert list_trial_balance(STARTS_AT, UNTIL) == [
        BalanceRow("KES", DARAJA, 500, 70, 0, 570),
        BalanceRow("KES", REFUNDS, 0, 0, 200, -200),
        BalanceRow("KES", SUSPENSE, -500, 200, 70, -370),
        BalanceRow("UGX", PROVIDER_FEES, 0, 3, 0, 3),
        BalanceRow("UGX", DARAJA, 0, 0, 3, -3),
    ]
    assert list_sums(list_trial_balance(STARTS_AT, UNTIL)) == {"KES": 0, "UGX": 0}


def test_trial_balance_of_empty_books_is_empty(db: None) -> None:
    assert list_trial_balance(STARTS_AT, UNTIL) == []
    assert list_sums([]) == {}


def test_trial_balance_after_sales_sums_to_nothing(world: World) -> None:
    world.sell(20_000)
    world.sell(3)
    rows = {row.account: row for row in list_balance(UNTIL)}
    assert {name: row.closing_minor for name, row in rows.items()} == {
        "float:daraja": 20_003,
        "revenue:energy": -16_200,
        "revenue:fixed_fee": -1_000,
        "tax:vat": -2_592,
        "wallet": -211,
    }


def test_day_is_closed_once_with_its_totals(operator: int) -> None:
    book("test:1", NOW, SUSPENSE, 500)
    first = close(operator)
    again = close(operator, now=UNTIL + HOUR)
    assert (first.pk, first.until, first.closed_at) == (again.pk, UNTIL, again.closed_at)
    assert ClosedDay.objects.get().totals == {"KES float:daraja": 500, "KES suspense": -500}
    (entry,) = list_entries_of([f"closed_day:{first.pk}"])
    assert (entry.act, entry.actor) == ("ledger_day.closed", ACTOR)
    assert entry.details == {"day": "2026-11-20", "until": "2026-11-20T21:00:00+00:00"}


@pytest.mark.parametrize("days", [0, 1, 400])
def test_closed_day_and_every_day_before_take_no_entry(operator: int, days: int) -> None:
    close(operator)
    at = UNTIL - timedelta(days=days, microseconds=1)
    with pytest.raises(DatabaseError, match="the day is closed"), transaction.atomic():
        book("test:1", at, SUSPENSE, 500)
    assert (LedgerEntry.objects.count(), LedgerLine.objects.count()) == (0, 0)
    assert is_closed(at)
    assert not is_closed(UNTIL)
    book("test:1", UNTIL, SUSPENSE, 500)
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("day", "now", "error"),
    [(DAY, UNTIL - timedelta(microseconds=1), DayNotOver), (DAY - timedelta(days=1), UNTIL, DayBeforeClosed)],
)
def test_day_that_cannot_be_closed_is_refused_and_stays_open(
    operator: int, day: date, now: datetime, error: type[DomainError]
) -> None:
    if error is DayBeforeClosed:
        close(operator)
    before = ClosedDay.objects.count()
    with pytest.raises(error):
        close(operator, day, now)
    assert isinstance(find_open_day_problem(until=bounds_of(day, "Africa/Nairobi")[1], now=now), error)
    assert ClosedDay.objects.count() == before


def test_day_of_books_that_do_not_balance_is_not_closed(operator: int) -> None:
    book("test:1", NOW, SUSPENSE, 500)
    LedgerLine.objects.create(entry=LedgerEntry.objects.get(), account=SUSPENSE, amount_minor=7)
    with pytest.raises(TrialBalanceOff, match=r"^the accounts do not sum to nothing: KES 7$"):
        close(operator)
    assert not ClosedDay.objects.exists()


def test_day_after_the_last_closed_one_is_closed_though_days_between_were_not(operator: int) -> None:
    close(operator)
    later = DAY + timedelta(days=3)
    assert find_open_day_problem(until=UNTIL + timedelta(days=3), now=UNTIL + timedelta(days=4)) is None
    assert close(operator, later, UNTIL + timedelta(days=4)).day_date == later
    assert is_closed(UNTIL + timedelta(days=2))


@pytest.mark.parametrize("change", [{"totals": {}}, {"until": NOW}, {"closed_at": NOW - HOUR}, None])
def test_closed_day_is_kept_by_the_database_as_it_was_written(operator: int, change: dict[str, object] | None) -> None:
    close(operator)
    days = ClosedDay.objects.all()
    before = list(days.values())
    with pytest.raises(DatabaseError, match=REFUSAL), transaction.atomic():
        days._raw_delete(days.db) if change is None else days.update(**change)
    assert list(days.values()) == before


def test_entry_in_another_currency_than_its_meter_is_found(world: World) -> None:
    site = add_site(code="ug", name="Uganda", currency="UGX", timezone="Africa/Kampala", actor=ACTOR, now=NOW)
    abroad = add_meter(site, "3700020046", "Otieno", STRANGER)
    at_home = Line(WALLET, -5, world.meter.pk)
    post(postings=[Posting("test:1", "KES", (Line(DARAJA, 5), at_home))], now=NOW)
    assert list(find_mixed_currencies()) == []
    lines = (Line(DARAJA, 10), at_home, Line(WALLET, -5, abroad.pk))
    post(postings=[Posting("test:2", "KES", lines)], now=NOW)
    entry = LedgerEntry.objects.get(cause="test:2")
    said = f"ledger_entry:{entry.pk} (test:2): is in KES, but meter:{abroad.pk} takes UGX"
    assert list(find_mixed_currencies()) == [said]


def test_wallet_that_owes_us_is_found(world: World) -> None:
    post(postings=[Posting("test:1", "KES", (Line(DARAJA, -5), Line(WALLET, 5, world.meter.pk)))], now=NOW)
    assert list(find_negative_wallets()) == [f"meter:{world.meter.pk}: its wallet holds -5"]


@pytest.mark.django_db(transaction=True)
def test_day_closed_while_sales_go_on_has_every_entry_in_its_totals_or_refuses_it(committed_world: World) -> None:
    operator = Operator.objects.create_user(username="wanjiku", password="-").pk

    @transaction.atomic
    def work(number: int) -> None:
        book(f"test:{number}", UNTIL - timedelta(seconds=1), SUSPENSE, 1)

    acts: list[Callable[[], object]] = [partial(work, number) for number in range(4)]
    results = at_once([*acts[:2], lambda: close(operator), *acts[2:]])
    refused = [result for result in results if isinstance(result, DatabaseError)]
    booked = LedgerEntry.objects.filter(at__lt=UNTIL).count()
    assert booked + len(refused) == 4
    assert ClosedDay.objects.get().totals.get("KES suspense", 0) == -booked


def test_sale_at_a_moment_that_was_closed_meanwhile_is_booked_in_the_next_day(world: World, operator: int) -> None:
    """Its clock was read before midnight, its lock came after: refused as a batch, each is tried again by the clock."""
    for _ in range(2):
        world.confirm()
    close(operator)
    moments = chain([UNTIL - timedelta(seconds=1)] * 2, repeat(UNTIL + timedelta(seconds=1)))
    tools = replace(world.tools(), clock=lambda: next(moments))
    assert fulfil(payment_ids=None, tools=tools).rows == 2
    assert set(LedgerEntry.objects.values_list("cause", "at")) == {
        (f"payment:{payment_id}:allocated", UNTIL + timedelta(seconds=1))
        for payment_id in Payment.objects.values_list("pk", flat=True)
    }
    assert Payment.objects.filter(state=PaymentState.ALLOCATED).count() == 2


def test_lock_of_the_books_is_in_every_close(operator: int) -> None:
    """Without it, an entry that commits between the sum and the commit of the close would be in no total."""
    with transaction.atomic(), connection.cursor() as cursor:
        close(operator)
        if connection.vendor == "postgresql":
            cursor.execute(
                "SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() "
                "AND relation = 'vending_ledgerentry'::regclass AND mode = 'ShareRowExclusiveLock'"
            )
            assert cursor.fetchall() == [("ShareRowExclusiveLock",)]
        else:
            assert connection.in_atomic_block
