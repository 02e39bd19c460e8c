"""`manage.py trial_balance`: what every account held before and after a day of the books, and what moved. Exit 1
unless each currency sums to nothing.
"""

import csv
from collections.abc import Sequence
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from gateway.clock import now
from gateway.management.one_line import OneLineCommand
from vending.kernel.money import format_minor
from vending.ledger.days import bounds_of
from vending.ledger.queries import BalanceRow, list_sums, list_trial_balance

_COLUMNS = ("currency", "account", "opening", "debit", "credit", "closing")


class Command(OneLineCommand):
    help = "The trial balance of a day, by currency and account: debits are positive, credits negative."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--date", help="YYYY-MM-DD by the clock of the books (default: today)")
        parser.add_argument("--csv", action="store_true", help="comma-separated, for a spreadsheet")

    def handle(self, *args: Any, **options: Any) -> None:
        day = _day(options["date"])
        rows = list_trial_balance(*bounds_of(day, settings.BOOKS_TIMEZONE))
        sums = list_sums(rows)
        if options["csv"]:
            self._write_csv(rows)
        else:
            self._write_text(day, rows, sums)
        off = [f"{currency} {format_minor(total, currency)}" for currency, total in sums.items() if total]
        if off:
            raise CommandError(f"the accounts do not sum to nothing: {', '.join(off)}")

    def _write_csv(self, rows: Sequence[BalanceRow]) -> None:
        writer = csv.writer(self.stdout, lineterminator="\n")
        writer.writerow(_COLUMNS)
        writer.writerows(_cells(row) for row in rows)

    def _write_text(self, day: date, rows: Sequence[BalanceRow], sums: dict[str, int]) -> None:
        self.stdout.write(f"trial balance of {day} ({settings.BOOKS_TIMEZONE})")
        lines = [_COLUMNS, *map(_cells, rows)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(_COLUMNS))]
        for line in lines:
            words = [word.ljust(width) for word, width in zip(line[:2], widths[:2], strict=True)]
            figures = [figure.rjust(width) for figure, width in zip(line[2:], widths[2:], strict=True)]
            self.stdout.write("  ".join(words + figures))
        for currency, total in sums.items():
            self.stdout.write(f"{currency} sums to {format_minor(total, currency)}")


def _day(text: str | None) -> date:
    if text is None:
        return now().astimezone(ZoneInfo(settings.BOOKS_TIMEZONE)).date()
    try:
        day = date.fromisoformat(text)
        bounds_of(day, settings.BOOKS_TIMEZONE)
    except (ValueError, OverflowError):
        raise CommandError("--date is a day: YYYY-MM-DD") from None
    return day


def _cells(row: BalanceRow) -> tuple[str, ...]:
    amounts = (row.opening_minor, row.debit_minor, row.credit_minor, row.closing_minor)
    return (row.currency, row.account, *(format_minor(amount, row.currency) for amount in amounts))
