"""`manage.py reconcile`: a provider's list against our payments, by statement or by pull, and what came of it.

`import` asks for a user name and a password: what it takes is money. `--dry-run` and the other acts change nothing but
`pull` and `save-mapping`, and ask nobody.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from gateway.clock import now
from gateway.management.custodians import log_in
from gateway.management.one_line import OneLineCommand
from gateway.reconciliation.pulling import pull
from gateway.reconciliation.queries import Report, get_report, get_statement, list_mapping_names, list_statements
from gateway.reconciliation.report_text import list_lines, printable, write_csv
from gateway.reconciliation.services import Outcome, get_preview, import_statement, save_mapping
from gateway.reconciliation.statement_file import MOST_OCTETS

_ACTOR = "system:reconciliation"
_BAD_ROWS_SHOWN, _STATEMENTS_SHOWN = 50, 20
_MOST_HOURS = 48


class Command(OneLineCommand):
    help = "Take a provider's statement, or pull its list, and show what our payments lack or have too much."

    def add_arguments(self, parser: CommandParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
        _add_import(acts.add_parser("import", help="take the lines of a file, and hold our payments against it"))
        showing = acts.add_parser("show", help="the lists of a statement's period")
        showing.add_argument("statement", type=int)
        showing.add_argument("--csv", metavar="FILE", help="write the lists as CSV too")
        acts.add_parser("list", help="the statements that came last")
        naming = acts.add_parser("mappings", help="the layouts that can be named")
        naming.add_argument("--provider", required=True)
        saving = acts.add_parser("save-mapping", help="keep a layout of columns by name")
        saving.add_argument("name")
        saving.add_argument("file", help="a JSON object: docs/how-to/reconcile-with-a-statement.md")
        saving.add_argument("--provider", required=True)
        pulling = acts.add_parser("pull", help="ask the provider for its list now")
        pulling.add_argument("--provider", required=True)
        pulling.add_argument("--hours", type=int, default=2, help="how far back, at most 48")

    def handle(self, *args: Any, **options: Any) -> None:
        acts: dict[str, Callable[[dict[str, Any]], None]] = {
            "import": self._import,
            "show": self._show,
            "list": self._list,
            "mappings": self._mappings,
            "save-mapping": self._save_mapping,
            "pull": self._pull,
        }
        acts[options["act"]](options)

    def _import(self, options: dict[str, Any]) -> None:
        content = _octets_of(options["file"])
        facts: dict[str, Any] = {
            "provider": options["provider"],
            "mapping": options["mapping"],
            "content": content,
            "starts_at": _moment(options["from"], is_end=False),
            "ends_at": _moment(options["until"], is_end=True),
        }
        if options["dry_run"]:
            outcome = get_preview(**facts, now=now())
        else:
            actor = log_in("operator", now(), options["operator"])
            operator_id = int(actor.removeprefix("operator:"))
            name = Path(options["file"]).name
            outcome = import_statement(
                **facts, file_name=name, operator_id=operator_id, is_sure=options["sure"], actor=actor, now=now()
            )
        self._write(_outcome_lines(outcome))
        if outcome.statement_id:
            self._show({"statement": outcome.statement_id, "csv": options["csv"]})
        if outcome.bad_rows:
            raise SystemExit(1)

    def _show(self, options: dict[str, Any]) -> None:
        statement = get_statement(options["statement"])
        report = get_report(statement.provider, statement.starts_at, statement.ends_at)
        self._write(list_lines(report))
        if options["csv"]:
            _write_csv(report, options["csv"])

    def _list(self, options: dict[str, Any]) -> None:
        for statement in list_statements(limit=_STATEMENTS_SHOWN):
            state = "finished" if statement.finished_at else "NOT FINISHED: import the file again"
            period = _period(statement.starts_at, statement.ends_at)
            self.stdout.write(
                f"statement {statement.pk}  {statement.provider}  {period}  {statement.line_count} lines  {state}"
                f"  {printable(statement.file_name)}"
            )

    def _mappings(self, options: dict[str, Any]) -> None:
        self._write(list_mapping_names(options["provider"]))

    def _save_mapping(self, options: dict[str, Any]) -> None:
        try:
            values = json.loads(_octets_of(options["file"]))
        except (ValueError, RecursionError):
            raise CommandError("the file is not JSON") from None
        name = options["name"]
        save_mapping(provider=options["provider"], name=name, values=values, actor=_ACTOR, now=now())
        self.stdout.write(f"saved: {name}")

    def _pull(self, options: dict[str, Any]) -> None:
        if not 0 < options["hours"] <= _MOST_HOURS:
            raise CommandError(f"--hours is 1 to {_MOST_HOURS}")
        ends_at = now()
        starts_at = ends_at - timedelta(hours=options["hours"])
        pulled = pull(provider=options["provider"], starts_at=starts_at, ends_at=ends_at, actor=_ACTOR, clock=now)
        self.stdout.write(_counted(pulled.counts) or "nothing listed")
        if not pulled.is_complete:
            raise CommandError(f"the list ended early: {printable(pulled.code)}")

    def _write(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.stdout.write(line)


def _add_import(parser: CommandParser) -> None:
    parser.add_argument("file")
    parser.add_argument("--provider", required=True)
    parser.add_argument("--mapping", default="org-portal", help="the layout of its columns")
    parser.add_argument(
        "--from", metavar="MOMENT", help="when the file does not say it: 2026-01-31 or 2026-01-31T06:00"
    )
    parser.add_argument("--until", metavar="MOMENT", help="the same; a day is inside the period")
    parser.add_argument("--operator", default="", metavar="NAME", help="whose login; asked for if not given")
    parser.add_argument("--dry-run", action="store_true", help="only say what an import would do")
    parser.add_argument("--sure", action="store_true", help="freeze even if most of our payments are missing")
    parser.add_argument("--csv", metavar="FILE", help="write the lists as CSV too")


def _octets_of(name: str) -> bytes:
    """The file, up to one octet more than an import takes."""
    try:
        with Path(name).open("rb") as file:
            return file.read(MOST_OCTETS + 1)
    except (OSError, ValueError) as error:
        raise CommandError(
            f"the file cannot be read: {getattr(error, 'strerror', None) or 'a name of no file'}"
        ) from None


def _write_csv(report: Report, name: str) -> None:
    try:
        with Path(name).open("w", newline="", encoding="utf-8") as file:
            write_csv(report, file)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "a name of no file"
        raise CommandError(f"the CSV file cannot be written: {reason}") from None


def _moment(text: str | None, *, is_end: bool) -> datetime | None:
    """A moment by the clock of the books; of a day its first one, or the first one after it."""
    if text is None:
        return None
    try:
        day, moment = parse_date(text), parse_datetime(text)
    except ValueError:
        day = moment = None
    if day:
        moment = datetime.combine(day + timedelta(days=is_end), time.min)
    if moment is None:
        raise CommandError("a moment looks like 2026-01-31 or 2026-01-31T06:00")
    return moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(settings.BOOKS_TIMEZONE))


def _period(starts_at: datetime, ends_at: datetime) -> str:
    zone = ZoneInfo(settings.BOOKS_TIMEZONE)
    return f"{starts_at.astimezone(zone):%Y-%m-%d %H:%M} to {ends_at.astimezone(zone):%Y-%m-%d %H:%M}"


def _counted(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{word} {count}" for word, count in sorted(counts.items()))


def _outcome_lines(outcome: Outcome) -> Iterator[str]:
    head = f"statement {outcome.statement_id}" if outcome.statement_id else "dry run: nothing was taken"
    again = ", taken before" if outcome.is_repeat else ""
    yield f"{head}: {_period(outcome.starts_at, outcome.ends_at)}, {settings.BOOKS_TIMEZONE}{again}"
    yield f"lines: {_counted(outcome.counts) or 'none'}"
    yield f"not final or without money: {outcome.skipped}"
    yield f"ours and not in the list: {outcome.missing}"
    yield f"rows that were not taken: {len(outcome.bad_rows)}"
    for bad in outcome.bad_rows[:_BAD_ROWS_SHOWN]:
        column = f", {printable(bad.column)}" if bad.column else ""
        yield f"  row {bad.number}{column}: {bad.reason}"
    if len(outcome.bad_rows) > _BAD_ROWS_SHOWN:
        yield f"  and {len(outcome.bad_rows) - _BAD_ROWS_SHOWN} more"
