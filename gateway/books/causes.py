"""Every entry of the ledger is booked for a row that exists."""

import re
from collections.abc import Iterator, Mapping

from django.db.models import QuerySet

from gateway.books.rows import batches
from gateway.payments.models import Payment
from gateway.reconciliation.models import StatementLine
from gateway.refunds.models import Refund
from vending.ledger.models import LedgerEntry
from vending.vends.models import Vend

_CAUSE = re.compile(
    r"(?:(payment):([1-9][0-9]{0,17}):(?:suspense|allocated|moved|reversed)"
    r"|(vend):([1-9][0-9]{0,17}):cancelled|(refund):([1-9][0-9]{0,17}):(?:approved|done)"
    r"|(statement_line):([1-9][0-9]{0,17}):charge)"
)


def find_unexplained_entries() -> Iterator[str]:
    """Every entry is booked for a row that exists."""
    for entries in batches(LedgerEntry.objects.all()):
        causes = {entry.pk: _read_cause(entry.cause) for entry in entries}
        known = {
            kind: _known(rows, {name for k, name in causes.values() if k == kind}) for kind, rows in _subjects().items()
        }
        for entry in entries:
            kind, name = causes[entry.pk]
            if name not in known.get(kind, set()):
                yield f"ledger_entry:{entry.pk} ({entry.cause}): no {kind or 'row'} stands behind it"


def _read_cause(cause: str) -> tuple[str, str]:
    """(kind, id) of the row that a cause names; two empty words for no cause of ours."""
    found = _CAUSE.fullmatch(cause)
    words = [word for word in found.groups() if word] if found else ["", ""]
    return words[0], words[1]


def _subjects() -> "Mapping[str, QuerySet]":  # type: ignore[type-arg]
    """The rows that a cause may name; of a statement, what the provider charged is booked and nothing else."""
    return {
        "payment": Payment.objects.all(),
        "vend": Vend.objects.all(),
        "refund": Refund.objects.all(),
        "statement_line": StatementLine.objects.filter(kind="charge"),
    }


def _known(rows: "QuerySet", names: set[str]) -> set[str]:  # type: ignore[type-arg]
    return {str(pk) for pk in rows.filter(pk__in=names).values_list("pk", flat=True)}
