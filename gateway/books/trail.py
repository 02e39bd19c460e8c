"""Rows against the audit trail and the journal: states, what was recorded, and what came in by a door."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from django.db.models import Q, QuerySet

from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval
from fleet.audit.models import AuditEntry
from fleet.meters.lifecycle import MeterState
from fleet.meters.models import Meter
from gateway.books.rows import Row, batches, list_details
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import STATEMENT, Door
from gateway.webhooks.models import Callback
from vending.keys.models import VendingKey
from vending.tariffs.models import Tariff
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

_STATES_AFTER_ACT: Mapping[str, Collection[str]] = {
    **{f"payment.{state.lower()}": (state,) for state in PaymentState},
    "vend.funded": (VendState.FUNDED, VendState.ISSUING, VendState.HELD),
    "vend.held": (VendState.HELD, VendState.ISSUING),
    "vend.issued": (VendState.ISSUED,),
    "vend.cancelled": (VendState.CANCELLED,),
}
_TAKEN = ("accepted", "repeated", "conflict", "created", "matched", "differs")
StatedRow = TypeVar("StatedRow", Payment, Vend)


def find_unjournalled_payments() -> Iterator[str]:
    """Every receipt came in through a door, and the journal has its body."""
    for payments in batches(Payment.objects.exclude(receipt=None)):
        receipts = {payment.receipt for payment in payments}
        seen = set(Callback.objects.filter(subject__in=receipts).values_list("provider", "subject"))
        for payment in payments:
            if (payment.provider, payment.receipt) not in seen:
                yield f"payment:{payment.pk}: no callback in the journal names its receipt"


def find_unanswered_callbacks() -> Iterator[str]:
    """What the journal says we took is a payment, by its receipt or its prompt."""
    taken = Callback.objects.filter(
        door__in=(Door.CONFIRMATION, Door.STK, Door.PULL, STATEMENT), outcome__in=_TAKEN
    ).defer("body")
    for callbacks in batches(taken):
        subjects = {callback.subject for callback in callbacks}
        payments = Payment.objects.filter(Q(receipt__in=subjects) | Q(checkout_id__in=subjects))
        known = {
            (provider, name)
            for provider, *names in payments.values_list("provider", "receipt", "checkout_id")
            for name in names
        }
        for callback in callbacks:
            if (callback.provider, callback.subject) not in known:
                yield f"callback:{callback.pk}: was {callback.outcome}, but its subject is no payment's"


def find_wrong_states() -> Iterator[str]:
    """Payments, sales and meters are in the state to which their last audited act brought them."""
    for payments in batches(Payment.objects.all()):
        yield from _check_states("payment", payments)
    for vends in batches(Vend.objects.all()):
        yield from _check_states("vend", vends)
    for meters in batches(Meter.objects.all()):
        moved = list_details("meter.moved", "after", [f"meter:{meter.pk}" for meter in meters])
        for meter in meters:
            if meter.state != moved.get(f"meter:{meter.pk}", MeterState.STOCK):
                yield f"meter:{meter.pk}: is {meter.state}, but no act moved it there"


def _check_states(kind: str, rows: Sequence[StatedRow]) -> Iterator[str]:
    acts = AuditEntry.objects.filter(act__in=_STATES_AFTER_ACT, subject__in=[f"{kind}:{row.pk}" for row in rows])
    last = dict(acts.order_by("pk").values_list("subject", "act"))
    for row in rows:
        act = last.get(f"{kind}:{row.pk}", "")
        if row.state not in _STATES_AFTER_ACT.get(act, ()):
            yield f"{kind}:{row.pk}: is {row.state}, but its audit trail ends with {act or 'nothing'}"


def find_altered_rows() -> Iterator[str]:
    """What decides prices and keys is still what was recorded when it was set."""
    yield from _check_recorded("meter", "meter.registered", Meter.objects.all())
    yield from _check_recorded("tariff", "tariff.published", Tariff.objects.all())
    yield from _check_recorded("vending_key", "vending_key.loaded", VendingKey.objects.defer("sealed"))


def _check_recorded(kind: str, act: str, rows: QuerySet[Row]) -> Iterator[str]:
    for batch in batches(rows):
        subjects = [f"{kind}:{row.pk}" for row in batch]
        entries = AuditEntry.objects.filter(act=act, subject__in=subjects).order_by("pk")
        recorded = {entry.subject: entry.details for entry in entries if isinstance(entry.details, dict)}
        for row in batch:
            facts = recorded.get(f"{kind}:{row.pk}", {})
            altered = [name for name, value in facts.items() if _as_recorded(getattr(row, name, value)) != value]
            if altered:
                yield f"{kind}:{row.pk}: {', '.join(altered)} is not what {act} recorded"
            elif not facts:
                yield f"{kind}:{row.pk}: no {act} was recorded for it"


def _as_recorded(value: object) -> object:
    """A moment is recorded as text."""
    return value.isoformat() if isinstance(value, datetime) else value


def find_wrong_approvals() -> Iterator[str]:
    """What two persons decided was asked by one and decided by another, and the trail names both."""
    decided = Approval.objects.filter(state__in=(ApprovalState.APPROVED, ApprovalState.REFUSED))
    for approvals in batches(decided):
        subjects = [f"approval:{approval.pk}" for approval in approvals]
        acts = AuditEntry.objects.filter(subject__in=subjects, act__in=("approval.approved", "approval.refused"))
        said = dict(acts.order_by("pk").values_list("subject", "actor"))
        for approval in approvals:
            actor = said.get(f"approval:{approval.pk}", "")
            if actor != f"operator:{approval.checker_id}":
                yield f"approval:{approval.pk}: is {approval.state}, but {actor or 'nobody'} decided it by the trail"
