"""Money into energy: what an amount buys, line by line. Pure.

The rule: energy is the greatest number of tenths of a kWh whose net price and VAT fit into what is left after the
fixed fee, and which a token can carry. Net and VAT are each rounded half up to the minor unit; VAT is charged on what
was sold. What money cannot buy stays in the meter's wallet. Sum of parts = sum paid, always.
"""

from collections.abc import Callable
from dataclasses import dataclass

_BASIS = 10_000


@dataclass(frozen=True)
class Prices:
    """What a tariff version says. `vat_basis_points` 1600 is 16 %; prices are net unless `price_includes_vat`."""

    price_per_kwh_minor: int
    price_includes_vat: bool
    vat_basis_points: int
    fixed_fee_minor: int
    least_energy_kwh_tenths: int


@dataclass(frozen=True)
class Split:
    """Where the money goes: `paid + wallet_used = net + vat + fee + kept`. Nothing sold: all of `paid` is kept."""

    paid_minor: int
    wallet_used_minor: int
    energy_kwh_tenths: int
    net_minor: int
    vat_minor: int
    fee_minor: int
    kept_minor: int

    @property
    def is_sale(self) -> bool:
        return self.energy_kwh_tenths > 0


def price_of(prices: Prices, energy_kwh_tenths: int) -> tuple[int, int]:
    """(net, VAT) of some energy, in minor units."""
    listed = _half_up(prices.price_per_kwh_minor * energy_kwh_tenths, 10)
    if prices.price_includes_vat:
        net = _half_up(listed * _BASIS, _BASIS + prices.vat_basis_points)
        return net, listed - net
    return listed, _half_up(listed * prices.vat_basis_points, _BASIS)


def split_money(
    prices: Prices,
    *,
    paid_minor: int,
    wallet_minor: int,
    is_fee_due: bool,
    greatest_within: Callable[[int], int],
) -> Split:
    """Split a payment and the wallet before it. `greatest_within(tenths)` is the most that a token can carry up to
    there.
    """
    fee = prices.fixed_fee_minor if is_fee_due else 0
    money = paid_minor + wallet_minor
    affordable = _greatest_affordable(prices, money - fee)
    energy = greatest_within(affordable) if affordable else 0
    if energy < max(prices.least_energy_kwh_tenths, 1):
        return Split(paid_minor, 0, 0, 0, 0, 0, paid_minor)
    net, vat = price_of(prices, energy)
    return Split(paid_minor, wallet_minor, energy, net, vat, fee, money - fee - net - vat)


def least_payment(prices: Prices, *, wallet_minor: int, is_fee_due: bool) -> int:
    """The least payment that buys something, with what the wallet holds."""
    net, vat = price_of(prices, max(prices.least_energy_kwh_tenths, 1))
    fee = prices.fixed_fee_minor if is_fee_due else 0
    return max(net + vat + fee - wallet_minor, 1)


def _greatest_affordable(prices: Prices, money_minor: int) -> int:
    """By bisection: net + VAT never falls as energy rises."""
    low, high = 0, max(money_minor, 0) * 10 // prices.price_per_kwh_minor + 10
    while low < high:
        middle = (low + high + 1) // 2
        if sum(price_of(prices, middle)) <= money_minor:
            low = middle
        else:
            high = middle - 1
    return low


def _half_up(numerator: int, denominator: int) -> int:
    return (2 * numerator + denominator) // (2 * denominator)
