"""What can be asked about sales: a quote before, the facts for issuing and verifying, the last codes after."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from django.db.models import Q

from fleet.meters.models import Meter
from vending.kernel.errors import DomainError
from vending.keys.queries import list_vending_keys
from vending.ledger.queries import get_wallet
from vending.sts.amounts import greatest_amount_within
from vending.tariffs.engine import Split, least_payment, split_money
from vending.tariffs.queries import load_tariffs
from vending.vends.errors import MeterBlocked
from vending.vends.lifecycle import VendState
from vending.vends.models import UNFINISHED, Vend
from vending.vends.selling import find_refusal, key_name_of
from vending.vends.standing import load_records, terms_at

if TYPE_CHECKING:
    from django.db.models import QuerySet


@dataclass(frozen=True)
class Quote:
    """What an amount would buy now. `refusal` is "" or one of "blocked", "cannot_sell", "too_little", "too_much".

    The first two are about the meter, whatever the amount; `refusal_code` says why, as an error code. `most_minor` is
    what the tariff takes at once, and of its limit for a day what the meter has left: 0, when that buys nothing more,
    whatever is paid.
    """

    split: Split
    currency: str
    least_minor: int
    most_minor: int
    refusal: str
    refusal_code: str
    fee_due_minor: int
    fee_months: int
    least_energy_kwh_tenths: int


def get_quote(*, meter: Meter, paid_minor: int, now: datetime) -> Quote:
    """A trial sale by the same rule as the real one: no token, no lock, no write. Raises `TariffMissing`."""
    terms = terms_at(load_tariffs([meter.site_id], now), meter, now)
    records = load_records([terms])
    standing, most = records.standing_of(terms), records.limit_of(terms)
    if most < least_payment(terms.prices, wallet_minor=0, standing=standing):
        most = 0
    wallet = get_wallet(meter.pk)
    split = split_money(
        terms.prices,
        paid_minor=paid_minor,
        wallet_minor=wallet,
        standing=standing,
        greatest_within=greatest_amount_within,
    )
    reason = list_refusals([meter], now)[meter.pk]
    least = least_payment(terms.prices, wallet_minor=wallet, standing=standing)
    least = max(least, terms.tariff.least_payment_minor)
    return Quote(
        split=split,
        currency=terms.tariff.currency,
        least_minor=least,
        most_minor=most,
        refusal=_refusal(reason, split, least, most),
        refusal_code=reason.code if reason else "",
        fee_due_minor=terms.prices.fixed_fee_minor * standing.fee_months,
        fee_months=standing.fee_months,
        least_energy_kwh_tenths=terms.prices.least_units,
    )


def _refusal(reason: DomainError | None, split: Split, least_minor: int, most_minor: int) -> str:
    if reason:
        return "blocked" if isinstance(reason, MeterBlocked) else "cannot_sell"
    if split.paid_minor > most_minor or most_minor < least_minor:
        return "too_much"
    return "" if split.paid_minor >= least_minor and split.is_sale else "too_little"


def list_refusals(meters: Collection[Meter], now: datetime) -> dict[int, DomainError | None]:
    """Why each of these meters cannot be sold to now, by its id; None where it can. One round trip for all of them."""
    keys = list_vending_keys({key_name_of(meter) for meter in meters})
    return {meter.pk: find_refusal(meter=meter, keys=keys, now=now) for meter in meters}


def list_vends_with_tokens(vend_ids: Collection[int]) -> list[Vend]:
    """These vends as the database has them now, with meter, site, token and vending key, in order of id.

    Cancelled ones are left out: no module is asked for a code of theirs, and nobody is sent one.
    """
    vends = Vend.objects.select_related("meter__site", "authority__token__vending_key")
    return list(vends.filter(pk__in=vend_ids).exclude(state=VendState.CANCELLED).order_by("pk"))


def list_sold_tokens(vend_ids: Collection[int]) -> list[Vend]:
    """The same with their token alone: what was sold, beside what was made."""
    return list(Vend.objects.select_related("authority__token").filter(pk__in=vend_ids).order_by("pk"))


def list_meters_of_tokenless(vend_ids: Collection[int]) -> set[int]:
    """The meters of those of these vends that have no token yet."""
    bare = Vend.objects.filter(pk__in=vend_ids, authority__token=None)
    return set(bare.values_list("meter_id", flat=True))


def get_vend(vend_id: int) -> Vend | None:
    return _whole().filter(pk=vend_id).first()


def list_last_vends(meter_id: int, limit: int) -> list[Vend]:
    """The newest sales of a meter, cancelled ones left out."""
    return list(_whole().filter(meter_id=meter_id).exclude(state=VendState.CANCELLED).order_by("-pk")[:limit])


def list_issued_vends(*, meter_ids: Collection[int], references: Collection[str], limit: int) -> list[Vend]:
    """The newest sales with a code, of these meters or made from these payments, moved to another meter or not."""
    paid = Q(authority__kind__in=("payment", "moved"), authority__reference__in=references)
    whose = Q(meter_id__in=meter_ids) | paid
    return list(_whole().filter(whose, state=VendState.ISSUED).order_by("-pk")[:limit])


def list_unfinished_vends(limit: int) -> list[Vend]:
    """Paid sales without a verified token, the oldest first."""
    return list(_whole().filter(state__in=UNFINISHED).order_by("funded_at")[:limit])


def _whole() -> "QuerySet[Vend]":
    return Vend.objects.select_related("meter__customer", "meter__site", "authority__token__vending_key")


def list_newest_vends(*, before_id: int | None, limit: int) -> list[Vend]:
    """Sales from the newest down, below `before_id` if one is given: pages by key, never by counting."""
    page = _whole() if before_id is None else _whole().filter(pk__lt=before_id)
    return list(page.order_by("-pk")[:limit])


def find_vend_of(kind: str, reference: str) -> Vend | None:
    """The sale that this authority became, or None."""
    return _whole().filter(authority__kind=kind, authority__reference=reference).first()


def list_vend_ids_of(kind: str, references: Collection[str]) -> dict[str, int]:
    """The sale that each of these authorities became, by reference; one that bought nothing is left out."""
    made = Vend.objects.filter(authority__kind=kind, authority__reference__in=references)
    return dict(made.values_list("authority__reference", "pk"))
