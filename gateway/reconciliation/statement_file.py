"""A provider's file as it was exported, read into lines. Pure: octets and a layout in, values out.

Files come from spreadsheets, browsers and mail: with and without a byte order mark, in three encodings, with three
separators, and with a block of facts above the columns. Nothing but a coded refusal leaves this module, whatever the
octets; sizes are bounded before anything is built from them.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from gateway.reconciliation.errors import (
    StatementColumnsMissing,
    StatementEmpty,
    StatementTooLong,
    StatementUnreadable,
)
from gateway.reconciliation.mappings import Layout, name_of
from gateway.reconciliation.statement_rows import BadRow, RowReader, StatementRow, read_moment

MOST_OCTETS = 20 * 1024 * 1024
MOST_ROWS = 200_000
_LONGEST_RECORD = 50_000
_ROWS_ABOVE_COLUMNS = 60
_SEPARATORS = ",;\t|"
_DATE = re.compile(r"\d{1,4}[-/]\d{1,2}[-/]\d{1,4}(?:[ T]+\d{1,2}:\d{2}(?::\d{2})?)?", re.ASCII)
_SHORT_CODE = re.compile(r"\d{3,20}", re.ASCII)
_WITH_MARK = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))


@dataclass(frozen=True)
class StatementFile:
    """`ends_at` is the first moment after the period. `skipped` counts rows that are not final or move nothing."""

    short_code: str
    starts_at: datetime | None
    ends_at: datetime | None
    rows: tuple[StatementRow, ...]
    bad_rows: tuple[BadRow, ...]
    skipped: int


class _Table(NamedTuple):
    above: list[list[str]]
    titles: list[str]
    columns: dict[str, int]
    records: Iterator[list[str]]


def read_statement(content: bytes, *, layout: Layout, currency: str, region: str) -> StatementFile:
    """The lines of a file. Raises `StatementEmpty`, `StatementTooLong`, `StatementUnreadable` or
    `StatementColumnsMissing`; a row that cannot be read is listed, and the others are taken.

    Two rows of one receipt and kind are one line if they say the same; else the second is a bad row.
    """
    table = _find_table(_text_of(content), layout)
    titles = {part: table.titles[column] for part, column in table.columns.items()}
    reader = RowReader(layout, table.columns, titles, currency, region)
    rows: dict[tuple[str, str], StatementRow] = {}
    bad_rows: list[BadRow] = []
    skipped = 0
    for number, record in enumerate(table.records, start=len(table.above) + 2):
        if number > MOST_ROWS:
            raise StatementTooLong(f"more than {MOST_ROWS} rows: export a shorter period")
        line = reader.read(number, record)
        if line is None:
            skipped += any(record)
        elif isinstance(line, BadRow):
            bad_rows.append(line)
        elif _said(known := rows.setdefault((line.receipt, line.kind), line)) != _said(line):
            bad_rows.append(BadRow(number, titles["receipt"], f"differs from row {known.number} of the same receipt"))
    starts_at, ends_at = _period(table.above, layout)
    return StatementFile(
        _short_code(table.above, layout), starts_at, ends_at, tuple(rows.values()), tuple(bad_rows), skipped
    )


def _said(line: StatementRow) -> tuple[int, str]:
    return line.amount_minor, line.payment_receipt


def _text_of(content: bytes) -> str:
    if len(content) > MOST_OCTETS:
        raise StatementTooLong(f"more than {MOST_OCTETS // 1024 // 1024} MiB: export a shorter period")
    if not content.strip(b" \t\r\n\0"):
        raise StatementEmpty("the file is empty")
    for encoding in _encodings(content):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise StatementUnreadable("the file is not text: export it as CSV")


def _encodings(content: bytes) -> tuple[str, ...]:
    for mark, encoding in _WITH_MARK:
        if content.startswith(mark):
            return (encoding,)
    start = content[:400]
    if start[1::2].count(0) > len(start) // 4:
        return ("utf-16-le",)
    if start[0::2].count(0) > len(start) // 4:
        return ("utf-16-be",)
    return ("utf-8", "cp1252")


def _records(text: str, separator: str) -> Iterator[list[str]]:
    """Rows of cells, bounded before they are split: a line may hold a billion columns, a quote may stay open."""
    length = 0

    def lines() -> Iterator[str]:
        nonlocal length
        for line in io.StringIO(text, newline=""):
            length += len(line)
            if length > _LONGEST_RECORD:
                raise StatementUnreadable("a row is too long")
            yield line

    try:
        for record in csv.reader(lines(), delimiter=separator):
            length = 0
            yield record
    except csv.Error:
        raise StatementUnreadable("the file is not rows of columns") from None


def _find_table(text: str, layout: Layout) -> _Table:
    """The row that names the columns, whatever the separator, and what stands above and below it."""
    fewest = list(layout.needed_columns().values())
    for separator in _SEPARATORS:
        above: list[list[str]] = []
        records = _records(text, separator)
        try:
            for record in records:
                columns, missing = _columns_in(record, layout)
                if not missing:
                    return _Table(above, [cell.strip()[:60] for cell in record], columns, records)
                fewest = min(fewest, missing, key=len)
                above.append(record)
                if len(above) > _ROWS_ABOVE_COLUMNS:
                    break
        except StatementUnreadable:
            continue
    raise StatementColumnsMissing(f"no row of the file has these columns: {', '.join(fewest)}")


def _columns_in(record: list[str], layout: Layout) -> tuple[dict[str, int], list[str]]:
    places: dict[str, int] = {}
    for column, title in enumerate(record):
        places.setdefault(name_of(title[:100]), column)
    needed = {part: (title, places.get(name_of(title))) for part, title in layout.needed_columns().items()}
    columns = {part: place for part, (_, place) in needed.items() if place is not None}
    return columns, [title for title, place in needed.values() if place is None]


def _fact(above: list[list[str]], label: str) -> str:
    """What stands beside a label above the columns, in its own cell or in the next ones."""
    wanted = name_of(label)
    for record in above:
        cells = [cell.strip() for cell in record if cell.strip()]
        if wanted and cells and name_of(cells[0]).startswith(wanted):
            return " ".join([cells[0].partition(":")[2], *cells[1:]])[:200]
    return ""


def _short_code(above: list[list[str]], layout: Layout) -> str:
    hit = _SHORT_CODE.search(_fact(above, layout.short_code_label))
    return hit.group() if hit else ""


def _period(above: list[list[str]], layout: Layout) -> tuple[datetime | None, datetime | None]:
    """The period above the columns. Its last second, or its last day, is inside."""
    dates = _DATE.findall(_fact(above, layout.period_label))
    if len(dates) < 2:
        return None, None
    moments = [_period_moment(date, layout) for date in dates[:2]]
    return moments[0][0], moments[1][1]


def _period_moment(date: str, layout: Layout) -> tuple[datetime | None, datetime | None]:
    """The moment that a date names, and the first one after it: a second, a minute or a day later."""
    text = " ".join(date.replace("T", " ").split())
    for shown, length in ((text, timedelta(seconds=1)), (f"{text} 00:00:00", timedelta(days=1))):
        moment = read_moment(shown, layout)
        if moment is not None:
            is_minute = length < timedelta(days=1) and shown.count(":") == 1
            return moment, moment + (timedelta(minutes=1) if is_minute else length)
    return None, None
