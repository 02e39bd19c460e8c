"""Mobile money operators by name. The only module that imports their adapters."""

from functools import lru_cache

from django.conf import settings

from gateway.http.errors import UnknownProvider
from gateway.http.outbound import Deadlines
from gateway.payments.ports import PaymentProvider
from gateway.payments.providers.daraja import NAME as DARAJA
from gateway.payments.providers.daraja import DarajaProvider
from gateway.payments.token_cache import SharedTokenCache


def get_provider(name: str) -> PaymentProvider:
    """The adapter of this name, made from the settings as they stand. Raises `UnknownProvider`."""
    if name != DARAJA:
        raise UnknownProvider("no such payment provider")
    return _daraja(
        settings.MPESA_BASE_URL,
        settings.MPESA_CONSUMER_KEY,
        settings.MPESA_CONSUMER_SECRET,
        settings.MPESA_SHORT_CODE,
        settings.MPESA_PASSKEY,
    )


# A prompt takes four of these at most (a token, the push, both again when the token was stale): less than the lease on
# its purchase, so that no two workers ever ask for one prompt at once.
_DEADLINES = Deadlines(connect_seconds=3.05, read_seconds=7, total_seconds=7)


# Kept by its values, so that connections stay open between calls and changed settings make a new adapter.
@lru_cache(maxsize=4)
def _daraja(base_url: str, consumer_key: str, consumer_secret: str, short_code: str, passkey: str) -> PaymentProvider:
    return DarajaProvider(
        base_url=base_url,
        consumer_key=consumer_key,
        consumer_secret=consumer_secret,
        short_code=short_code,
        passkey=passkey,
        deadlines=_DEADLINES,
        token_cache=SharedTokenCache(DARAJA, f"{base_url} {consumer_key}"),
    )
