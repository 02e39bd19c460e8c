"""What can be asked before an act at the desk."""

from vending.ledger.models import LedgerEntry


def is_moved(payment_id: int) -> bool:
    """Whether a payment's money went to another meter before, as the books say."""
    return LedgerEntry.objects.filter(cause=f"payment:{payment_id}:moved").exists()
