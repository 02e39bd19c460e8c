"""Finding a phone when a payer shows only a hash."""

from collections.abc import Collection

from fleet.customers.models import Phone


def list_numbers_by_sha256(hashes: Collection[str]) -> dict[str, str]:
    """SHA-256 of the number -> E.164, for those that are registered, in one round trip."""
    if not hashes:
        return {}
    return dict(Phone.objects.filter(msisdn_sha256__in=hashes).values_list("msisdn_sha256", "e164"))
