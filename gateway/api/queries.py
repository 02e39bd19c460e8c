"""What can be asked about API keys."""

from gateway.api.keys import is_key_of, prefix_of
from gateway.api.models import ApiKey

# A key that is nobody's is compared too, so that an unknown prefix answers no faster than a wrong secret.
_NOBODYS_DIGEST = "0" * 64


def find_api_key(whole: str) -> ApiKey | None:
    """The row of a key that is right and not revoked."""
    prefix = prefix_of(whole)
    if not prefix:
        return None
    row = ApiKey.objects.filter(prefix=prefix).first()
    is_right = is_key_of(whole, row.digest if row else _NOBODYS_DIGEST)
    return row if row and is_right and row.revoked_at is None else None


def list_api_keys() -> list[ApiKey]:
    return list(ApiKey.objects.order_by("name"))
