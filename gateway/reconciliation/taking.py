"""The lines of one statement, batch by batch: each is taken once, whichever file says it first.

A batch is one transaction, and payments that nobody had heard of are made together in it (`new_payments`). A line that
frees a payment or ends a purchase is a transaction of its own, because it takes locks that a batch may not gather. A
killed import therefore goes on where it stopped, and two imports at once do no harm.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction

from fleet.audit.services import Act, record
from gateway.payments.models import Payment
from gateway.payments.ports import STATEMENT, Door, Outcome, PaymentClaim
from gateway.reconciliation.listed import CREATED, MATCHED, is_settled, list_payments_by_receipt, take_claim
from gateway.reconciliation.locks import lock_statement
from gateway.reconciliation.models import Statement, StatementLine
from gateway.reconciliation.new_payments import NewLine, list_for_purchases, take_new
from gateway.reconciliation.queries import list_known_lines, mask_payer
from gateway.reconciliation.statement_rows import BadRow, Kind, StatementRow
from gateway.reversals.services import note_reversal
from vending.kernel.errors import DomainError
from vending.ledger.accounts import PROVIDER_FEES, provider_float
from vending.ledger.services import Line, Posting, post

BATCH = 500
NOTED, REVERSED = "noted", "reversed"


@dataclass(frozen=True)
class Taking:
    """Whose lines are taken, by whom and when."""

    statement: Statement
    short_code: str
    currency: str
    actor: str
    now: datetime

    def claim(self, row: StatementRow) -> PaymentClaim:
        """The payment that a line says."""
        return PaymentClaim(
            provider=self.statement.provider,
            door=Door.CONFIRMATION,
            outcome=Outcome.PAID,
            receipt=row.receipt,
            amount_minor=row.amount_minor,
            currency=self.currency,
            short_code=self.short_code,
            account_text=row.account_text,
            payer=row.payer,
            paid_at=row.completed_at,
        )

    def line(self, row: StatementRow, outcome: str, payment_id: int | None = None) -> StatementLine:
        """The row of a line that was taken."""
        return StatementLine(
            statement=self.statement,
            provider=self.statement.provider,
            receipt=row.receipt,
            kind=row.kind,
            completed_at=row.completed_at,
            amount_minor=row.amount_minor,
            currency=self.currency,
            account_text=row.account_text,
            payer_masked=mask_payer(row.payer.e164, row.payer.masked),
            payment_receipt=row.payment_receipt,
            payment_id=payment_id,
            outcome=outcome,
        )


def take_rows(taking: Taking, rows: Sequence[StatementRow]) -> list[BadRow]:
    """Take every row that no statement has said before; returns those that contradict one, or that were refused."""
    bad_rows: list[BadRow] = []
    for start in range(0, len(rows), BATCH):
        batch = rows[start : start + BATCH]
        alone = _rows_alone(taking, batch)
        numbers = {row.number for row in alone}
        bad_rows += _take_batch(taking, [row for row in batch if row.number not in numbers])
        bad_rows += _take_one_by_one(taking, alone)
    return bad_rows


def _rows_alone(taking: Taking, rows: Sequence[StatementRow]) -> list[StatementRow]:
    """Rows about payments that we have and that are not as the row says, or about purchases that wait for their money:
    those that cost locks.
    """
    paid = [row for row in rows if row.kind == Kind.PAYMENT]
    provider = taking.statement.provider
    payments = list_payments_by_receipt(provider, [row.receipt for row in paid])
    awaited = list_for_purchases(provider, [taking.claim(row) for row in paid if row.receipt not in payments])
    return [row for row in paid if row.receipt in awaited or _is_doubted(taking, row, payments)]


def _is_doubted(taking: Taking, row: StatementRow, payments: Mapping[str, Payment]) -> bool:
    payment = payments.get(row.receipt)
    return payment is not None and not is_settled(payment, taking.claim(row))


def _take_batch(taking: Taking, rows: Sequence[StatementRow]) -> list[BadRow]:
    """The batch as a whole; if it cannot be, each row alone, so that one bad row does not stop the rest."""
    try:
        with transaction.atomic():
            return _take_in_transaction(taking, rows)
    except _Alone:
        return _take_one_by_one(taking, rows)
    except (IntegrityError, DomainError) as error:
        if len(rows) > 1:
            return _take_one_by_one(taking, rows)
        if isinstance(error, IntegrityError):  # somebody else told it at this moment: now it is known
            with transaction.atomic():
                return _take_in_transaction(taking, rows)
        return [BadRow(rows[0].number, "", error.code)]


def _take_one_by_one(taking: Taking, rows: Sequence[StatementRow]) -> list[BadRow]:
    return [bad for row in rows for bad in _take_batch(taking, [row])]


class _Alone(Exception):
    """A batch has a row that must be a transaction of its own."""


def _take_in_transaction(taking: Taking, rows: Sequence[StatementRow]) -> list[BadRow]:
    lock_statement(taking.statement.pk)
    known = list_known_lines(taking.statement.provider, rows)
    # In one order whatever the file's, so that two files that overlap wait for each other and do not deadlock.
    new = sorted((row for row in rows if (row.receipt, row.kind) not in known), key=lambda row: row.receipt)
    of_kind = {kind: [row for row in new if row.kind == kind] for kind in Kind}
    lines = _take_payments(taking, of_kind[Kind.PAYMENT], is_alone=len(rows) == 1)
    lines += [_take_reversal(taking, row) for row in of_kind[Kind.REVERSAL]]
    lines += [taking.line(row, NOTED) for row in of_kind[Kind.OTHER]]
    StatementLine.objects.bulk_create(lines)
    _book_charges(taking, of_kind[Kind.CHARGE])
    return [bad for row in rows if (bad := _contradiction(row, known.get((row.receipt, row.kind))))]


def _contradiction(row: StatementRow, line: StatementLine | None) -> BadRow | None:
    if line is None or (line.amount_minor, line.payment_receipt) == (row.amount_minor, row.payment_receipt):
        return None
    return BadRow(row.number, "", f"differs from what statement {line.statement_id} says of this receipt")


def _take_payments(taking: Taking, rows: Sequence[StatementRow], *, is_alone: bool) -> list[StatementLine]:
    payments = list_payments_by_receipt(taking.statement.provider, [row.receipt for row in rows])
    doubted = [row for row in rows if _is_doubted(taking, row, payments)]
    if doubted and not is_alone:
        raise _Alone
    settled = [row for row in rows if row.receipt in payments and row not in doubted]
    lines = [taking.line(row, MATCHED, payments[row.receipt].pk) for row in settled]
    rest = [row for row in rows if row.receipt not in payments] + doubted
    return lines + ([_take_alone(taking, row) for row in rest] if is_alone else _take_new(taking, rest))


def _take_alone(taking: Taking, row: StatementRow) -> StatementLine:
    claim = taking.claim(row)
    listed = take_claim(claim=claim, raw=row.raw, source=STATEMENT, actor=taking.actor, now=taking.now)
    return taking.line(row, listed.outcome, listed.payment_id)


def _take_new(taking: Taking, rows: Sequence[StatementRow]) -> list[StatementLine]:
    new = [NewLine(taking.claim(row), row.raw) for row in rows]
    ids = take_new(lines=new, source=STATEMENT, actor=taking.actor, now=taking.now)
    return [taking.line(row, CREATED, payment_id) for row, payment_id in zip(rows, ids, strict=True)]


def _take_reversal(taking: Taking, row: StatementRow) -> StatementLine:
    note_reversal(
        provider=taking.statement.provider,
        payment_receipt=row.payment_receipt,
        receipt=row.receipt,
        amount_minor=row.amount_minor,
        currency=taking.currency,
        door=STATEMENT,
        actor=taking.actor,
        now=taking.now,
    )
    return taking.line(row, REVERSED)


def _book_charges(taking: Taking, rows: Sequence[StatementRow]) -> None:
    """What the provider kept for itself, one entry a line; one that came back is booked the other way round."""
    lines = StatementLine.objects.bulk_create([taking.line(row, NOTED) for row in rows])
    post(postings=[_charge(line) for line in lines], now=taking.now)
    record(
        actor=taking.actor, acts=[Act("charge.booked", f"statement_line:{line.pk}") for line in lines], now=taking.now
    )


def _charge(line: StatementLine) -> Posting:
    return Posting(
        cause=f"statement_line:{line.pk}:charge",
        currency=line.currency,
        lines=(
            Line(PROVIDER_FEES, line.amount_minor),
            Line(provider_float(line.provider), -line.amount_minor),
        ),
    )
