"""Files of a provider: every form that they were seen in, and rubbish."""

import codecs
import csv
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.payments.ports import Payer
from gateway.reconciliation import statement_file
from gateway.reconciliation.errors import (
    StatementColumnsMissing,
    StatementEmpty,
    StatementTooLong,
    StatementUnreadable,
)
from gateway.reconciliation.mappings import BUILT_IN, Layout
from gateway.reconciliation.statement_file import MOST_OCTETS, StatementFile, read_statement
from gateway.reconciliation.statement_rows import BadRow, Kind
from tests.support.statements import COLUMNS, Listed, charge_of, export, reversal_of
from vending.kernel.errors import DomainError

AT = datetime(2026, 11, 20, 8, 30, 5, tzinfo=UTC)
PAID = Listed("SKJ1ABC001", AT, paid_in="1,250.50", account="37000123457")
LAYOUT = BUILT_IN["org-portal"]


def read(content: bytes, layout: Layout = LAYOUT) -> StatementFile:
    return read_statement(content, layout=layout, currency="KES", region="KE")


def file_or_refusal(content: bytes) -> StatementFile | str:
    """What was read, or the code of the refusal; anything else that is raised fails the test."""
    try:
        return read(content)
    except DomainError as refusal:
        return refusal.code


def test_portal_export_with_every_kind_of_line_is_read_whole() -> None:
    lines = [
        PAID,
        charge_of("SKJ1ABC001", AT, "-12.00"),
        reversal_of(PAID, "SKJ1ABC009", AT + timedelta(minutes=1)),
        replace(PAID, receipt="SKJ1ABC002", status="Failed"),
        Listed("SKJ1ABC003", AT, withdrawn="-5,000.00", reason="Organization Settlement", payer=""),
        Listed("SKJ1ABC004", AT, paid_in="7.00", reason="Interest Paid", payer=""),
    ]

    file = read(export(lines))

    assert [(row.number, row.receipt, row.kind, row.amount_minor, row.payment_receipt) for row in file.rows] == [
        (9, "SKJ1ABC001", Kind.PAYMENT, 125_050, ""),
        (10, "SKJ1ABC001", Kind.CHARGE, 1200, ""),
        (11, "SKJ1ABC009", Kind.REVERSAL, 125_050, "SKJ1ABC001"),
        (13, "SKJ1ABC003", Kind.OTHER, -500_000, ""),
        (14, "SKJ1ABC004", Kind.OTHER, 700, ""),
    ]
    assert (file.short_code, file.skipped, file.bad_rows) == ("400200", 1, ())
    assert (file.starts_at, file.ends_at) == (
        datetime(2026, 11, 19, 21, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 9, 0, tzinfo=UTC),
    )
    assert (file.rows[0].completed_at, file.rows[0].account_text) == (AT, "37000123457")
    assert file.rows[0].payer == Payer(masked="2547******101")
    assert b"SKJ1ABC001" in file.rows[0].raw


@pytest.mark.parametrize("date_form", ["%d-%m-%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_dates_separators_and_line_ends_of_every_form_give_the_same_line(
    date_form: str, separator: str, line_end: str
) -> None:
    file = read(export([PAID], date_form=date_form, separator=separator, line_end=line_end))

    assert [(row.receipt, row.completed_at, row.amount_minor) for row in file.rows] == [("SKJ1ABC001", AT, 125_050)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_every_encoding_gives_the_same_line(encoding: str) -> None:
    line = replace(PAID, payer="254711000101 - ZO\u00cb", details="caf\u00e9 \u2013 light")

    file = read(export([line], encoding=encoding))

    assert [(row.receipt, row.payer) for row in file.rows] == [("SKJ1ABC001", Payer(e164="+254711000101"))]


def test_utf16_with_a_mark_of_the_other_order_is_read() -> None:
    content = codecs.BOM_UTF16_BE + export([PAID]).decode().encode("utf-16-be")

    assert len(read(content).rows) == 1


@pytest.mark.parametrize(
    ("change", "column", "reason"),
    [
        ({"receipt": ""}, "Receipt No.", "empty"),
        ({"receipt": "1.23E+10"}, "Receipt No.", "no receipt"),
        ({"receipt": "\u017fKJ1ABC001"}, "Receipt No.", "no receipt"),
        ({"paid_in": "1250,50"}, "Paid In", "no amount of money"),
        ({"paid_in": "NaN"}, "Paid In", "no amount of money"),
        ({"paid_in": "1.005"}, "Paid In", "finer than the currency, or out of range"),
        ({"paid_in": "9" * 20}, "Paid In", "finer than the currency, or out of range"),
        ({"paid_in": ""}, "Paid In", "no amount"),
        ({"withdrawn": "5"}, "Withdrawn", "an amount in both columns"),
        ({"paid_in": "", "withdrawn": "5", "reason": "Transaction Reversal"}, "Linked Transaction ID", "empty"),
    ],
)
def test_row_with_a_bad_cell_is_listed_and_the_others_are_taken(
    change: dict[str, str], column: str, reason: str
) -> None:
    file = read(export([replace(PAID, **change), replace(PAID, receipt="SKJ1ABC002")]))  # type: ignore[arg-type]

    assert file.bad_rows == (BadRow(9, column, reason),)
    assert [row.receipt for row in file.rows] == ["SKJ1ABC002"]


@pytest.mark.parametrize(
    "date_form", ["%H:%M", "yesterday", "%d.%m.%Y %H:%M:%S", "31-02-2026 10:00:00", "1026-01-01 00:00:00"]
)
def test_row_with_a_bad_date_is_listed(date_form: str) -> None:
    file = read(export([PAID], date_form=date_form))

    assert file.bad_rows == (BadRow(9, "Completion Time", "no date in a form that the layout knows"),)


def test_same_receipt_again_is_one_line_and_with_another_amount_a_bad_row() -> None:
    file = read(export([PAID, PAID, replace(PAID, paid_in="1.00")]))

    assert [row.number for row in file.rows] == [9]
    assert file.bad_rows == (BadRow(11, "Receipt No.", "differs from row 9 of the same receipt"),)


def test_account_that_says_reversal_stays_a_payment() -> None:
    hostile = replace(PAID, account="reversal", details="Pay Bill from 2547******101 Acc. reversal charge")

    by_reason = read(export([hostile])).rows[0]
    by_details = read(export([replace(hostile, reason="")])).rows[0]

    assert (by_reason.kind, by_details.kind) == (Kind.PAYMENT, Kind.PAYMENT)


def test_charge_that_came_back_is_a_negative_charge_and_a_reversal_that_brought_money_is_other() -> None:
    back = Listed("SKJ1ABC001", AT, paid_in="12.00", reason="Pay Bill Charge")
    brought = Listed("SKJ1ABC002", AT, paid_in="30.00", reason="Business Payment Reversal")

    file = read(export([back, brought]))

    assert [(row.kind, row.amount_minor) for row in file.rows] == [(Kind.CHARGE, -1200), (Kind.OTHER, 3000)]


def test_titles_in_another_case_and_order_and_with_a_new_column_are_found() -> None:
    titles = [title.upper().replace("NO.", "No") for title in COLUMNS]

    assert len(read(export([PAID], columns=[*titles, "Currency"])).rows) == 1


def test_file_without_period_has_none() -> None:
    file = read(export([PAID], period=None))

    assert (file.starts_at, file.ends_at) == (None, None)


def test_period_of_days_holds_the_last_day() -> None:
    file = read(export([PAID], period=("19/11/2026", "20/11/2026")))

    assert (file.starts_at, file.ends_at) == (
        datetime(2026, 11, 18, 21, 0, tzinfo=UTC),
        datetime(2026, 11, 20, 21, 0, tzinfo=UTC),
    )


def test_signed_amounts_with_a_decimal_comma_are_read_by_a_layout_of_their_own() -> None:
    layout = Layout(
        receipt="Ref", completed_at="Quando", paid_in="Valor", decimal_mark=",", date_forms=("%d.%m.%Y %H:%M",)
    )
    content = b"Ref;Quando;Valor\nA1;20.11.2026 08:00;1.250,50\nA2;20.11.2026 09:00;-3,00\n"

    rows = read(content, layout).rows

    assert [(row.kind, row.amount_minor) for row in rows] == [(Kind.PAYMENT, 125_050), (Kind.OTHER, -300)]


def test_row_without_money_is_skipped_and_a_row_with_none_is_no_line() -> None:
    free = replace(PAID, paid_in="0.00", withdrawn="0.00")
    total = Listed("", AT, status="", paid_in="1,250.50")

    file = read(
        export([free, total]).replace(
            b",20-11-2026 11:30:05,20-11-2026 11:30:05,Pay Bill from 2547******101,,", b",,,,,"
        )
    )

    assert (file.rows, file.bad_rows, file.skipped) == ((), (), 2)


def test_date_in_other_digits_is_no_date() -> None:
    content = export([PAID]).decode().replace("20-11-2026 11:30:05", "\u0662\u0660-11-2026 11:30:05").encode()

    assert read(content).bad_rows == (BadRow(9, "Completion Time", "no date in a form that the layout knows"),)


@pytest.mark.parametrize(
    ("text", "payer"),
    [
        ("A" * 64, Payer(sha256="a" * 64)),
        ("0711000101 - AMINA", Payer(e164="+254711000101")),
        ("254711000101", Payer(e164="+254711000101")),
        ("2547 ***** 101 - AMINA", Payer(masked="2547 ***** 101")),
        ("Safaricom Ltd", Payer()),
        ("", Payer()),
    ],
)
def test_payer_is_kept_as_far_as_it_is_shown_and_never_the_name(text: str, payer: Payer) -> None:
    assert read(export([replace(PAID, payer=text)])).rows[0].payer == payer


def test_more_rows_than_an_import_takes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statement_file, "MOST_ROWS", 9)

    assert len(read(export([PAID])).rows) == 1
    with pytest.raises(StatementTooLong):
        read(export([PAID, PAID]))


def test_cell_that_is_longer_than_a_reader_takes_is_refused() -> None:
    content = export([replace(PAID, details="x" * 140_000)], separator=";")

    with pytest.raises(StatementUnreadable):
        read(content)


def test_reader_that_takes_shorter_cells_refuses_the_file() -> None:
    longest = csv.field_size_limit(20)
    try:
        with pytest.raises(StatementColumnsMissing):
            read(export([PAID]))
    finally:
        csv.field_size_limit(longest)


@pytest.mark.parametrize(
    ("period", "ends_at"),
    [
        (("2026-11-20 06:00", "2026-11-20 11:59"), datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
        (("2026-11-20T06:00:00", "2026-11-20T11:59:59"), datetime(2026, 11, 20, 9, 0, tzinfo=UTC)),
        (("2026-99-20", "2026-99-21"), None),
    ],
)
def test_last_minute_of_a_period_is_inside(period: tuple[str, str], ends_at: datetime | None) -> None:
    assert read(export([PAID], period=period)).ends_at == ends_at


@pytest.mark.parametrize("content", [b"", b"\r\n \t", codecs.BOM_UTF16_LE[:0]])
def test_empty_file_is_refused(content: bytes) -> None:
    with pytest.raises(StatementEmpty):
        read(content)


def test_missing_columns_are_named() -> None:
    with pytest.raises(StatementColumnsMissing, match=r"these columns: Withdrawn, A/C No\.$"):
        read(export([PAID], columns=[title for title in COLUMNS if title not in ("Withdrawn", "A/C No.")]))


def test_file_over_the_limit_is_refused_before_it_is_read() -> None:
    with pytest.raises(StatementTooLong):
        read(b"," * (MOST_OCTETS + 1))


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n" + bytes(range(256)) * 40,
        b"PK\x03\x04" + b"\0\1" * 500,
        b"\xff\xfe\x00\xd8A\x00",
    ],
)
def test_binary_file_is_refused(content: bytes) -> None:
    with pytest.raises((StatementUnreadable, StatementColumnsMissing)):
        read(content)


@pytest.mark.parametrize("rubbish", [b"," * 5_000_000, b'"' + b"x,\n" * 500_000, b'"x\n",' * 500_000])
def test_row_without_end_is_refused_before_it_is_built(rubbish: bytes) -> None:
    with pytest.raises((StatementUnreadable, StatementColumnsMissing)):
        read(rubbish)
    with pytest.raises(StatementUnreadable):
        read(export([PAID]) + rubbish)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_mangled_file_raises_nothing_but_coded_refusals(data: st.DataObject) -> None:
    content = bytearray(
        export([PAID, charge_of("SKJ1ABC001", AT, "-1")], encoding=data.draw(st.sampled_from(("utf-8", "utf-16"))))
    )
    for _ in range(data.draw(st.integers(0, 8))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 30))] = data.draw(st.binary(max_size=12))

    file = file_or_refusal(bytes(content))

    if isinstance(file, StatementFile):
        assert all(row.receipt and row.amount_minor for row in file.rows)
    else:
        assert file.startswith("statement_")


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(st.text(max_size=30), max_size=15), max_size=6))
def test_any_cells_below_the_columns_raise_nothing_but_coded_refusals(table: list[list[str]]) -> None:
    below = "\n".join(",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in table)
    content = export([PAID]) + below.encode("utf-8", "surrogatepass")

    file = file_or_refusal(content)

    if isinstance(file, StatementFile):
        assert file.rows[0].receipt == "SKJ1ABC001"
    else:
        assert file.startswith("statement_")
