"""Mobile money operators by name. The only module that imports their adapters."""

from functools import lru_cache

from django.conf import settings

from gateway.http.errors import UnknownProvider
from gateway.http.outbound import Deadlines
from gateway.payments.ports import PaymentProvider, Registered
from gateway.payments.providers.daraja import NAME as DARAJA
from gateway.payments.providers.daraja import CertificateMissing, DarajaProvider, Initiator, seal_password
from gateway.payments.token_cache import SharedTokenCache

# Of one request. A call makes two (a token, the order) and, when Daraja was quick to say that the token was bad, two
# more: in all less than a lease of 30 s, so that no two workers ever ask for one thing at once.
_DEADLINES = Deadlines(connect_seconds=3.05, read_seconds=7, total_seconds=7)


def get_provider(name: str) -> PaymentProvider:
    """The adapter of this name, made from the settings as they stand. Raises `UnknownProvider`."""
    return _get(name)


def list_pulled_providers() -> tuple[str, ...]:
    """Those whose list of payments can be pulled, because somebody registered for it."""
    return (DARAJA,) if settings.MPESA_PULL else ()


def check_provider(name: str) -> Registered:
    """Whether the provider takes our credentials. Raises `UnknownProvider`."""
    return _get(name).check()


def can_use_certificate() -> bool:
    """Whether the initiator's password could be sealed under the certificate that the settings name."""
    try:
        seal_password("", settings.MPESA_CERTIFICATE_FILE)
    except CertificateMissing:
        return False
    return True


def _get(name: str) -> DarajaProvider:
    if name != DARAJA:
        raise UnknownProvider("no such payment provider")
    return _daraja(
        settings.MPESA_BASE_URL,
        settings.MPESA_CONSUMER_KEY,
        settings.MPESA_CONSUMER_SECRET,
        settings.MPESA_SHORT_CODE,
        settings.MPESA_PASSKEY,
        Initiator(settings.MPESA_INITIATOR_NAME, settings.MPESA_INITIATOR_PASSWORD, settings.MPESA_CERTIFICATE_FILE),
        settings.MPESA_C2B_RESPONSE_TYPE,
        settings.MPESA_NOMINATED_NUMBER,
    )


# Kept by its values, so that connections stay open between calls and changed settings make a new adapter.
@lru_cache(maxsize=4)
def _daraja(
    base_url: str,
    consumer_key: str,
    consumer_secret: str,
    short_code: str,
    passkey: str,
    initiator: Initiator,
    response_type: str,
    nominated_number: str,
) -> DarajaProvider:
    return DarajaProvider(
        base_url=base_url,
        consumer_key=consumer_key,
        consumer_secret=consumer_secret,
        short_code=short_code,
        passkey=passkey,
        initiator=initiator,
        response_type=response_type,
        nominated_number=nominated_number,
        deadlines=_DEADLINES,
        token_cache=SharedTokenCache(DARAJA, f"{base_url} {consumer_key}"),
    )
