"""Sites are few and made by staff."""

from datetime import datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.sites.models import Site


@transaction.atomic
def add_site(*, code: str, name: str, currency: str, timezone: str, actor: str, now: datetime) -> Site:
    """Idempotent by code."""
    site, is_new = Site.objects.get_or_create(
        code=code, defaults={"name": name, "currency": currency, "timezone": timezone}
    )
    if is_new:
        record(actor=actor, acts=[Act("site.added", f"site:{site.pk}", {"code": code})], now=now)
    return site
