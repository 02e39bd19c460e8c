"""Every payment is booked once for what became of it, and every entry has its cause."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db.models import Model

from gateway.books import expected
from gateway.books.rows import Entry, Lines, batches, list_booked
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.reconciliation.models import StatementLine
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from vending.ledger.accounts import RECEIVABLE, REFUNDS, SUSPENSE, WALLET, provider_float
from vending.ledger.models import LedgerEntry
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

WITHOUT_MONEY = (PaymentState.EXPECTED, PaymentState.DECLINED, PaymentState.UNKNOWN)
_KINDS = ("suspense", "allocated", "moved", "reversed")
# What is booked for a payment in a state, but for a move and a reversal. The others book nothing.
_BOOKED_AS: Mapping[str, tuple[list[str], ...]] = {
    PaymentState.SUSPENSE: (["suspense"],),
    PaymentState.REFUND_PENDING: (["suspense"],),
    PaymentState.REFUNDED: (["suspense"],),
    PaymentState.ALLOCATED: (["allocated"], ["suspense", "allocated"]),
    PaymentState.REVERSED: (["allocated"], ["suspense", "allocated"]),
}
_TAKEN_FROM = (SUSPENSE, WALLET, RECEIVABLE, REFUNDS)
_CAUSE = re.compile(
    r"(?:(payment):([1-9][0-9]{0,17}):(?:suspense|allocated|moved|reversed)"
    r"|(vend):([1-9][0-9]{0,17}):cancelled|(refund):([1-9][0-9]{0,17}):(?:approved|done)"
    r"|(statement_line):([1-9][0-9]{0,17}):charge)"
)


def find_unexplained_entries() -> Iterator[str]:
    """Every entry is booked for a row that exists."""
    for entries in batches(LedgerEntry.objects.all()):
        causes = {entry.pk: _read_cause(entry.cause) for entry in entries}
        known = {kind: _known(kind, {name for k, name in causes.values() if k == kind}) for kind in _SUBJECTS}
        for entry in entries:
            kind, name = causes[entry.pk]
            if name not in known.get(kind, set()):
                yield f"ledger_entry:{entry.pk} ({entry.cause}): no {kind or 'row'} stands behind it"


def _read_cause(cause: str) -> tuple[str, str]:
    """(kind, id or receipt) of the row that a cause names; two empty words for no cause of ours."""
    found = _CAUSE.fullmatch(cause)
    words = [word for word in found.groups() if word] if found else ["", ""]
    return words[0], words[1]


_SUBJECTS: Mapping[str, type[Model]] = {
    "payment": Payment,
    "vend": Vend,
    "refund": Refund,
    "statement_line": StatementLine,
}


def _known(kind: str, names: set[str]) -> set[str]:
    rows = _SUBJECTS[kind]._default_manager.filter(pk__in=names)
    return {str(pk) for pk in rows.values_list("pk", flat=True)}


class _Story(NamedTuple):
    """All rows that say what became of a payment."""

    payment: Payment
    first: Vend | None
    moved: Vend | None
    reversal: Reversal | None
    refunds: list[Refund]


def find_unbooked_payments() -> Iterator[str]:
    """Money that reached us is booked once, in full, for what it bought and the meter it went to; nothing else is."""
    for payments in batches(Payment.objects.all()):
        booked = list_booked([_cause(payment, kind) for payment in payments for kind in _KINDS])
        for story in _stories(payments):
            yield from _check_story(story, booked)


def _stories(payments: Sequence[Payment]) -> Iterator[_Story]:
    references = [str(payment.pk) for payment in payments]
    vends = Vend.objects.filter(authority__reference__in=references).select_related("authority", "tariff")
    made = {(vend.authority.kind, vend.authority.reference): vend for vend in vends}
    reversals = {
        reversal.payment_id: reversal
        for reversal in Reversal.objects.filter(payment__in=payments, applied_at__isnull=False).exclude(
            outcome="refund"
        )
    }
    refunds: dict[int, list[Refund]] = {}
    for refund in Refund.objects.filter(payment__in=payments):
        refunds.setdefault(refund.payment_id, []).append(refund)
    for payment in payments:
        name = str(payment.pk)
        yield _Story(
            payment,
            made.get(("payment", name)),
            made.get(("moved", name)),
            reversals.get(payment.pk),
            refunds.get(payment.pk, []),
        )


def _check_story(story: _Story, booked: Mapping[str, Entry]) -> Iterator[str]:
    payment, name = story.payment, f"payment:{story.payment.pk}"
    if payment.receipt and payment.state in WITHOUT_MONEY and payment.state != PaymentState.DECLINED:
        yield f"{name}: is {payment.state}, but has a receipt"
    kinds = [kind for kind in _KINDS if _cause(payment, kind) in booked]
    if [kind for kind in kinds if kind in ("suspense", "allocated")] not in _BOOKED_AS.get(payment.state, ([],)):
        yield f"{name}: is {payment.state}, but {' and '.join(kinds) or 'nothing'} is booked for it"
    if story.moved and "moved" not in kinds:
        yield f"{name} and vend:{story.moved.pk}: the move of its money is not booked"
    yield from _check_end(story, "reversed" in kinds)
    for kind in kinds:
        entry = booked[_cause(payment, kind)]
        right = _right_lines(story, kind, kinds, booked)
        if (entry.currency, entry.lines) != (payment.currency, right):
            vend = story.moved if kind == "moved" else story.first
            names = f"{name} and vend:{vend.pk}" if vend and kind in ("allocated", "moved") else name
            shown = Entry(entry.id, payment.currency, right)
            yield f"{names}: ledger_entry:{entry.id} ({_cause(payment, kind)}) is {entry}, but should be {shown}"


def _check_end(story: _Story, is_reversed: bool) -> Iterator[str]:
    """Money that went back went once, for a reason that has a row."""
    payment, name = story.payment, f"payment:{story.payment.pk}"
    if is_reversed != (story.reversal is not None):
        word = "is" if is_reversed else "is not"
        yield f"{name}: a reversal {word} booked, which its rows do not say"
    done = any(refund.state == RefundState.DONE for refund in story.refunds)
    if payment.state in (PaymentState.REFUNDED, PaymentState.REVERSED) and not done and not is_reversed:
        yield f"{name}: is {payment.state}, but no money went back"
    if payment.state == PaymentState.REFUND_PENDING and not story.refunds:
        yield f"{name}: is REFUND_PENDING without a refund"
    back = sum(refund.amount_minor for refund in story.refunds)
    if back > payment.amount_minor:
        yield f"{name}: {back} of its {payment.amount_minor} is given back"


def _right_lines(story: _Story, kind: str, kinds: Sequence[str], booked: Mapping[str, Entry]) -> Lines:
    payment = story.payment
    entry = booked[_cause(payment, kind)]
    if kind == "suspense":
        return expected.suspense_lines(payment)
    moved = booked.get(_cause(payment, "moved"))
    old_meter_id = _old_meter(story, moved)
    if kind == "allocated":
        return expected.allocated_lines(payment, story.first, old_meter_id, was_lost="suspense" in kinds)
    if kind == "moved":
        amount = entry.lines.get((WALLET, old_meter_id), 0)
        return expected.moved_lines(story.moved, old_meter_id, payment.meter_id, amount)
    return _right_reversal(story, entry)


def _old_meter(story: _Story, moved: Entry | None) -> int | None:
    """The meter that the money was for at first."""
    if moved is None:
        return story.payment.meter_id
    if story.first:
        return story.first.meter_id
    return next((meter for (account, meter), amount in moved.lines.items() if account == WALLET and amount > 0), None)


def _right_reversal(story: _Story, entry: Entry) -> Lines:
    """From where it was taken is what the entry says, as far as those places may bear it."""
    payment, amount = story.payment, 0
    if story.reversal:
        amount = story.reversal.amount_minor - sum(refund.amount_minor for refund in _done_by(story))
    borne = {
        (account, meter): sum_
        for (account, meter), sum_ in entry.lines.items()
        if account in _TAKEN_FROM and sum_ > 0 and meter in (None, payment.meter_id)
    }
    return borne | {(provider_float(payment.provider), None): -amount}


def _done_by(story: _Story) -> list[Refund]:
    """The refunds of ours that the provider's reversal made unnecessary: they bear their part of it."""
    receipts = {story.reversal.receipt or story.payment.receipt} if story.reversal else set()
    return [refund for refund in story.refunds if refund.payout_receipt in receipts]


def find_unbooked_endings() -> Iterator[str]:
    """A sale that was cancelled, a charge and a refund are booked, each as far as it got."""
    for vends in batches(Vend.objects.select_related("tariff")):
        booked = list_booked([f"vend:{vend.pk}:cancelled" for vend in vends])
        for vend in vends:
            right = expected.cancelled_lines(vend) if vend.state == VendState.CANCELLED else None
            yield from _check_entry(f"vend:{vend.pk}", "cancelled", vend.currency, right, booked)
    for lines in batches(StatementLine.objects.filter(kind="charge")):
        booked = list_booked([f"statement_line:{line.pk}:charge" for line in lines])
        for line in lines:
            name = f"statement_line:{line.pk}"
            yield from _check_entry(name, "charge", line.currency, expected.charge_lines(line), booked)
    for refunds in batches(Refund.objects.select_related("payment")):
        booked = list_booked([f"refund:{refund.pk}:{kind}" for refund in refunds for kind in ("approved", "done")])
        for refund in refunds:
            name = f"refund:{refund.pk}"
            yield from _check_entry(name, "approved", refund.currency, expected.approved_lines(refund), booked)
            done = expected.done_lines(refund) if refund.state == RefundState.DONE else None
            yield from _check_entry(name, "done", refund.currency, done, booked)


def _check_entry(
    name: str, kind: str, currency: str, right: Lines | None, booked: Mapping[str, Entry]
) -> Iterator[str]:
    entry = booked.get(f"{name}:{kind}")
    if (entry is None) != (right is None):
        yield f"{name}: {kind} is {'not ' if entry is None else ''}booked, against its state"
    elif entry and right is not None and (entry.currency, entry.lines) != (currency, right):
        yield f"{name}: ledger_entry:{entry.id} ({name}:{kind}) is {entry}, but should be {Entry(0, currency, right)}"


def _cause(payment: Payment, kind: str) -> str:
    return f"payment:{payment.pk}:{kind}"
