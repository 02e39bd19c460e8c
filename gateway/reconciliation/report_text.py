"""The report of a period as text for a terminal and as CSV for a spreadsheet.

Accounts are what payers typed: in CSV no cell may be taken for a formula, and on a terminal nothing may steer it.
"""

import csv
import re
from collections.abc import Iterator
from typing import TextIO

from gateway.http.phones import mask
from gateway.reconciliation.queries import Report, ReportRow
from vending.kernel.money import format_minor

# As a payer writes the own phone into the account; a meter number has eleven digits or thirteen, and no plus.
_PHONE = re.compile(r"\+[0-9][0-9 -]{7,16}[0-9]|(?<![0-9])(?:[0-9]{12}|0[0-9]{9})(?![0-9])")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
COLUMNS = (
    "list",
    "receipt",
    "at",
    "listed_amount",
    "our_amount",
    "currency",
    "account",
    "payer",
    "payment",
    "state",
)


def list_cells(report: Report) -> Iterator[list[str]]:
    """The rows of the lists that somebody may have to look at, each with the name of its list."""
    lists = {
        "created": report.created,
        "missing": report.missing,
        "differs": report.differs,
        "unclear": report.unclear,
    }
    for name, rows in lists.items():
        for row in rows:
            yield [name, *_cells(row)]


def _cells(row: ReportRow) -> list[str]:
    ours = "" if row.our_minor is None else format_minor(row.our_minor, row.currency)
    return [
        row.receipt,
        f"{row.at:%Y-%m-%dT%H:%M:%SZ}",
        "" if row.amount_minor is None else format_minor(row.amount_minor, row.currency),
        ours,
        row.currency,
        masked_account(row.account_text),
        row.payer_masked,
        "" if row.payment_id is None else f"payment:{row.payment_id}",
        row.state,
    ]


def masked_account(text: str) -> str:
    """What the payer typed, with a phone in it cut to its last digits: many type their own."""
    return _PHONE.sub(lambda found: f"phone {mask(found[0])}", text)


def list_lines(report: Report) -> Iterator[str]:
    """One line a row for a terminal."""
    for cells in list_cells(report):
        yield "  ".join(printable(cell) for cell in cells if cell)


def printable(text: str) -> str:
    """Without what would steer a terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)


def write_csv(report: Report, file: TextIO) -> None:
    """The same rows as CSV. A cell that a spreadsheet would compute gets an apostrophe in front."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    for cells in list_cells(report):
        writer.writerow([safe_cell(cell) for cell in cells])


def safe_cell(text: str) -> str:
    """The text as a spreadsheet shows it, never as it computes it."""
    shown = printable(text)
    return f"'{shown}" if shown.startswith(_FORMULA_STARTS) or text.startswith(_FORMULA_STARTS) else shown
