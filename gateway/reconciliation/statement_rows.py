"""One row of a statement read as one line of it, or refused with its column and reason. Pure.

A reason is a word for the operator's list; the cell itself is never repeated: it may hold a name or a phone.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from gateway.http.bodies import storable
from gateway.http.errors import PhoneInvalid
from gateway.http.phones import is_hashed, is_masked, wire_to_e164
from gateway.payments.ports import Payer
from gateway.reconciliation.mappings import Layout
from vending.kernel.money import MoneyError, parse_minor

_RECEIPT = re.compile(r"[A-Z0-9][A-Z0-9._-]{0,31}")
_AMOUNT = re.compile(r"-?(?:[0-9]{1,20}|[0-9]{1,3}(?:,[0-9]{3}){1,6})(?:\.[0-9]{1,8})?")
_YEARS = range(2000, 2100)
_LONGEST_ACCOUNT, _LONGEST_PAYER, _LONGEST_RAW_CELL = 100, 32, 500


class Kind(StrEnum):
    """What a line is, as `StatementLine.kind` keeps it."""

    PAYMENT = "payment"
    REVERSAL = "reversal"
    CHARGE = "charge"
    OTHER = "other"


@dataclass(frozen=True)
class StatementRow:
    """A line that is final. `number` counts rows as a spreadsheet does. `amount_minor` is positive, but for other
    money that went and a charge that came back. `raw` is the row as it stood, for the journal.
    """

    number: int
    receipt: str
    kind: Kind
    completed_at: datetime
    amount_minor: int
    account_text: str
    payer: Payer
    payment_receipt: str
    raw: bytes


@dataclass(frozen=True)
class BadRow:
    """A row that was not taken, which column is to blame, and why."""

    number: int
    column: str
    reason: str


class CellRefused(Exception):
    """A cell that cannot be read; never leaves the reading of a file."""

    def __init__(self, part: str, reason: str) -> None:
        super().__init__(reason)
        self.part, self.reason = part, reason


@dataclass(frozen=True)
class RowReader:
    """How rows of one file are read. `columns` says where each part stands, `titles` how the file calls it."""

    layout: Layout
    columns: Mapping[str, int]
    titles: Mapping[str, str]
    currency: str
    region: str

    def read(self, number: int, record: Sequence[str]) -> StatementRow | BadRow | None:
        """None for a row that is no line: blank, not final, or without any money."""
        cells = {part: record[column].strip() if column < len(record) else "" for part, column in self.columns.items()}
        if not (cells["receipt"] or cells["completed_at"] or cells.get("status")) or not self._is_final(cells):
            return None
        try:
            return self._line(number, cells)
        except CellRefused as refusal:
            return BadRow(number, self.titles.get(refusal.part, refusal.part), refusal.reason)

    def _is_final(self, cells: Mapping[str, str]) -> bool:
        return not self.layout.final_statuses or cells.get("status", "").casefold() in self.layout.final_statuses

    def _line(self, number: int, cells: Mapping[str, str]) -> StatementRow | None:
        receipt = _receipt(cells["receipt"], "receipt")
        completed_at = read_moment(cells["completed_at"], self.layout)
        if completed_at is None:
            raise CellRefused("completed_at", "no date in a form that the layout knows")
        moved_minor = self._moved_minor(cells)
        if moved_minor == 0:
            return None
        kind = kind_of(cells.get("reason", ""), cells.get("details", ""), moved_minor > 0, self.layout)
        original = _receipt(cells.get("original", ""), "original") if kind == Kind.REVERSAL else ""
        return StatementRow(
            number=number,
            receipt=receipt,
            kind=kind,
            completed_at=completed_at,
            amount_minor=-moved_minor if kind in (Kind.CHARGE, Kind.REVERSAL) else moved_minor,
            account_text=storable(cells.get("account", ""), _LONGEST_ACCOUNT),
            payer=read_payer(cells.get("payer", ""), self.region),
            payment_receipt=original,
            raw=json.dumps({self.titles[part]: cell[:_LONGEST_RAW_CELL] for part, cell in cells.items()}).encode(),
        )

    def _moved_minor(self, cells: Mapping[str, str]) -> int:
        """What came, or went if negative. Files write what went now with a minus, now without."""
        paid_in, withdrawn = self._amount(cells, "paid_in"), self._amount(cells, "withdrawn")
        if paid_in is None and withdrawn is None:
            raise CellRefused("paid_in", "no amount")
        if paid_in and withdrawn:
            raise CellRefused("withdrawn", "an amount in both columns")
        return paid_in or -abs(withdrawn or 0)

    def _amount(self, cells: Mapping[str, str], part: str) -> int | None:
        text = "".join(cells.get(part, "").split()).removeprefix(self.currency)
        if not text:
            return None
        if self.layout.decimal_mark == ",":
            text = text.translate(str.maketrans(".,", ",."))
        if not _AMOUNT.fullmatch(text):
            raise CellRefused(part, "no amount of money")
        try:
            return parse_minor(text.replace(",", ""), self.currency)
        except MoneyError:
            raise CellRefused(part, "finer than the currency, or out of range") from None


def _receipt(text: str, part: str) -> str:
    if not text:
        raise CellRefused(part, "empty")
    # Before upper(): it turns some foreign letters into ASCII ones, and two receipts into one.
    if not text.isascii() or not _RECEIPT.fullmatch(text.upper()):
        raise CellRefused(part, "no receipt")
    return text.upper()


def read_moment(text: str, layout: Layout) -> datetime | None:
    """The moment that a cell names in one of the layout's forms and its time zone, or None."""
    if not text.isascii():
        return None
    for form in layout.date_forms:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 -- the file's clock is the layout's, see below
        except ValueError:
            continue
        if moment.year in _YEARS:
            return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(layout.timezone))).astimezone(UTC)
    return None


def read_payer(text: str, region: str) -> Payer:
    """Who paid: the number before the name, as far as it is shown. A name is not kept."""
    number = text.partition(" - ")[0].strip()
    if is_masked(number):
        return Payer(masked=number[:_LONGEST_PAYER])
    if is_hashed(number):
        return Payer(sha256=number.lower())
    try:
        return Payer(e164=wire_to_e164(number, default_region=region))
    except PhoneInvalid:
        return Payer()


def kind_of(reason: str, details: str, has_come: bool, layout: Layout) -> Kind:
    """What a line is, by the words of its reason. A reversal that brought money takes back nothing of ours.

    Where there is no reason the details decide, by the word that comes first: a payer may have typed the later ones.
    """
    by_kind = {Kind.REVERSAL: layout.reversal_words, Kind.CHARGE: layout.charge_words}
    if has_come:
        by_kind[Kind.PAYMENT] = layout.payment_words
    text = reason or details
    found = {kind: at for kind, words in by_kind.items() if (at := _first(words, text.casefold())) is not None}
    if not found:
        return Kind.PAYMENT if has_come and not (text and layout.payment_words) else Kind.OTHER
    kind = next(iter(found)) if reason else min(found, key=lambda kind: found[kind])
    return Kind.OTHER if kind == Kind.REVERSAL and has_come else kind


def _first(words: Sequence[str], text: str) -> int | None:
    """Where the first of these words stands, as a whole word."""
    hits = [hit.start() for word in words if (hit := re.search(rf"\b{re.escape(word.casefold())}\b", text))]
    return min(hits, default=None)
