"""USSD providers by name. The only module that imports their adapters."""

from django.conf import settings

from gateway.http.errors import UnknownProvider
from gateway.ussd.ports import UssdProvider
from gateway.ussd.providers.africastalking import NAME as AFRICASTALKING
from gateway.ussd.providers.africastalking import AfricasTalkingUssd


def get_provider(name: str) -> UssdProvider:
    """The adapter of this name, made from the settings as they stand. Raises `UnknownProvider`."""
    if name != AFRICASTALKING:
        raise UnknownProvider("no such USSD provider")
    return AfricasTalkingUssd(default_region=settings.DEFAULT_REGION)
