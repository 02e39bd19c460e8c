"""What meters have had, and may still spend, when a batch of sales is priced: asked once, kept up within the batch.

Months and days are calendar ones by the site's own clock, at the moment whose prices are used. Only units that were
paid for use up blocks and count for the lifeline; a cancelled sale counts for nothing. What no tariff of the batch
needs is not asked: a flat price without a day limit costs one statement, for its fixed fee.
"""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db.models import F, Q, Sum

from fleet.meters.models import Meter
from vending.ledger.days import bounds_of, midnight_of
from vending.tariffs.engine import Prices, Split, Standing
from vending.tariffs.models import Tariff
from vending.tariffs.queries import (
    TariffBook,
    count_months_between,
    count_months_due,
    list_allowances,
    list_fee_months,
    month_of,
    prices_of,
)
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

_AMOUNTS = {
    "sold": F("energy_kwh_tenths") - F("free_kwh_tenths"),
    "spent": F("paid_minor") + F("wallet_used_minor") - F("kept_minor"),
}


class Window(NamedTuple):
    """From the first moment to before the second."""

    starts_at: datetime
    until: datetime

    def holds(self, moment: datetime) -> bool:
        return self.starts_at <= moment < self.until


@dataclass(frozen=True)
class Terms:
    """A meter, the prices that hold for it, and the moment of them. `arrears_months`: how many months before this one
    can be charged with it.
    """

    meter: Meter
    tariff: Tariff
    prices: Prices
    priced_at: datetime
    arrears_months: int = 0

    @property
    def month(self) -> date:
        return month_of(self.priced_at, self.meter.site.timezone)

    @property
    def month_window(self) -> Window | None:
        """The month whose units choose the block; None where every unit has one price."""
        return self._window(self.month) if self.prices.blocks or self.prices.lifeline else None

    @property
    def lifeline_window(self) -> Window | None:
        """The month before, which decides whether the lifeline block holds."""
        return self._window((self.month - timedelta(days=1)).replace(day=1)) if self.prices.lifeline else None

    @property
    def day_window(self) -> Window | None:
        """The day that has a limit."""
        if not self.tariff.day_limit_minor:
            return None
        timezone = self.meter.site.timezone
        return Window(*bounds_of(self.priced_at.astimezone(ZoneInfo(timezone)).date(), timezone))

    def _window(self, month: date) -> Window:
        timezone = self.meter.site.timezone
        return Window(midnight_of(month, timezone), midnight_of(_next_month(month), timezone))


def terms_at(book: TariffBook, meter: Meter, moment: datetime) -> Terms:
    """The prices that hold for a meter at a moment. Raises `TariffMissing`."""
    tariff = book.at(meter.site_id, meter.customer_class, moment)
    return Terms(meter, tariff, prices_of(tariff), moment, _arrears_months(book, tariff, meter, moment))


def _arrears_months(book: TariffBook, tariff: Tariff, meter: Meter, moment: datetime) -> int:
    """Of the months that the version charges with a later sale, those that had a fixed fee from their first moment."""
    if not tariff.fee_arrears_months or not tariff.fixed_fee_minor:
        return 0
    timezone = meter.site.timezone
    since = book.fee_since(meter.site_id, meter.customer_class, moment)
    first = month_of(since, timezone)
    if since > midnight_of(first, timezone):
        first = _next_month(first)
    return max(0, min(tariff.fee_arrears_months, count_months_between(first, month_of(moment, timezone))))


class _Place(NamedTuple):
    """One sum: `of` "sold" is paid units, `of` "spent" is money, of one meter in one window."""

    of: str
    meter_id: int
    window: Window


@dataclass
class Records:
    """What the meters of a batch have had so far: units of months, money of days, fixed fees and allowances."""

    sums: dict[_Place, int]
    fee_months: dict[int, date]
    allowances: set[tuple[int, date]]

    def standing_of(self, terms: Terms) -> Standing:
        """How the meter stands before its next sale on these terms."""
        prices, lifeline = terms.prices, terms.prices.lifeline
        months = count_months_due(self.fee_months.get(terms.meter.pk), terms.month, terms.arrears_months)
        is_given = (terms.meter.pk, terms.month) in self.allowances
        return Standing(
            month_before_kwh_tenths=self._sum("sold", terms, terms.month_window),
            is_lifeline=lifeline is not None
            and self._sum("sold", terms, terms.lifeline_window) <= lifeline.most_kwh_tenths,
            fee_months=months if prices.fixed_fee_minor else 0,
            is_allowance_due=prices.free_kwh_tenths > 0 and not is_given,
            spend_limit_minor=self.limit_of(terms),
        )

    def limit_of(self, terms: Terms) -> int:
        """The most that the next sale on these terms may spend: what the tariff takes at once, and has left today."""
        most, day_limit = terms.tariff.most_payment_minor, terms.tariff.day_limit_minor
        if not day_limit:
            return most
        return min(most, max(day_limit - self._sum("spent", terms, terms.day_window), 0))

    def _sum(self, of: str, terms: Terms, window: Window | None) -> int:
        return self.sums[_Place(of, terms.meter.pk, window)] if window else 0

    def add(self, terms: Terms, split: Split) -> None:
        """A sale was decided: the next one of this meter finds it among what the meter has had."""
        amounts = {
            "sold": split.energy_kwh_tenths - split.free_kwh_tenths,
            "spent": split.paid_minor + split.wallet_used_minor - split.kept_minor,
        }
        for place in self.sums:
            if place.meter_id == terms.meter.pk and place.window.holds(terms.priced_at):
                self.sums[place] += amounts[place.of]
        if split.fee_minor:
            self.fee_months[terms.meter.pk] = terms.month
        if split.free_kwh_tenths:
            self.allowances.add((terms.meter.pk, terms.month))


def load_records(batch: Sequence[Terms]) -> Records:
    """What these meters have had, as far as their tariffs ask for it: at most three statements for any batch."""
    with_fee = {terms.meter.pk for terms in batch if terms.prices.fixed_fee_minor}
    with_allowance = {(terms.meter.pk, terms.month) for terms in batch if terms.prices.free_kwh_tenths}
    return Records(
        sums=_list_sums({place for terms in batch for place in _places_of(terms)}),
        fee_months=list_fee_months(with_fee) if with_fee else {},
        allowances=list_allowances(with_allowance) if with_allowance else set(),
    )


def _places_of(terms: Terms) -> Iterator[_Place]:
    windows = (("sold", terms.month_window), ("sold", terms.lifeline_window), ("spent", terms.day_window))
    for of, window in windows:
        if window:
            yield _Place(of, terms.meter.pk, window)


def _list_sums(places: Set[_Place]) -> dict[_Place, int]:
    """Of sales that are not cancelled: every window is a column, so that one statement answers for all meters."""
    columns = sorted({(place.of, place.window) for place in places})
    sums = dict.fromkeys(places, 0)
    if not columns:
        return sums
    sales = Vend.objects.exclude(state=VendState.CANCELLED).filter(
        meter_id__in={place.meter_id for place in places},
        priced_at__gte=min(window.starts_at for _, window in columns),
        priced_at__lt=max(window.until for _, window in columns),
    )
    asked = {
        f"column_{number}": Sum(_AMOUNTS[of], filter=Q(priced_at__gte=window.starts_at, priced_at__lt=window.until))
        for number, (of, window) in enumerate(columns)
    }
    for meter_id, *totals in sales.order_by().values_list("meter_id").annotate(**asked):
        for (of, window), total in zip(columns, totals, strict=True):
            if _Place(of, meter_id, window) in sums:
                sums[_Place(of, meter_id, window)] = total or 0
    return sums


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)
