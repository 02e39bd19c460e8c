"""What the books say."""

from collections.abc import Collection

from django.db.models import Sum

from vending.ledger.accounts import WALLET
from vending.ledger.models import LedgerLine


def list_wallets(meter_ids: Collection[int]) -> dict[int, int]:
    """What each meter's wallet holds, in minor units. Read under the meters' locks where it is then spent."""
    held = LedgerLine.objects.filter(account=WALLET, meter_id__in=meter_ids).values_list("meter_id")
    wallets = dict.fromkeys(meter_ids, 0)
    wallets.update({meter_id: -total for meter_id, total in held.annotate(total=Sum("amount_minor")).order_by()})
    return wallets


def get_wallet(meter_id: int) -> int:
    return list_wallets([meter_id])[meter_id]
