"""Booking: entries of lines that sum to nothing, each with the cause that keeps it from being booked twice; and the
close of a day, after which nothing is booked into it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import transaction

from fleet.audit.services import Act, record
from vending.kernel.money import digits_of
from vending.ledger.accounts import OF_ONE_METER
from vending.ledger.errors import EntryMalformed, EntryUnbalanced
from vending.ledger.locks import lock_entries
from vending.ledger.models import ClosedDay, LedgerEntry, LedgerLine
from vending.ledger.queries import find_open_day_problem, list_balance


@dataclass(frozen=True)
class Line:
    account: str
    amount_minor: int
    meter_id: int | None = None


@dataclass(frozen=True)
class Posting:
    """One cause and its lines in one currency. Lines of nothing are left out."""

    cause: str
    currency: str
    lines: tuple[Line, ...]


def post(*, postings: Sequence[Posting], now: datetime) -> None:
    """Book all of them in the caller's transaction; the act that caused them is audited by the caller.

    Raises `EntryUnbalanced`, `EntryMalformed` (no line with money, or a wallet of no meter) and `MoneyError` (an
    unknown currency) before anything is written; a cause that is booked already is an `IntegrityError`, and a day that
    is closed a `DatabaseError`: both undo the caller's whole act.
    """
    for posting in postings:
        _check(posting)
    entries = LedgerEntry.objects.bulk_create(
        LedgerEntry(cause=posting.cause, currency=posting.currency, at=now) for posting in postings
    )
    LedgerLine.objects.bulk_create(
        LedgerLine(entry=entry, account=line.account, meter_id=line.meter_id, amount_minor=line.amount_minor)
        for entry, posting in zip(entries, postings, strict=True)
        for line in posting.lines
        if line.amount_minor
    )


def _check(posting: Posting) -> None:
    digits_of(posting.currency)
    if sum(line.amount_minor for line in posting.lines):
        raise EntryUnbalanced(f"{posting.cause} does not sum to nothing")
    if not any(line.amount_minor for line in posting.lines):
        raise EntryMalformed(f"{posting.cause} moves no money")
    if any(line.meter_id is None and line.account in OF_ONE_METER for line in posting.lines if line.amount_minor):
        raise EntryMalformed(f"{posting.cause} has a line on the account of no meter")


@transaction.atomic
def close_day(*, day_date: date, until: datetime, operator_id: int, actor: str, now: datetime) -> ClosedDay:
    """Close the books of a day, whose first moment after is `until`: nothing is booked into it, or before, any more.

    Idempotent by day. Raises what `find_open_day_problem` returns: `DayNotOver`, `DayBeforeClosed`, `TrialBalanceOff`.
    Days before it that were never closed are closed with it. Whoever books at this moment is waited for, and waits.
    """
    lock_entries()
    if closed := ClosedDay.objects.filter(day_date=day_date).first():
        return closed
    balance = list_balance(until)
    if problem := find_open_day_problem(until=until, now=now, balance=balance):
        raise problem
    totals = {f"{row.currency} {row.account}": row.closing_minor for row in balance}
    day = ClosedDay.objects.create(
        day_date=day_date, until=until, totals=totals, closed_by_id=operator_id, closed_at=now
    )
    details = {"day": day_date.isoformat(), "until": until.astimezone(UTC).isoformat()}
    record(actor=actor, acts=[Act("ledger_day.closed", f"closed_day:{day.pk}", details)], now=now)
    return day
