"""Which prices hold when and for whom, and what a meter has had of a month."""

from bisect import bisect_right
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Max

from vending.tariffs.engine import Block, Levy, Lifeline, Prices, Rounding
from vending.tariffs.errors import TariffMissing
from vending.tariffs.models import FixedFeeCharge, FreeAllowance, Tariff
from vending.tariffs.terms import TariffFacts


@dataclass(frozen=True)
class TariffBook:
    """The versions of some sites, by (site, customer class), each in the order of their starts."""

    versions: dict[tuple[int, str], list[Tariff]]

    def at(self, site_id: int, customer_class: str, moment: datetime) -> Tariff:
        """The version in force: the class's own if one has started, else the site's. Else `TariffMissing`."""
        for name in dict.fromkeys((customer_class, "")):
            started = self.versions.get((site_id, name), [])
            if count := bisect_right(started, moment, key=lambda tariff: tariff.starts_at):
                return started[count - 1]
        raise TariffMissing(f"no tariff in force for site {site_id}", field="site")

    def fee_since(self, site_id: int, customer_class: str, moment: datetime) -> datetime:
        """From when on, without a break until `moment`, every version in force has had a fixed fee."""
        since = moment
        with suppress(TariffMissing):
            while (tariff := self.at(site_id, customer_class, moment)).fixed_fee_minor:
                since = tariff.starts_at
                moment = since - timedelta(microseconds=1)
        return since


def load_tariffs(site_ids: Collection[int], until: datetime) -> TariffBook:
    """Every version of these sites that starts by `until`, in one round trip."""
    versions: dict[tuple[int, str], list[Tariff]] = {}
    for tariff in Tariff.objects.filter(site_id__in=site_ids, starts_at__lte=until).order_by("starts_at"):
        versions.setdefault((tariff.site_id, tariff.customer_class), []).append(tariff)
    return TariffBook(versions)


def get_tariff(site_id: int, customer_class: str, moment: datetime) -> Tariff:
    """The version in force, as `TariffBook.at` says it."""
    return load_tariffs([site_id], moment).at(site_id, customer_class, moment)


def find_started(site_id: int, customer_class: str, starts_at: datetime) -> Tariff | None:
    """The version of exactly this class and start."""
    return Tariff.objects.filter(site_id=site_id, customer_class=customer_class, starts_at=starts_at).first()


def list_own_classes(site_id: int, moment: datetime) -> set[str]:
    """The customer classes of the site that have prices of their own in force then."""
    started = Tariff.objects.filter(site_id=site_id, starts_at__lte=moment).exclude(customer_class="")
    return set(started.values_list("customer_class", flat=True))


def list_versions() -> list[Tariff]:
    """All of them with their sites, by site code, class and start."""
    return list(Tariff.objects.select_related("site").order_by("site__code", "customer_class", "starts_at"))


def prices_of(tariff: Tariff) -> Prices:
    lifeline = Lifeline(tariff.lifeline_kwh_tenths, tariff.lifeline_price_minor, tariff.lifeline_most_kwh_tenths)
    return Prices(
        price_per_kwh_minor=tariff.price_per_kwh_minor,
        price_includes_vat=tariff.price_includes_vat,
        vat_basis_points=tariff.vat_basis_points,
        fixed_fee_minor=tariff.fixed_fee_minor,
        least_energy_kwh_tenths=tariff.least_energy_kwh_tenths,
        blocks=tuple(Block(up_to, price) for up_to, price in tariff.blocks),
        lifeline=lifeline if tariff.lifeline_kwh_tenths else None,
        levies=tuple(Levy(name, basis_points) for name, basis_points in tariff.levies),
        rounding=Rounding(tariff.rounding),
        fee_arrears_months=tariff.fee_arrears_months,
        free_kwh_tenths=tariff.free_kwh_tenths,
    )


def facts_of(tariff: Tariff) -> TariffFacts:
    """The version as a value, without its site."""
    return TariffFacts(
        currency=tariff.currency,
        prices=prices_of(tariff),
        least_payment_minor=tariff.least_payment_minor,
        most_payment_minor=tariff.most_payment_minor,
        starts_at=tariff.starts_at,
        customer_class=tariff.customer_class,
        day_limit_minor=tariff.day_limit_minor,
        note=tariff.note,
    )


def month_of(moment: datetime, timezone: str) -> date:
    """The first day of the calendar month by the site's own clock."""
    return moment.astimezone(ZoneInfo(timezone)).date().replace(day=1)


def count_months_between(earlier: date, later: date) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def list_fee_months(meter_ids: Collection[int]) -> dict[int, date]:
    """The last month for which each meter's fixed fee was charged, by meter; those never charged are left out."""
    charged = FixedFeeCharge.objects.filter(meter_id__in=meter_ids, cancelled_at=None)
    return dict(charged.order_by().values_list("meter_id").annotate(Max("month_date")))


def list_allowances(months: Collection[tuple[int, date]]) -> set[tuple[int, date]]:
    """Which of these (meter, month) have had their free units."""
    given = FreeAllowance.objects.filter(
        meter_id__in={meter_id for meter_id, _ in months},
        month_date__in={month for _, month in months},
        cancelled_at=None,
    )
    return set(given.values_list("meter_id", "month_date")) & set(months)


def count_months_due(last_charged: date | None, month: date, arrears: int) -> int:
    """How many fixed fees are due in this month: its own, and of the months missed before at most `arrears`, as many
    as had a fee.

    A meter that was never charged owes the one month; nothing is due twice.
    """
    if last_charged is None:
        return 1
    return max(0, min(count_months_between(last_charged, month), 1 + arrears))
