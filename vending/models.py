"""Index of this app's tables; each stands in its slice."""

from vending.keys.models import KeyComponent, VendingKey
from vending.ledger.models import ClosedDay, LedgerEntry, LedgerLine
from vending.tariffs.models import FixedFeeCharge, FreeAllowance, Tariff
from vending.tokens.models import Authority, MeterTid, Token
from vending.vends.models import Vend

__all__ = [
    "Authority",
    "ClosedDay",
    "FixedFeeCharge",
    "FreeAllowance",
    "KeyComponent",
    "LedgerEntry",
    "LedgerLine",
    "MeterTid",
    "Tariff",
    "Token",
    "Vend",
    "VendingKey",
]
