"""SMS providers by name, and the order in which they are tried. The only module that imports their adapters."""

from functools import lru_cache

from django.conf import settings

from gateway.http.errors import UnknownProvider
from gateway.sms.ports import SmsProvider
from gateway.sms.providers.africastalking import NAME as AFRICASTALKING
from gateway.sms.providers.africastalking import AfricasTalkingProvider


def get_provider(name: str) -> SmsProvider:
    """The adapter of this name, made from the settings as they stand. Raises `UnknownProvider`."""
    if name != AFRICASTALKING:
        raise UnknownProvider("no such SMS provider")
    return _africastalking(
        settings.AFRICASTALKING_BASE_URL,
        settings.AFRICASTALKING_USERNAME,
        settings.AFRICASTALKING_API_KEY,
        settings.AFRICASTALKING_SENDER_ID,
        settings.DEFAULT_REGION,
    )


def list_routes() -> tuple[SmsProvider, ...]:
    """The providers of `SMS_ROUTES` in their order: the first is tried first. Raises `UnknownProvider`."""
    return tuple(get_provider(name) for name in settings.SMS_ROUTES)


# Kept by its values, so that connections stay open between calls and changed settings make a new adapter.
@lru_cache(maxsize=4)
def _africastalking(base_url: str, username: str, api_key: str, sender_id: str, default_region: str) -> SmsProvider:
    return AfricasTalkingProvider(
        base_url=base_url,
        username=username,
        api_key=api_key,
        sender_id=sender_id,
        default_region=default_region,
    )
