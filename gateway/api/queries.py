"""What the API asks: whose key it is, and what of a payment or a sale other slices have no question for."""

from collections.abc import Collection

from fleet.cases.models import Case
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


def list_open_cases_of(subjects: Collection[str]) -> list[Case]:
    """The open cases about any of these rows, the first due first."""
    return list(Case.objects.filter(subject__in=subjects, closed_at=None).order_by("due_at", "pk"))
