"""A provider's statement brought in: every line taken once, then our own payments held against it.

Reading the file is `statement_file`, taking lines is `taking`, freezing is `freezing`. What an import does is done in
many short transactions; `Statement.finished_at` is set by the last one, and until then the same file goes on.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max

from fleet.audit.services import Act, record
from fleet.cases.services import CaseDraft, open_cases
from gateway.payments.models import Payment
from gateway.payments.registry import get_provider
from gateway.reconciliation.errors import StatementForeign, StatementImplausible, StatementPeriodMissing
from gateway.reconciliation.freezing import freeze_missing, release_sales
from gateway.reconciliation.listed import list_payments_by_receipt
from gateway.reconciliation.locks import lock_statement
from gateway.reconciliation.mappings import check_mapping_name, read_layout, values_of
from gateway.reconciliation.models import ColumnMapping, Statement, StatementLine
from gateway.reconciliation.queries import (
    END_SLACK,
    get_checked_from,
    get_checked_until,
    get_layout,
    list_known_lines,
    list_missing_ids,
    moved_within,
    payments_within,
)
from gateway.reconciliation.statement_file import StatementFile, read_statement
from gateway.reconciliation.statement_rows import BadRow, Kind
from gateway.reconciliation.taking import BATCH, Taking, take_rows

UNCLEAR = "statement_unclear"
# A few missing payments are forged or late; most of them missing is the wrong file.
_FEW_MISSING = 5
# One payment after the last line is forged or late; several are what happened after the export.
_LATE_MISSING = 1
_CASE_DUE = timedelta(days=1)
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Outcome:
    """What an import did, or would do (`statement_id` is None). `counts` by what became of the file's lines."""

    statement_id: int | None
    starts_at: datetime
    ends_at: datetime
    is_repeat: bool
    counts: Mapping[str, int]
    skipped: int
    missing: int
    bad_rows: tuple[BadRow, ...] = field(default=())


@dataclass(frozen=True)
class _File:
    file: StatementFile
    currency: str
    starts_at: datetime
    ends_at: datetime


@transaction.atomic
def save_mapping(*, provider: str, name: str, values: object, actor: str, now: datetime) -> ColumnMapping:
    """Keep how the columns of a provider's files are read, by name. The same name again replaces it, audited.

    Raises `UnknownProvider` and `MappingInvalid`.
    """
    get_provider(provider)
    check_mapping_name(name)
    columns = values_of(read_layout(values))
    mapping, _ = ColumnMapping.objects.update_or_create(
        provider=provider, name=name, defaults={"columns": columns, "saved_at": now}
    )
    record(actor=actor, acts=[Act("mapping.saved", f"column_mapping:{mapping.pk}", {"name": name})], now=now)
    return mapping


def import_statement(
    *,
    provider: str,
    file_name: str,
    content: bytes,
    mapping: str,
    operator_id: int | None,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    is_sure: bool = False,
    actor: str,
    now: datetime,
) -> Outcome:
    """Take a file's lines, then freeze payments of ours in its period that it lacks. Rows that cannot be read are
    listed and the others taken. Idempotent by the file's digest and by each line's receipt and kind; an import that
    ended half-way goes on when the file is given again. One that was finished takes rows that a better layout can read
    now, and freezes nothing more.

    Raises what `read_statement` raises, `UnknownProvider`, `MappingMissing`, `StatementForeign`,
    `StatementPeriodMissing`, and `StatementImplausible` after the lines, when most of our payments are missing, or
    several after its last line, and the caller is not sure of the file.
    """
    read = _read(provider, content, mapping, starts_at, ends_at)
    statement = _open(provider, file_name, content, read, operator_id, actor, now)
    is_repeat = statement.finished_at is not None
    taking = Taking(statement, read.file.short_code, read.currency, actor, now)
    bad_rows = [*read.file.bad_rows, *take_rows(taking, read.file.rows)]
    if is_repeat:
        release_sales(actor=actor, now=now)
    else:
        _hold_ours_against(statement, len(bad_rows), is_sure, actor, now)
    return Outcome(
        statement_id=statement.pk,
        starts_at=statement.starts_at,
        ends_at=statement.ends_at,
        is_repeat=is_repeat,
        counts=_count_taken(provider, read.file),
        skipped=read.file.skipped,
        missing=len(_list_missing(statement, now)),
        bad_rows=tuple(bad_rows),
    )


def get_preview(
    *,
    provider: str,
    content: bytes,
    mapping: str,
    starts_at: datetime | None = None,
    ends_at: datetime | None = None,
    now: datetime,
) -> Outcome:
    """What an import would do; nothing is written. "create" are payments that we do not have. Raises as it does."""
    read = _read(provider, content, mapping, starts_at, ends_at)
    counts: dict[str, int] = {}
    listed: set[str] = set()
    for start in range(0, len(read.file.rows), BATCH):
        rows = read.file.rows[start : start + BATCH]
        known = list_known_lines(provider, rows)
        payments = list_payments_by_receipt(provider, [row.receipt for row in rows])
        for row in rows:
            payment, line = payments.get(row.receipt), known.get((row.receipt, row.kind))
            word = line.outcome if line else row.kind
            if row.kind == Kind.PAYMENT:
                listed.add(row.receipt)
                word = "matched" if payment and payment.amount_minor == row.amount_minor else "differs"
                word = word if payment else "create"
            counts[word] = counts.get(word, 0) + 1
    draft = Statement(provider=provider, starts_at=read.starts_at, ends_at=read.ends_at)
    receipts = payments_within(provider, *_checked_period(draft, now)).filter(pk__in=_list_missing(draft, now))
    missing = set(receipts.values_list("receipt", flat=True)) - listed
    return Outcome(
        None, read.starts_at, read.ends_at, False, counts, read.file.skipped, len(missing), read.file.bad_rows
    )


def _read(provider: str, content: bytes, mapping: str, starts_at: datetime | None, ends_at: datetime | None) -> _File:
    adapter = get_provider(provider)
    layout = get_layout(provider, mapping)
    file = read_statement(content, layout=layout, currency=adapter.currency, region=settings.DEFAULT_REGION)
    if layout.short_code_label and not file.short_code:
        raise StatementForeign("the file does not say its short code: bring it as it was exported")
    if file.short_code and not adapter.is_own_short_code(file.short_code):
        raise StatementForeign("the file is about another short code than ours")
    moments = [row.completed_at for row in file.rows]
    starts_at = starts_at or file.starts_at or min(moments, default=None)
    ends_at = ends_at or file.ends_at or (max(moments) + timedelta(seconds=1) if moments else None)
    if starts_at is None or ends_at is None or starts_at >= ends_at:
        raise StatementPeriodMissing("say from when until when the file speaks", field="starts_at")
    return _File(file, adapter.currency, starts_at, ends_at)


@transaction.atomic
def _open(
    provider: str,
    file_name: str,
    content: bytes,
    read: _File,
    operator_id: int | None,
    actor: str,
    now: datetime,
) -> Statement:
    """The statement of this file, made if it is new. A period that is not over is cut where its lines end."""
    ends_at = read.ends_at
    if ends_at > now:
        ends_at = max([row.completed_at for row in read.file.rows if row.completed_at <= now], default=read.starts_at)
    statement, is_new = Statement.objects.get_or_create(
        provider=provider,
        file_sha256=hashlib.sha256(content).hexdigest(),
        defaults={
            "file_name": file_name.replace("\0", "")[-_LONGEST_NAME:],
            "starts_at": read.starts_at,
            "ends_at": ends_at,
            "line_count": len(read.file.rows),
            "imported_by_id": operator_id,
            "imported_at": now,
        },
    )
    if is_new:
        details = {"provider": provider, "lines": statement.line_count, "bad_rows": len(read.file.bad_rows)}
        record(actor=actor, acts=[Act("statement.opened", f"statement:{statement.pk}", details)], now=now)
    return statement


def _checked_period(statement: Statement, now: datetime) -> tuple[datetime, datetime]:
    ends_at = get_checked_until(statement.provider, min(statement.ends_at, now))
    return get_checked_from(statement.provider, statement.starts_at), ends_at


def _list_missing(statement: Statement, now: datetime) -> list[int]:
    return list_missing_ids(statement.provider, *_checked_period(statement, now))


def _hold_ours_against(statement: Statement, bad_rows: int, is_sure: bool, actor: str, now: datetime) -> None:
    """Freeze what the statement lacks, one transaction each; let go what it has; then it is finished."""
    missing = _list_missing(statement, now)
    if not is_sure:
        _check_plausible(statement, missing, now)
    for payment_id in missing:
        freeze_missing(payment_id=payment_id, statement=statement, actor=actor, now=now)
    release_sales(actor=actor, now=now)
    _finish(statement, len(missing), bad_rows, actor, now)


def _check_plausible(statement: Statement, missing: Sequence[int], now: datetime) -> None:
    """Raise `StatementImplausible` where it is likelier that the file is wrong than that our payments are."""
    ours = payments_within(statement.provider, *_checked_period(statement, now)).count()
    if len(missing) > _FEW_MISSING and len(missing) * 2 > ours:
        raise StatementImplausible(
            f"{len(missing)} of our {ours} payments of the period are not in the file; nothing was frozen"
        )
    last_at = StatementLine.objects.filter(
        provider=statement.provider, completed_at__gte=statement.starts_at, completed_at__lt=statement.ends_at
    ).aggregate(last_at=Max("completed_at"))["last_at"]
    after = moved_within((last_at or statement.starts_at) + END_SLACK, statement.ends_at)
    late = Payment.objects.filter(after, pk__in=missing).count()
    if late > _LATE_MISSING:
        raise StatementImplausible(
            f"the file ends before {late} payments of ours, none of which it has: was it exported before its period was"
            " over? Nothing was frozen"
        )


@transaction.atomic
def _finish(statement: Statement, missing: int, bad_rows: int, actor: str, now: datetime) -> None:
    locked = lock_statement(statement.pk)
    if locked.finished_at:
        return
    statement.finished_at = locked.finished_at = now
    locked.save(update_fields=["finished_at"])
    _open_unclear_case(locked, bad_rows, actor, now)
    act = Act("statement.finished", f"statement:{statement.pk}", {"missing": missing})
    record(actor=actor, acts=[act], now=now)


def _open_unclear_case(statement: Statement, bad_rows: int, actor: str, now: datetime) -> None:
    """Rows that may be somebody's money and are not taken: unreadable ones, and money that came as no known payment."""
    lines = StatementLine.objects.filter(statement=statement, kind=Kind.OTHER, amount_minor__gt=0).count()
    if lines or bad_rows:
        details = {"lines": lines, "bad_rows": bad_rows}
        draft = CaseDraft(UNCLEAR, f"statement:{statement.pk}", now + _CASE_DUE, details)
        open_cases(drafts=[draft], actor=actor, now=now)


def _count_taken(provider: str, file: StatementFile) -> dict[str, int]:
    counts: dict[str, int] = {}
    for start in range(0, len(file.rows), BATCH):
        rows = file.rows[start : start + BATCH]
        known = list_known_lines(provider, rows)
        for row in rows:
            if line := known.get((row.receipt, row.kind)):
                word = line.kind if line.outcome == "noted" else line.outcome
                counts[word] = counts.get(word, 0) + 1
    return counts
