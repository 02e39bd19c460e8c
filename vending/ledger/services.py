"""Booking: entries of lines that sum to nothing, each with the cause that keeps it from being booked twice."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from vending.ledger.errors import EntryUnbalanced
from vending.ledger.models import LedgerEntry, LedgerLine


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

    Raises `EntryUnbalanced`; a cause that is booked already is an `IntegrityError` and undoes the caller's whole act.
    """
    for posting in postings:
        if sum(line.amount_minor for line in posting.lines):
            raise EntryUnbalanced(f"{posting.cause} does not sum to nothing")
    entries = LedgerEntry.objects.bulk_create(
        LedgerEntry(cause=posting.cause, currency=posting.currency, at=now) for posting in postings
    )
    LedgerLine.objects.bulk_create(
        LedgerLine(entry=entry, account=line.account, meter_id=line.meter_id, amount_minor=line.amount_minor)
        for entry, posting in zip(entries, postings, strict=True)
        for line in posting.lines
        if line.amount_minor
    )
