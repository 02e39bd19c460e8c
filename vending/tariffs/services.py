"""Publishing prices. A version never changes after that, and no start is used twice."""

from datetime import datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.sites.models import Site
from vending.tariffs.checking import check_tariff
from vending.tariffs.engine import Prices
from vending.tariffs.errors import TariffInvalid, TariffStartTaken
from vending.tariffs.models import Tariff
from vending.tariffs.queries import facts_of, find_started
from vending.tariffs.terms import TariffFacts, terms_of


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
    customer_class: str = "",
    day_limit_minor: int = 0,
    note: str = "",
    approval_id: int | None = None,
) -> Tariff:
    """A new version of the prices of a site and a customer class ("": all that have none of their own).

    Idempotent by (site, class, start) and the same facts; with other facts `TariffStartTaken`. `TariffInvalid` for what
    no version may say. That a start is in the future, and that two persons agreed, is the caller's to see to: the first
    version of a site may have begun already.
    """
    facts = TariffFacts(
        currency=currency,
        prices=prices,
        least_payment_minor=least_payment_minor,
        most_payment_minor=most_payment_minor,
        starts_at=starts_at,
        customer_class=customer_class,
        day_limit_minor=day_limit_minor,
        note=note,
    )
    _check_facts(site_id, facts)
    tariff, is_new = Tariff.objects.get_or_create(
        site_id=site_id,
        customer_class=customer_class,
        starts_at=starts_at,
        defaults=_columns_of(facts) | {"approval_id": approval_id},
    )
    if facts_of(tariff) != facts:
        raise TariffStartTaken("another version starts at this moment", field="starts_at")
    if is_new:
        record(actor=actor, acts=[Act("tariff.published", f"tariff:{tariff.pk}", terms_of(facts))], now=now)
    return tariff


def check_can_publish(*, site_id: int, facts: TariffFacts, now: datetime) -> None:
    """What a person may propose: `TariffInvalid` also for a start that has come, `TariffStartTaken` for one in use."""
    _check_facts(site_id, facts)
    if facts.starts_at <= now:
        raise TariffInvalid("a version that persons publish starts in the future", field="starts_at")
    if find_started(site_id, facts.customer_class, facts.starts_at):
        raise TariffStartTaken("a version starts at this moment already", field="starts_at")


def _check_facts(site_id: int, facts: TariffFacts) -> None:
    check_tariff(facts)
    currency = Site.objects.filter(pk=site_id).values_list("currency", flat=True).first()
    if currency is None:
        raise TariffInvalid("no such site", field="site")
    if currency != facts.currency:
        raise TariffInvalid(f"the site's currency is {currency}", field="currency")


def _columns_of(facts: TariffFacts) -> dict[str, object]:
    terms = terms_of(facts)
    columns = {name: value for name, value in terms.items() if name not in ("starts_at", "lifeline")}
    if lifeline := facts.prices.lifeline:
        columns |= {
            "lifeline_kwh_tenths": lifeline.up_to_kwh_tenths,
            "lifeline_price_minor": lifeline.price_per_kwh_minor,
            "lifeline_most_kwh_tenths": lifeline.most_kwh_tenths,
        }
    return columns
