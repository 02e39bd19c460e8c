"""Money that went back: what providers told of it, and the receipts under which refunds left."""

from collections.abc import Iterator, Mapping

from gateway.books.rows import LastAct, batches, list_acts
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal

_NOTED, _APPLIED = "reversal.noted", "reversal.applied"


def find_wrong_reversals() -> Iterator[str]:
    """A reversal says what its door told, and met what the trail says that it met."""
    for reversals in batches(Reversal.objects.all()):
        names = [f"reversal:{reversal.pk}" for reversal in reversals]
        noted, applied = list_acts((_NOTED,), names), list_acts((_APPLIED,), names)
        for reversal, name in zip(reversals, names, strict=True):
            told = {name: getattr(reversal, name) for name in ("payment_receipt", "amount_minor", "door")}
            if _details(noted, name) != told:
                yield f"{name}: is not what {_NOTED} recorded"
            met = {"payment_id": reversal.payment_id, "outcome": reversal.outcome} if reversal.applied_at else {}
            if _details(applied, name) != met:
                yield f"{name}: is {'not ' if not met else ''}applied, which {_APPLIED} does not say"


def find_wrong_receipts() -> Iterator[str]:
    """A refund left under the receipt that a person entered, or that of the provider's reversal."""
    done = Refund.objects.filter(state=RefundState.DONE).select_related("payment")
    for refunds in batches(done.prefetch_related("payment__reversals")):
        entered = list_acts(("refund.paid_out",), [f"refund:{refund.pk}" for refund in refunds])
        for refund in refunds:
            name, payment = f"refund:{refund.pk}", refund.payment
            known = {_details(entered, name).get("receipt"), payment.receipt if payment.reversals.all() else None}
            if refund.payout_receipt not in known | {reversal.receipt for reversal in payment.reversals.all()}:
                yield f"{name}: nobody said that money left under its receipt"


def _details(acts: Mapping[str, LastAct], name: str) -> Mapping[str, object]:
    return dict(acts[name].details) if name in acts else {}
