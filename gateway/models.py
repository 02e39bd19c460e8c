"""Index of this app's tables; each stands in its slice."""

from gateway.payments.models import Payment
from gateway.sms.models import DeliveryReport, Message
from gateway.ussd.models import UssdSession
from gateway.webhooks.models import Callback

__all__ = ["Callback", "DeliveryReport", "Message", "Payment", "UssdSession"]
