"""Rows changed as somebody who owns the database could change them: by SQL, without the triggers that keep a table.

Only inside of a test's transaction: its end brings rows and triggers back.
"""

import io
import re
from collections.abc import Mapping
from typing import NamedTuple

from django.core.management import call_command
from django.db import connection, transaction

from vending.kernel.append_only import drop_sql

APPEND_ONLY = (
    "fleet_approval",
    "fleet_auditentry",
    "fleet_auditseal",
    "gateway_callback",
    "vending_authority",
    "vending_closedday",
    "vending_ledgerentry",
    "vending_ledgerline",
    "vending_tariff",
    "vending_token",
)


def run_sql(*statements: str) -> int:
    """Run these; returns how many rows the last one touched."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return int(cursor.rowcount)


def drop_triggers(*tables: str) -> None:
    if connection.vendor == "postgresql":
        # A table with checks that wait for the end of the transaction cannot be changed.
        run_sql("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED")
    run_sql(*(statement for table in tables or APPEND_ONLY for statement in drop_sql(connection.vendor, table)))


class Change(NamedTuple):
    """Statements that change one thing, and the rows that have to be named for it."""

    statements: tuple[str, ...]
    rows: tuple[str, ...]


def update(table: str, row: str, changes: str, *named: str) -> Change:
    return Change((f"UPDATE {table} SET {changes} WHERE id = {{{row}}}",), named)  # noqa: S608 -- all of it is ours


def remove(table: str, row: str, *named: str) -> Change:
    return Change((f"DELETE FROM {table} WHERE id = {{{row}}}",), named)  # noqa: S608 -- all of it is ours


def verify() -> tuple[int, list[str]]:
    """Exit status and lines of `verify_books`."""
    out, status = io.StringIO(), 0
    try:
        call_command("verify_books", stdout=out)
    except SystemExit as end:
        status = int(str(end.code))
    return status, out.getvalue().splitlines()


def list_unsaid(changes: Mapping[str, Change], books: Mapping[str, int]) -> dict[str, list[str]]:
    """The rows that `verify_books` should name for each of these changes by itself, and does not, by the change's name.
    `books` are the ids that statements and rows use.
    """
    drop_triggers()
    found = {name: _list_unsaid(change, books) for name, change in changes.items()}
    return {name: unsaid for name, unsaid in found.items() if unsaid}


def _list_unsaid(change: Change, books: Mapping[str, int]) -> list[str]:
    with transaction.atomic():
        assert run_sql(*(statement.format(**books) for statement in change.statements)) >= 1, change
        status, (*differences, last) = verify()
        transaction.set_rollback(True)
    assert change.rows, change
    assert (status, last) == (1 if differences else 0, f"differences: {len(differences)}")
    rows = (row.format(**books) for row in change.rows)
    return [row for row in rows if not any(re.search(rf"(?<!\w){row}(?!\d)", line) for line in differences)]
