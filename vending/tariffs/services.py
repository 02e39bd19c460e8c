"""Publishing prices."""

from datetime import datetime

from django.db import transaction

from fleet.audit.services import Act, record
from vending.tariffs.engine import Prices
from vending.tariffs.models import Tariff


@transaction.atomic
def publish_tariff(
    *,
    site_id: int,
    currency: str,
    prices: Prices,
    least_payment_minor: int,
    most_payment_minor: int,
    starts_at: datetime,
    actor: str,
    now: datetime,
) -> Tariff:
    """A new version of a site's prices. Idempotent by (site, start)."""
    facts = vars(prices) | {
        "currency": currency,
        "least_payment_minor": least_payment_minor,
        "most_payment_minor": most_payment_minor,
    }
    tariff, is_new = Tariff.objects.get_or_create(site_id=site_id, starts_at=starts_at, defaults=facts)
    if is_new:
        record(actor=actor, acts=[Act("tariff.published", f"tariff:{tariff.pk}", facts)], now=now)
    return tariff
