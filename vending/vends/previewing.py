"""What a tariff would have made of last month's sales, asked before it is published. Nothing is written.

Each meter's month is played again through the engine: the same money at the same moments, by the proposed prices, with
a wallet, a day's limit and a month's blocks of its own. Every meter that bought pays one month's fee and gets one
allowance, as in any month from then on; arrears are left out. People are taken to pay what they paid.
"""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import F, Sum

from fleet.sites.models import Site
from vending.ledger.days import midnight_of
from vending.sts.amounts import greatest_amount_within
from vending.tariffs.engine import Split, Standing, split_money
from vending.tariffs.queries import list_own_classes, month_of
from vending.tariffs.terms import TariffFacts
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

if TYPE_CHECKING:
    from django.db.models import QuerySet

MOST_LOSERS = 10
_ROWS_AT_ONCE = 2_000


class Loss(NamedTuple):
    """A meter that gets less for the same money."""

    drn: str
    energy_before_kwh_tenths: int
    energy_after_kwh_tenths: int


@dataclass(frozen=True)
class Side:
    """A month's sales, as they were or as they would have been. Revenue is net price and fees, without the taxes."""

    sales: int
    energy_kwh_tenths: int
    revenue_minor: int
    taxes_minor: int


@dataclass(frozen=True)
class TariffPreview:
    """The two sides of a month. `customers` are the meters that bought; `losers` those who lose most, in that order."""

    month_date: date
    currency: str
    customers: int
    before: Side
    after: Side
    losers: tuple[Loss, ...]

    def average_kwh_tenths(self, side: Side) -> int:
        """Units per customer, rounded half up; 0 without customers."""
        return (2 * side.energy_kwh_tenths + self.customers) // (2 * self.customers) if self.customers else 0


class _Sale(NamedTuple):
    """A sale as it was; the fields are columns."""

    meter_id: int
    meter__drn: str
    priced_at: datetime
    paid_minor: int
    wallet_used_minor: int
    kept_minor: int
    net_minor: int
    fee_minor: int
    vat_minor: int
    levies_minor: int
    energy_kwh_tenths: int


@dataclass
class _Sum:
    """A side that is being added up."""

    sales: int = 0
    energy_kwh_tenths: int = 0
    revenue_minor: int = 0
    taxes_minor: int = 0

    def add(self, part: "_Sale | Split") -> None:
        self.sales += 1
        self.energy_kwh_tenths += part.energy_kwh_tenths
        self.revenue_minor += part.net_minor + part.fee_minor
        self.taxes_minor += part.vat_minor + part.levies_minor


@dataclass
class _Replay:
    """One meter's month by the proposed prices."""

    facts: TariffFacts
    timezone: str
    is_lifeline: bool
    wallet_minor: int = 0
    sold_kwh_tenths: int = 0
    had_sale: bool = False
    spent_of_day: dict[date, int] = field(default_factory=dict)

    def buy(self, paid_minor: int, priced_at: datetime) -> Split:
        day = priced_at.astimezone(ZoneInfo(self.timezone)).date()
        split = split_money(
            self.facts.prices,
            paid_minor=paid_minor,
            wallet_minor=self.wallet_minor,
            standing=self._standing(day),
            greatest_within=greatest_amount_within,
        )
        self.wallet_minor += split.kept_minor - split.wallet_used_minor
        if split.is_sale:
            spent = paid_minor + split.wallet_used_minor - split.kept_minor
            self.spent_of_day[day] = self.spent_of_day.get(day, 0) + spent
            self.sold_kwh_tenths += split.energy_kwh_tenths - split.free_kwh_tenths
            self.had_sale = True
        return split

    def _standing(self, day: date) -> Standing:
        limit = self.facts.most_payment_minor
        if self.facts.day_limit_minor:
            limit = min(limit, self.facts.day_limit_minor - self.spent_of_day.get(day, 0))
        return Standing(
            month_before_kwh_tenths=self.sold_kwh_tenths,
            is_lifeline=self.is_lifeline,
            fee_months=0 if self.had_sale else 1,
            is_allowance_due=not self.had_sale,
            spend_limit_minor=limit,
        )


def preview_tariff(*, site: Site, facts: TariffFacts, now: datetime) -> TariffPreview:
    """The last whole calendar month, by the site's clock, of the meters that the version would hold for at its start.

    The sales are read as a stream, meter by meter; cancelled ones and those in another currency are left out.
    """
    month = _month_before(month_of(now, site.timezone))
    units_before = _list_units(site, facts, _month_before(month)) if facts.prices.lifeline else {}
    before, after, customers = _Sum(), _Sum(), 0
    losses: list[Loss] = []
    for meter_id, sales in groupby(_stream(site, facts, month), key=lambda sale: sale.meter_id):
        customers += 1
        replay = _Replay(facts, site.timezone, _has_lifeline(facts, units_before.get(meter_id, 0)))
        losses = heapq.nlargest(MOST_LOSERS, [*losses, *_play(sales, replay, before, after)], key=_lost)
    return TariffPreview(
        month_date=month,
        currency=facts.currency,
        customers=customers,
        before=Side(**vars(before)),
        after=Side(**vars(after)),
        losers=tuple(losses),
    )


def _play(sales: Iterable[_Sale], replay: _Replay, before: _Sum, after: _Sum) -> Iterator[Loss]:
    """Add a meter's sales to both sides; yields its loss, if it has one.

    What came in for a sale is its payment and what the wallet holds more than the sale before it had left: payments
    that bought nothing by the old prices.
    """
    had, gets, left = before.energy_kwh_tenths, after.energy_kwh_tenths, 0
    drn = ""
    for sale in sales:
        drn = sale.meter__drn
        before.add(sale)
        came_in = sale.paid_minor + sale.wallet_used_minor - left
        left = sale.kept_minor
        if came_in < 0:  # money of the wallet was given back
            replay.wallet_minor = max(replay.wallet_minor + came_in, 0)
        split = replay.buy(max(came_in, 0), sale.priced_at)
        if split.is_sale:
            after.add(split)
    loss = Loss(drn, before.energy_kwh_tenths - had, after.energy_kwh_tenths - gets)
    if _lost(loss) > 0:
        yield loss


def _lost(loss: Loss) -> int:
    return loss.energy_before_kwh_tenths - loss.energy_after_kwh_tenths


def _has_lifeline(facts: TariffFacts, units_before: int) -> bool:
    return facts.prices.lifeline is not None and units_before <= facts.prices.lifeline.most_kwh_tenths


def _stream(site: Site, facts: TariffFacts, month: date) -> Iterator[_Sale]:
    sales = _sales_of(site, facts, month).order_by("meter_id", "priced_at", "pk")
    return (_Sale(*row) for row in sales.values_list(*_Sale._fields).iterator(chunk_size=_ROWS_AT_ONCE))


def _list_units(site: Site, facts: TariffFacts, month: date) -> dict[int, int]:
    """Paid units of each meter in a month."""
    paid = Sum(F("energy_kwh_tenths") - F("free_kwh_tenths"))
    return dict(_sales_of(site, facts, month).order_by().values_list("meter_id").annotate(paid=paid))


def _sales_of(site: Site, facts: TariffFacts, month: date) -> "QuerySet[Vend]":
    sales = Vend.objects.exclude(state=VendState.CANCELLED).filter(
        meter__site=site,
        currency=facts.currency,
        priced_at__gte=midnight_of(month, site.timezone),
        priced_at__lt=midnight_of(_month_after(month), site.timezone),
    )
    if facts.customer_class:
        return sales.filter(meter__customer_class=facts.customer_class)
    return sales.exclude(meter__customer_class__in=list_own_classes(site.pk, facts.starts_at))


def _month_before(month: date) -> date:
    return (month - timedelta(days=1)).replace(day=1)


def _month_after(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
