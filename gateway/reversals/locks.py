"""The lock on a reversal. It is taken before the meter, the payment and the vends that it is about."""

from gateway.reversals.models import Reversal


def lock_reversal(reversal_id: int) -> Reversal:
    return Reversal.objects.select_for_update().get(pk=reversal_id)


def lock_reversal_of(provider: str, payment_receipt: str) -> Reversal | None:
    rows = Reversal.objects.select_for_update()
    return rows.filter(provider=provider, payment_receipt=payment_receipt).first()
