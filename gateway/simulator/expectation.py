"""What an amount must buy, worked out a second time for the demo, from the tariff and the published money rule alone.

Units are the greatest count of tenths of a kWh whose price with VAT is not above the money left after the monthly fee
and which a token can carry; net and VAT are each rounded half up to the minor unit; what is left is kept for next time.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from gateway.simulator.meter.amounts import tenths_of_field


@dataclass(frozen=True)
class Expected:
    """One sale: energy in tenths of a kWh, money in minor units."""

    energy_kwh_tenths: int
    fee_minor: int
    vat_minor: int
    kept_minor: int

    @property
    def units(self) -> str:
        return f"{self.energy_kwh_tenths // 10}.{self.energy_kwh_tenths % 10}"


def _half_up(value: Fraction) -> int:
    return int((2 * value + 1) // 2)


def _cost(tenths: int, tariff: Mapping[str, Any]) -> tuple[int, int]:
    """Price with VAT, and the VAT in it, of so many tenths of a kWh, in minor units."""
    percent = Fraction(str(tariff["vat_percent"]))
    price = _half_up(Fraction(str(tariff["price_per_kwh_minor"])) * tenths / 10)
    if tariff["price_includes_vat"]:
        return price, price - _half_up(Fraction(price) * 100 / (100 + percent))
    vat = _half_up(price * percent / 100)
    return price + vat, vat


def _greatest_carried(tenths: int) -> int:
    """The greatest amount, not above `tenths`, that the 16 bits of a token can say."""
    low, high = 0, 0xFFFF
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tenths_of_field(middle) <= tenths else (low, middle - 1)
    return tenths_of_field(low)


def expect_sale(paid_minor: int, tariff: Mapping[str, Any], *, is_fee_due: bool) -> Expected:
    """What `paid_minor` buys on a meter with an empty wallet and no debt."""
    fee = int(tariff["fixed_fee_minor"] or 0) if is_fee_due else 0
    money = max(paid_minor - fee, 0)
    low, high = 0, tenths_of_field(0xFFFF)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _cost(middle, tariff)[0] <= money else (low, middle - 1)
    tenths = _greatest_carried(low)
    cost, vat = _cost(tenths, tariff)
    return Expected(tenths, fee, vat, money - cost)


def expect_total(paid_minor: Iterable[int], tariff: Mapping[str, Any]) -> Expected:
    """What payments of one calendar month buy together on a meter, each with what the one before has left over.

    With a price and VAT that come out even at every tenth of a kWh the order makes no difference.
    """
    energy, fee, vat, wallet = 0, 0, 0, 0
    for amount in paid_minor:
        sale = expect_sale(amount + wallet, tariff, is_fee_due=energy == 0)
        if sale.energy_kwh_tenths == 0:  # nothing is sold, so no fee is taken: all of it waits
            wallet += amount
            continue
        energy, fee, vat = energy + sale.energy_kwh_tenths, fee + sale.fee_minor, vat + sale.vat_minor
        wallet = sale.kept_minor
    return Expected(energy, fee, vat, wallet)


def money_text(minor: int) -> str:
    """An amount of a currency with two digits as customers read it: whole amounts without their zeros."""
    whole, cents = divmod(minor, 100)
    return f"{whole}.{cents:02d}" if cents else str(whole)
