"""What the books say."""

from collections.abc import Collection, Iterator

from django.db.models import Count, Q, Sum

from vending.ledger.accounts import WALLET
from vending.ledger.models import LedgerEntry, LedgerLine


def list_wallets(meter_ids: Collection[int]) -> dict[int, int]:
    """What each meter's wallet holds, in minor units. Read under the meters' locks where it is then spent."""
    held = LedgerLine.objects.filter(account=WALLET, meter_id__in=meter_ids).values_list("meter_id")
    wallets = dict.fromkeys(meter_ids, 0)
    wallets.update({meter_id: -total for meter_id, total in held.annotate(total=Sum("amount_minor")).order_by()})
    return wallets


def get_wallet(meter_id: int) -> int:
    return list_wallets([meter_id])[meter_id]


def find_unbalanced_entries() -> Iterator[str]:
    """Every entry sums to nothing, and has lines."""
    sums = LedgerEntry.objects.annotate(total=Sum("lines__amount_minor"), count=Count("lines"))
    for entry in sums.filter(~Q(total=0) | Q(count=0)).iterator():
        yield f"ledger_entry:{entry.pk} ({entry.cause}): its {entry.count} lines sum to {entry.total}, not to 0"


def find_negative_wallets() -> Iterator[str]:
    """No wallet owes us."""
    owed = LedgerLine.objects.filter(account=WALLET).values("meter_id").annotate(total=Sum("amount_minor")).order_by()
    for row in owed.filter(total__gt=0):
        yield f"meter:{row['meter_id']}: its wallet holds {-row['total']}"
