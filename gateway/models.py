"""Index of this app's tables; each stands in its slice."""

from gateway.api.models import ApiKey
from gateway.claims.models import ClaimTry, MeterClaim
from gateway.inquiries.models import Inquiry
from gateway.payments.models import Payment
from gateway.reconciliation.models import ColumnMapping, Statement, StatementLine
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from gateway.sms.models import DeliveryReport, Message
from gateway.ussd.models import UssdSession
from gateway.webhooks.models import Callback

__all__ = [
    "ApiKey",
    "Callback",
    "ClaimTry",
    "ColumnMapping",
    "DeliveryReport",
    "Inquiry",
    "Message",
    "MeterClaim",
    "Payment",
    "Refund",
    "Reversal",
    "Statement",
    "StatementLine",
    "UssdSession",
]
