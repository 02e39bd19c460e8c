"""Rows against the audit trail and the journal: states, what was recorded, and what came in by a door."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeVar

from django.db.models import Q, QuerySet

from fleet.meters.lifecycle import MeterState
from fleet.meters.models import Meter
from gateway.books.rows import Row, batches, list_acts, list_details
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import STATEMENT, Door
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.webhooks.models import Callback
from vending.keys.models import VendingKey
from vending.tariffs.models import Tariff
from vending.tariffs.queries import facts_of
from vending.tariffs.terms import terms_of
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

_STATES_AFTER_ACT: Mapping[str, Collection[str]] = {
    **{f"payment.{state.lower()}": (state,) for state in PaymentState},
    "vend.funded": (VendState.FUNDED, VendState.ISSUING, VendState.HELD),
    "vend.held": (VendState.HELD, VendState.ISSUING),
    "vend.issued": (VendState.ISSUED,),
    "vend.cancelled": (VendState.CANCELLED,),
    **{f"refund.{state.lower()}": (state,) for state in RefundState},
    "refund.approved": (RefundState.WAITING,),
}
_TAKEN = ("accepted", "repeated", "conflict", "created", "matched", "differs")
StatedRow = TypeVar("StatedRow", Payment, Vend, Refund)


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
    """Payments, sales, refunds and meters are in the state to which their last audited act brought them."""
    for payments in batches(Payment.objects.all()):
        yield from _check_states("payment", payments)
    for vends in batches(Vend.objects.all()):
        yield from _check_states("vend", vends)
    for refunds in batches(Refund.objects.all()):
        yield from _check_states("refund", refunds)
    for meters in batches(Meter.objects.all()):
        moved = list_details("meter.moved", "after", [f"meter:{meter.pk}" for meter in meters])
        for meter in meters:
            if meter.state != moved.get(f"meter:{meter.pk}", MeterState.STOCK):
                yield f"meter:{meter.pk}: is {meter.state}, but no act moved it there"


def _check_states(kind: str, rows: Sequence[StatedRow]) -> Iterator[str]:
    last = list_acts(_STATES_AFTER_ACT, [f"{kind}:{row.pk}" for row in rows])
    for row in rows:
        said = last.get(f"{kind}:{row.pk}")
        act = said.act if said else ""
        if row.state not in _STATES_AFTER_ACT.get(act, ()):
            yield f"{kind}:{row.pk}: is {row.state}, but its audit trail ends with {act or 'nothing'}"


def find_altered_rows() -> Iterator[str]:
    """What decides prices, keys and money that goes back is still what was recorded when it was set."""
    yield from _check_recorded("meter", "meter.registered", Meter.objects.all())
    yield from _check_recorded("vending_key", "vending_key.loaded", VendingKey.objects.defer("sealed"))
    yield from _check_recorded("refund", "refund.approved", Refund.objects.all())
    yield from _check_recorded("tariff", "tariff.published", Tariff.objects.all(), _terms_of)


def _terms_of(tariff: Tariff) -> Mapping[str, object]:
    return terms_of(facts_of(tariff))


def _check_recorded(
    kind: str, act: str, rows: QuerySet[Row], facts_of_row: Callable[[Row], Mapping[str, object]] = vars
) -> Iterator[str]:
    for batch in batches(rows):
        recorded = list_acts((act,), [f"{kind}:{row.pk}" for row in batch])
        for row in batch:
            said = recorded.get(f"{kind}:{row.pk}")
            if said is None or not said.details:
                yield f"{kind}:{row.pk}: no {act} was recorded for it"
                continue
            facts = facts_of_row(row)
            if altered := [name for name, value in said.details.items() if facts.get(name, value) != value]:
                yield f"{kind}:{row.pk}: {', '.join(altered)} is not what {act} recorded"
