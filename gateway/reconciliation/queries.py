"""What can be asked about statements: layouts, what a period lacks, and the four lists."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, Max, OuterRef, Q

from fleet.cases.models import Case
from gateway.payments.doubts import FREEZABLE
from gateway.payments.models import Payment
from gateway.payments.ports import Authenticity
from gateway.reconciliation.errors import MappingMissing, StatementMissing
from gateway.reconciliation.listed import MISSING
from gateway.reconciliation.mappings import BUILT_IN, Layout, read_layout
from gateway.reconciliation.models import ColumnMapping, Statement, StatementLine
from gateway.reconciliation.statement_rows import Kind, StatementRow

if TYPE_CHECKING:
    from django.db.models import QuerySet

# A line near the end of a period may stand in the next file: the provider's clock is not ours.
END_SLACK = timedelta(minutes=5)
_BATCH = 500


def get_layout(provider: str, name: str) -> Layout:
    """The layout of this name: a built-in one, else one that was saved for the provider. Raises `MappingMissing`."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    saved = ColumnMapping.objects.filter(provider=provider, name=name).first()
    if saved is None:
        raise MappingMissing("no layout has this name: see manage.py reconcile mappings", field="mapping")
    return read_layout(saved.columns)


def list_mapping_names(provider: str) -> list[str]:
    """The built-in layouts, then the saved ones."""
    saved = ColumnMapping.objects.filter(provider=provider).order_by("name").values_list("name", flat=True)
    return [*BUILT_IN, *saved]


def get_statement(statement_id: int) -> Statement:
    """Raises `StatementMissing`."""
    statement = Statement.objects.filter(pk=statement_id).first()
    if statement is None:
        raise StatementMissing("no such statement")
    return statement


def list_statements(*, limit: int) -> list[Statement]:
    """The statements that were brought in last."""
    return list(Statement.objects.select_related("imported_by").order_by("-pk")[:limit])


def list_known_lines(provider: str, rows: Iterable[StatementRow]) -> dict[tuple[str, str], StatementLine]:
    """Lines that some statement has said before, of the receipts of these rows, by receipt and kind."""
    known = StatementLine.objects.filter(provider=provider, receipt__in={row.receipt for row in rows})
    return {(line.receipt, line.kind): line for line in known}


def moved_within(starts_at: datetime, ends_at: datetime) -> Q:
    """When the money moved, as the provider told it, else when we were told."""
    told = Q(paid_at=None, confirmed_at__gte=starts_at, confirmed_at__lt=ends_at)
    return Q(paid_at__gte=starts_at, paid_at__lt=ends_at) | told


def payments_within(provider: str, starts_at: datetime, ends_at: datetime) -> "QuerySet[Payment]":
    """Payments with a receipt whose money moved in the period and may still be spent or sent back."""
    moved = moved_within(starts_at, ends_at)
    return Payment.objects.filter(moved, provider=provider, receipt__isnull=False, state__in=FREEZABLE)


def unlisted(payments: "QuerySet[Payment]") -> "QuerySet[Payment]":
    """Those that no statement and no pull has named."""
    lines = StatementLine.objects.filter(provider=OuterRef("provider"), receipt=OuterRef("receipt"), kind=Kind.PAYMENT)
    return payments.filter(~Exists(lines)).exclude(authenticity=Authenticity.LISTED)


def list_missing_ids(provider: str, starts_at: datetime, ends_at: datetime) -> list[int]:
    """Payments of ours in the period that no list names and that nobody has explained (a closed case of this reason
    is the explanation), oldest first.
    """
    ids = list(unlisted(payments_within(provider, starts_at, ends_at)).order_by("pk").values_list("pk", flat=True))
    explained: set[str] = set()
    for start in range(0, len(ids), _BATCH):
        subjects = [f"payment:{pk}" for pk in ids[start : start + _BATCH]]
        closed = Case.objects.filter(reason=MISSING, subject__in=subjects, closed_at__isnull=False)
        explained.update(closed.values_list("subject", flat=True))
    return [pk for pk in ids if f"payment:{pk}" not in explained]


def get_checked_from(provider: str, starts_at: datetime) -> datetime:
    """From when our payments are held against a statement that starts here: if one before it joins, also the end of
    that one's period, which was left to this file.
    """
    joining = Statement.objects.filter(
        provider=provider, finished_at__isnull=False, starts_at__lt=starts_at, ends_at__gte=starts_at
    )
    return starts_at - END_SLACK if joining.exists() else starts_at


def get_checked_until(provider: str, ends_at: datetime) -> datetime:
    """Until when our payments are held against a statement that ends here: what the last minutes hold is left to the
    next one, but where that has come before.
    """
    joining = Statement.objects.filter(
        provider=provider, finished_at__isnull=False, starts_at__lte=ends_at, ends_at__gt=ends_at
    )
    last_at = joining.aggregate(last_at=Max("ends_at"))["last_at"] or ends_at
    return max(min(ends_at, last_at - END_SLACK), ends_at - END_SLACK)


@dataclass(frozen=True)
class ReportRow:
    """A line of a report. `payer_masked` shows three digits at most; `our_minor` is our amount where we have one."""

    receipt: str
    at: datetime
    amount_minor: int | None
    our_minor: int | None
    currency: str
    account_text: str
    payer_masked: str
    payment_id: int | None
    state: str


@dataclass(frozen=True)
class Report:
    """The four lists of a period; `counts` has every outcome of its lines."""

    provider: str
    starts_at: datetime
    ends_at: datetime
    counts: Mapping[str, int]
    created: tuple[ReportRow, ...] = field(default=())
    missing: tuple[ReportRow, ...] = field(default=())
    differs: tuple[ReportRow, ...] = field(default=())
    unclear: tuple[ReportRow, ...] = field(default=())


def get_report(provider: str, starts_at: datetime, ends_at: datetime) -> Report:
    """Matched, in the list but not in ours (taken now), in ours but not in the list, and different amounts; and money
    that came as no payment that we know.
    """
    lines = StatementLine.objects.filter(provider=provider, completed_at__gte=starts_at, completed_at__lt=ends_at)
    counts = dict(lines.values_list("outcome").annotate(Count("pk")))
    whole = lines.select_related("payment").order_by("completed_at", "pk")
    checked = get_checked_from(provider, starts_at), get_checked_until(provider, ends_at)
    ours = unlisted(payments_within(provider, *checked))
    return Report(
        provider,
        starts_at,
        ends_at,
        counts,
        created=tuple(_line_row(line) for line in whole.filter(outcome="created")),
        missing=tuple(_payment_row(payment) for payment in ours.order_by("pk")),
        differs=tuple(_line_row(line) for line in whole.filter(outcome="differs")),
        unclear=tuple(_line_row(line) for line in whole.filter(kind=Kind.OTHER, amount_minor__gt=0)),
    )


def _line_row(line: StatementLine) -> ReportRow:
    payment = line.payment
    return ReportRow(
        line.receipt,
        line.completed_at,
        line.amount_minor,
        payment.amount_minor if payment else None,
        line.currency,
        line.account_text,
        line.payer_masked,
        line.payment_id,
        payment.state if payment else "",
    )


def _payment_row(payment: Payment) -> ReportRow:
    return ReportRow(
        payment.receipt or "",
        payment.paid_at or payment.confirmed_at or payment.started_at,
        None,
        payment.amount_minor,
        payment.currency,
        payment.account_text,
        mask_payer(payment.payer_e164, payment.payer_masked),
        payment.pk,
        payment.state,
    )


def mask_payer(e164: str, masked: str) -> str:
    """What a report may show of a payer: the last three digits, however it was told."""
    digits = "".join(character for character in (e164 or masked) if character.isdigit())
    return f"..{digits[-3:]}" if len(digits) >= 6 else ""
