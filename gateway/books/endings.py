"""A sale that was cancelled, a provider's charge and a refund are booked, each as far as it got."""

from collections.abc import Iterator, Mapping

from gateway.books import expected
from gateway.books.rows import Entry, Lines, batches, list_booked
from gateway.reconciliation.models import StatementLine
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend


def find_unbooked_endings() -> Iterator[str]:
    """A sale that was cancelled, a provider's charge and a refund are booked, each as far as it got."""
    yield from _find_cancelled()
    yield from _find_charges()
    yield from _find_refunds()


def _find_cancelled() -> Iterator[str]:
    for vends in batches(Vend.objects.select_related("tariff")):
        booked = list_booked([f"vend:{vend.pk}:cancelled" for vend in vends])
        for vend in vends:
            right = expected.cancelled_lines(vend) if vend.state == VendState.CANCELLED else None
            yield from _check_entry(f"vend:{vend.pk}", "cancelled", vend.currency, right, booked)


def _find_charges() -> Iterator[str]:
    for lines in batches(StatementLine.objects.filter(kind="charge")):
        booked = list_booked([f"statement_line:{line.pk}:charge" for line in lines])
        for line in lines:
            name = f"statement_line:{line.pk}"
            yield from _check_entry(name, "charge", line.currency, expected.charge_lines(line), booked)


def _find_refunds() -> Iterator[str]:
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
    """`right` is None, or without lines, where nothing is to be booked."""
    entry = booked.get(f"{name}:{kind}")
    if (entry is None) != (not right):
        yield f"{name}: {kind} is {'not ' if entry is None else ''}booked, against its state"
    elif entry and right and (entry.currency, entry.lines) != (currency, right):
        yield f"{name}: ledger_entry:{entry.id} ({name}:{kind}) is {entry}, but should be {Entry(0, currency, right)}"
