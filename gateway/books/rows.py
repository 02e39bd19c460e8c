"""Reading for the checks: rows as a stream, what is booked for a cause, what the audit trail keeps of a row."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from django.db.models import F, Model, QuerySet, Sum

from fleet.audit.models import AuditEntry
from vending.ledger.models import LedgerEntry, LedgerLine

_BATCH = 500
Row = TypeVar("Row", bound=Model)
# What is booked, by account and meter.
Lines = dict[tuple[str, int | None], int]


class Entry(NamedTuple):
    """A ledger entry. Equal to another one if it says the same of the money."""

    id: int
    currency: str
    lines: Lines

    def __str__(self) -> str:
        return ", ".join(f"{_place(*place)} {amount}" for place, amount in sorted(self.lines.items(), key=str))


def batches(rows: QuerySet[Row]) -> Iterator[list[Row]]:
    """The rows in order of id, a batch at a time, by key and not by offset."""
    last = 0
    while batch := list(rows.filter(pk__gt=last).order_by("pk")[:_BATCH]):
        yield batch
        last = batch[-1].pk


def list_booked(causes: Sequence[str]) -> dict[str, Entry]:
    """The entries of those of these causes that are booked, their lines summed by account and meter."""
    entries = LedgerEntry.objects.filter(cause__in=causes).values_list("cause", "pk", "currency")
    booked = {cause: Entry(pk, currency, {}) for cause, pk, currency in entries}
    lines = LedgerLine.objects.filter(entry__cause__in=causes).values("account", "meter_id", cause=F("entry__cause"))
    for row in lines.annotate(total=Sum("amount_minor")).order_by():
        booked[row["cause"]].lines[row["account"], row["meter_id"]] = row["total"]
    return booked


class LastAct(NamedTuple):
    """What the audit trail says last of a row."""

    act: str
    actor: str
    details: Mapping[str, object]


def list_acts(acts: Collection[str], subjects: Sequence[str]) -> dict[str, LastAct]:
    """The last of these acts on each of these rows that has one, by its name ("payment:7")."""
    entries = AuditEntry.objects.filter(act__in=acts, subject__in=subjects).order_by("pk")
    return {
        entry.subject: LastAct(entry.act, entry.actor, entry.details if isinstance(entry.details, dict) else {})
        for entry in entries
    }


def list_details(act: str, name: str, subjects: Sequence[str]) -> dict[str, object]:
    """One detail of the last such act on each of these rows that has it."""
    entries = AuditEntry.objects.filter(act=act, subject__in=subjects).order_by("pk")
    return {
        entry.subject: entry.details[name]
        for entry in entries
        if isinstance(entry.details, dict) and name in entry.details
    }


def _place(account: str, meter_id: int | None) -> str:
    return f"{account} of meter:{meter_id}" if meter_id else account
