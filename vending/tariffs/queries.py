"""Which prices hold, and whether the month's fee is due."""

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from vending.tariffs.engine import Prices
from vending.tariffs.errors import TariffMissing
from vending.tariffs.models import FixedFeeCharge, Tariff


def get_tariff(site_id: int, now: datetime) -> Tariff:
    """The newest version that has started. Raises `TariffMissing` if the site has none."""
    return list_tariffs([site_id], now)[site_id]


def list_tariffs(site_ids: Collection[int], now: datetime) -> dict[int, Tariff]:
    """The version in force of each site, in one round trip. Raises `TariffMissing` if a site has none."""
    started = Tariff.objects.filter(site_id__in=site_ids, starts_at__lte=now).order_by("starts_at")
    tariffs = {tariff.site_id: tariff for tariff in started}
    if missing := set(site_ids) - set(tariffs):
        raise TariffMissing(f"no tariff in force for site {min(missing)}", field="site")
    return tariffs


def prices_of(tariff: Tariff) -> Prices:
    return Prices(
        price_per_kwh_minor=tariff.price_per_kwh_minor,
        price_includes_vat=tariff.price_includes_vat,
        vat_basis_points=tariff.vat_basis_points,
        fixed_fee_minor=tariff.fixed_fee_minor,
        least_energy_kwh_tenths=tariff.least_energy_kwh_tenths,
    )


def month_of(now: datetime, timezone: str) -> date:
    """The first day of the calendar month by the site's own clock."""
    return now.astimezone(ZoneInfo(timezone)).date().replace(day=1)


def list_charged_meters(months: Collection[tuple[int, date]]) -> set[tuple[int, date]]:
    """Which of these (meter, month) have had their fixed fee."""
    charged = FixedFeeCharge.objects.filter(
        meter_id__in={meter_id for meter_id, _ in months}, month_date__in={month for _, month in months}
    )
    return set(charged.values_list("meter_id", "month_date"))
