"""Every payment is booked once for what became of it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from django.db.models import Sum

from gateway.books import expected
from gateway.books.rows import Entry, Lines, batches, list_acts, list_booked
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from vending.ledger.accounts import WALLET
from vending.ledger.models import LedgerLine
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


class _Story(NamedTuple):
    """All rows that say what became of a payment. `move` is what the audit trail keeps of its move."""

    payment: Payment
    first: Vend | None
    moved: Vend | None
    move: Mapping[str, object]
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
    moves = list_acts(("payment.moved",), [f"payment:{payment.pk}" for payment in payments])
    for payment in payments:
        name = str(payment.pk)
        move = moves.get(f"payment:{name}")
        yield _Story(
            payment,
            made.get(("payment", name)),
            made.get(("moved", name)),
            move.details if move else {},
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
    if (story.moved or story.move) and "moved" not in kinds:
        names = f"{name} and vend:{story.moved.pk}" if story.moved else name
        yield f"{names}: the move of its money is not booked"
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
    if kind == "suspense":
        return expected.suspense_lines(payment)
    old_meter_id = _number(story.move, "from") if "moved" in kinds else payment.meter_id
    if kind == "allocated":
        return expected.allocated_lines(payment, story.first, old_meter_id, was_lost="suspense" in kinds)
    if kind == "moved":
        return expected.moved_lines(story.moved, old_meter_id, payment.meter_id, _number(story.move, "moved_minor"))
    if story.reversal is None:
        return {}
    left = story.reversal.amount_minor - sum(refund.amount_minor for refund in _done_by(story.reversal, story))
    wallet = _wallet_before(payment.meter_id, booked[_cause(payment, kind)].id)
    return expected.reversed_lines(payment, story.reversal, left, wallet)


def _number(details: Mapping[str, object], name: str) -> int:
    """Of what the audit trail keeps; 0, which is no meter and no money, where it does not."""
    value = details.get(name)
    return value if isinstance(value, int) else 0


def _done_by(reversal: Reversal, story: _Story) -> list[Refund]:
    """The refunds of ours that the provider's reversal made unnecessary: they bear their part of it. It may have been
    told first without a receipt of its own.
    """
    receipts = {reversal.receipt, story.payment.receipt} - {""}
    return [refund for refund in story.refunds if refund.payout_receipt in receipts]


def _wallet_before(meter_id: int | None, entry_id: int) -> int:
    """What the meter's wallet held when this was booked: all that touches a wallet is booked under its meter's lock."""
    if meter_id is None:
        return 0
    before = LedgerLine.objects.filter(account=WALLET, meter_id=meter_id, entry_id__lt=entry_id)
    total: int | None = before.aggregate(total=Sum("amount_minor"))["total"]
    return -(total or 0)


def _cause(payment: Payment, kind: str) -> str:
    return f"payment:{payment.pk}:{kind}"
