"""`manage.py reconcile` and `manage.py close_day`: files as persons bring them, and what they are told."""

import csv
import io
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.management.commands import close_day as close_command
from gateway.management.commands import reconcile as command
from gateway.payments.models import Payment
from gateway.reconciliation import pulling
from gateway.reconciliation.models import ColumnMapping, Statement, StatementLine
from gateway.reconciliation.report_text import masked_account, safe_cell
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.rows import rows_of
from tests.support.statements import COLUMNS, Listed, export
from tests.support.world import ACTOR, NOW, SHORT_CODE, World
from vending.ledger.models import ClosedDay

AT = NOW - timedelta(hours=1)
AFTERNOON = NOW + timedelta(hours=3)
PAID = Listed("SKJLOST001", AT, "1,250.00", account="+254711000101")
LOGIN = ("amina", "amina-password-1")
Run = Callable[..., str]


@pytest.fixture
def run(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command in the afternoon with these lines on standard input; returns what it printed."""
    settings.MPESA_SHORT_CODE = SHORT_CODE
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    set_operator(username=LOGIN[0], password=LOGIN[1], actor=ACTOR, now=NOW)
    monkeypatch.setattr(command, "now", lambda: AFTERNOON)
    monkeypatch.setattr(close_command, "now", lambda: AFTERNOON + timedelta(days=1))
    monkeypatch.setattr(time, "sleep", lambda seconds: None)

    def run(*arguments: str, lines: tuple[str, ...] = (), name: str = "reconcile", fails: bool = False) -> str:
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        if fails:
            with pytest.raises(SystemExit) as ended:
                call_command(name, *arguments, stdout=out)
            assert ended.value.code == 1
        else:
            call_command(name, *arguments, stdout=out)
        return out.getvalue()

    return run


@pytest.fixture
def bring(run: Run, tmp_path: Path) -> Run:
    """Import this content as a file."""

    def bring(content: bytes, *arguments: str, fails: bool = False) -> str:
        path = tmp_path / "november.csv"
        path.write_bytes(content)
        lines = () if "--dry-run" in arguments else LOGIN
        return run("import", str(path), "--provider", "daraja", *arguments, lines=lines, fails=fails)

    return bring


def test_import_says_what_it_took_and_masks_who_paid(bring: Run, run: Run) -> None:
    told = bring(export([PAID]))

    statement, payment = Statement.objects.get(), Payment.objects.get()
    assert told.splitlines() == [
        f"statement {statement.pk}: 2026-11-20 00:00 to 2026-11-20 12:00, Africa/Nairobi",
        "lines: created 1",
        "not final or without money: 0",
        "ours and not in the list: 0",
        "rows that were not taken: 0",
        f"created  SKJLOST001  2026-11-20T08:00:00Z  1250  1250  KES  phone ..101  ..101  payment:{payment.pk}"
        "  CONFIRMED",
    ]
    assert statement.imported_by == Operator.objects.get()
    assert run("show", str(statement.pk)).splitlines() == told.splitlines()[5:]
    listing = run("list")
    assert listing == (
        f"statement {statement.pk}  daraja  2026-11-20 00:00 to 2026-11-20 12:00  1 lines  finished  november.csv\n"
    )


def test_payment_of_ours_that_the_file_lacks_is_shown(world: World, bring: Run) -> None:
    world.now = AT
    known, missing = world.sell(), world.sell()

    told = bring(export([Listed(known.receipt or "", AT, "200.00")]))

    assert told.splitlines()[3] == "ours and not in the list: 1"
    assert told.splitlines()[5:] == [
        f"missing  {missing.receipt}  2026-11-20T08:00:00Z  200  KES  37000123457  payment:{missing.pk}  ALLOCATED"
    ]


def test_same_file_again_is_said(bring: Run) -> None:
    bring(export([PAID]))

    assert bring(export([PAID])).splitlines()[0].endswith(", taken before")


def test_dry_run_asks_nobody_and_writes_nothing(bring: Run) -> None:
    told = bring(export([PAID]), "--dry-run")

    assert told.splitlines()[:2] == [
        "dry run: nothing was taken: 2026-11-20 00:00 to 2026-11-20 12:00, Africa/Nairobi",
        "lines: create 1",
    ]
    assert (Statement.objects.count(), Payment.objects.count()) == (0, 0)


def test_bad_rows_are_listed_with_their_column_and_end_with_1(bring: Run) -> None:
    bad = [Listed("", AT, "5"), Listed("SKJLOST002", AT, "lots")]

    told = bring(export([PAID, *bad]), fails=True)

    assert told.splitlines()[4:7] == [
        "rows that were not taken: 2",
        "  row 10, Receipt No.: empty",
        "  row 11, Paid In: no amount of money",
    ]
    assert Payment.objects.get().receipt == "SKJLOST001"


def test_many_bad_rows_are_listed_in_part(bring: Run) -> None:
    told = bring(export([Listed("", AT, "5")] * 53), "--dry-run", fails=True)

    assert "rows that were not taken: 53" in told
    assert told.splitlines()[-1] == "  and 3 more"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "statement_empty"),
        (b"%PDF-1.7 \x81\x8d\x8f\x90\x9d", "statement_unreadable"),
        (b"a,b,c\n1,2,3\n", "statement_columns_missing"),
        (export([PAID], short_code="555555"), "statement_foreign"),
        (export([PAID], short_code=""), "statement_foreign"),
        (export([], period=None), "statement_period_missing"),
        (b"x" * (20 * 1024 * 1024 + 5), "statement_too_long"),
    ],
)
def test_file_that_cannot_be_taken_is_refused_with_its_code(bring: Run, content: bytes, code: str) -> None:
    before = rows_of(Statement, StatementLine, Payment)

    with pytest.raises(CommandError, match=f"^{code}: "):
        bring(content)

    assert rows_of(Statement, StatementLine, Payment) == before


def test_columns_that_are_missing_are_named(bring: Run) -> None:
    with pytest.raises(CommandError, match=r"these columns: Withdrawn$"):
        bring(export([PAID], columns=[title for title in COLUMNS if title != "Withdrawn"]), "--dry-run")


@pytest.mark.parametrize(
    "arguments", [("--provider", "nobody"), ("--mapping", "none"), ("--from", "soon"), ("--until", "2026-02-30")]
)
def test_what_is_named_wrongly_is_refused_in_one_line(bring: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match=r"^(provider_unknown: |mapping_missing: |a moment looks like)"):
        bring(export([PAID]), "--dry-run", *arguments)


@pytest.mark.parametrize("name", ["not-there.csv", "\0"])
def test_file_that_is_not_there_is_refused_in_one_line(run: Run, name: str) -> None:
    with pytest.raises(CommandError, match=r"^the file cannot be read: "):
        run("import", name, "--provider", "daraja", "--dry-run")


def test_wrong_password_takes_nothing(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "november.csv"
    path.write_bytes(export([PAID]))

    with pytest.raises(CommandError, match=r"^custodian_refused"):
        run("import", str(path), "--provider", "daraja", lines=("amina", "wrong"))

    assert Statement.objects.count() == 0


def test_period_can_be_told_by_days_and_by_moments(bring: Run) -> None:
    bring(export([PAID], period=None), "--from", "2026-11-20", "--until", "2026-11-20T11:30:00")

    statement = Statement.objects.get()
    assert (statement.starts_at, statement.ends_at) == (
        datetime(2026, 11, 19, 21, tzinfo=UTC),
        datetime(2026, 11, 20, 8, 30, tzinfo=UTC),
    )


def test_csv_of_the_lists_holds_no_formula(bring: Run, tmp_path: Path) -> None:
    out = tmp_path / "lists.csv"

    bring(export([Listed("SKJLOST001", AT, "5", account='=HYPERLINK("x")')]), "--csv", str(out))

    rows = list(csv.DictReader(out.open(newline="")))
    assert [(row["list"], row["receipt"], row["account"]) for row in rows] == [
        ("created", "SKJLOST001", '\'=HYPERLINK("x")')
    ]


def test_csv_that_cannot_be_written_is_said_in_one_line(bring: Run, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"^the CSV file cannot be written: Is a directory$"):
        bring(export([PAID]), "--csv", str(tmp_path))


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\tx", "\rx", "\n=1"])
def test_cell_that_a_spreadsheet_would_compute_gets_an_apostrophe(text: str) -> None:
    assert safe_cell(text).startswith("'")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("37000123457", "37000123457"),
        ("3601000000424", "3601000000424"),
        ("0711000101", "phone ..101"),
        ("254711000101", "phone ..101"),
        ("Amina +254 711 000 101 home", "Amina phone ..101 home"),
    ],
)
def test_phone_in_an_account_is_masked_and_a_meter_is_not(text: str, shown: str) -> None:
    assert masked_account(text) == shown


def test_saved_layout_reads_a_file_of_another_provider_portal(bring: Run, run: Run, tmp_path: Path) -> None:
    layout = tmp_path / "layout.json"
    layout.write_text(
        json.dumps(
            {
                "receipt": "Ref",
                "completed_at": "When",
                "paid_in": "Amount",
                "account": "Account",
                "date_forms": ["%d.%m.%Y %H:%M"],
                "timezone": "Africa/Nairobi",
                "decimal_mark": ",",
            }
        )
    )
    saved = run("save-mapping", "our-bank", str(layout), "--provider", "daraja")

    bring(b"Ref;When;Amount;Account\nABC1;20.11.2026 10:30;1.250,50;37000123457\n", "--mapping", "our-bank")

    assert saved == "saved: our-bank\n"
    assert run("mappings", "--provider", "daraja") == "org-portal\nour-bank\n"
    payment = Payment.objects.get()
    assert (payment.receipt, payment.amount_minor, payment.account_text) == ("ABC1", 125_050, "37000123457")


@pytest.mark.parametrize("content", [b"{", b"[" * 100_000, b'{"receipt": "Ref"}', b"\xff"])
def test_layout_that_is_none_is_refused_and_not_saved(run: Run, tmp_path: Path, content: bytes) -> None:
    layout = tmp_path / "layout.json"
    layout.write_bytes(content)

    with pytest.raises(CommandError, match=r"^(the file is not JSON|mapping_invalid: )"):
        run("save-mapping", "our-bank", str(layout), "--provider", "daraja")

    assert ColumnMapping.objects.count() == 0


def test_statement_that_is_not_there_cannot_be_shown(run: Run) -> None:
    with pytest.raises(CommandError, match=r"^statement_missing: "):
        run("show", "7")


def test_import_that_ended_half_way_is_listed_so(bring: Run, run: Run) -> None:
    bring(export([PAID]))
    Statement.objects.update(finished_at=None)

    assert "NOT FINISHED: import the file again" in run("list")


def test_pull_by_hand_says_what_came_and_why_it_ended_early(
    world: World, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakePaymentProvider("daraja")
    monkeypatch.setattr(pulling, "get_provider", lambda name: fake)
    fake.listed = [world.claim(20_000, world.meter.drn)]

    assert run("pull", "--provider", "daraja") == "created 1\n"
    assert run("pull", "--provider", "daraja", "--hours", "48") == "matched 1\n"
    fake.pull_failure = "http_500"
    with pytest.raises(CommandError, match=r"^the list ended early: http_500$"):
        run("pull", "--provider", "daraja")
    with pytest.raises(CommandError, match=r"^--hours is 1 to 48$"):
        run("pull", "--provider", "daraja", "--hours", "49")


def test_day_is_closed_by_a_person_after_a_look(world: World, bring: Run, run: Run) -> None:
    payment = world.sell()
    line = Listed(payment.receipt or "", NOW, "200.00", account=world.meter.drn)

    with pytest.raises(CommandError, match=r"^day_not_covered: "):
        run("2026-11-20", "--check", name="close_day")
    bring(export([line], period=("2026-11-20 00:00:00", "2026-11-20 11:59:59")))
    Statement.objects.update(ends_at=NOW + timedelta(days=1))
    assert run("2026-11-20", "--check", name="close_day") == "2026-11-20 can be closed\n"
    assert ClosedDay.objects.count() == 0
    told = run("2026-11-20", name="close_day", lines=LOGIN)

    assert told == "2026-11-20 is closed\n"
    assert ClosedDay.objects.get().closed_by == Operator.objects.get()


@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "20-11-2026"])
def test_what_is_no_day_is_refused(run: Run, day: str) -> None:
    with pytest.raises(CommandError, match=r"^a day looks like 2026-01-31$"):
        run(day, name="close_day")
