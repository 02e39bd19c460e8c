"""Whether a limit of the tariff kept money of a sale back, so that its text can say so. A vend does not store it: the
tariff and what the meter had of the month give the price again.
"""

from typing import NamedTuple

from vending.sts.amounts import greatest_amount_within
from vending.tariffs.engine import Standing, price_of
from vending.tariffs.queries import prices_of
from vending.vends.models import Vend


class Limit(NamedTuple):
    """`is_day`: for all sales of a day; else for one purchase."""

    amount_minor: int
    is_day: bool


def find_limit(vend: Vend) -> Limit | None:
    """The limit for which this sale stopped although its money would have bought more; None for nearly every sale.

    The tariff is read only when more was kept than a tenth of a kWh cost on average.
    """
    if greatest_amount_within(vend.energy_kwh_tenths + 1) == vend.energy_kwh_tenths:
        return None  # so much energy goes in greater steps: what was kept is less than one
    paid_tenths = vend.energy_kwh_tenths - vend.free_kwh_tenths
    paid_for = vend.net_minor + vend.vat_minor + vend.levies_minor
    if vend.kept_minor * paid_tenths < paid_for:
        return None
    standing = Standing(month_before_kwh_tenths=vend.month_before_kwh_tenths, is_lifeline=vend.is_lifeline)
    next_minor = price_of(prices_of(vend.tariff), paid_tenths + 1, standing).total_minor - paid_for
    if next_minor > vend.kept_minor:
        return None
    most, day = vend.tariff.most_payment_minor, vend.tariff.day_limit_minor
    if most and vend.paid_minor + vend.wallet_used_minor - vend.kept_minor + next_minor > most:
        return Limit(most, is_day=False)
    return Limit(day, is_day=True) if day else None
