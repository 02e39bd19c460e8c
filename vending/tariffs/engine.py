"""Money into energy: what an amount buys, line by line. Pure.

The rule: energy is the greatest number of tenths of a kWh whose price fits into what is left after the fixed fees and
under the limit, and which a token can carry. Free units come on top, with a sale only. What money cannot buy stays in
the meter's wallet. Sum of parts = sum paid, always. What energy costs: `vending.tariffs.prices`.
"""

from collections.abc import Callable
from dataclasses import dataclass

from vending.tariffs.prices import (
    BASIS,
    Block,
    Levy,
    Lifeline,
    Price,
    Prices,
    Rounding,
    Standing,
    listed_tenths,
    net_of_tenths,
    pieces_of,
    price_of,
    price_of_tenths,
    price_range,
)

__all__ = [
    "Block",
    "Levy",
    "Lifeline",
    "Price",
    "PriceLine",
    "Prices",
    "Rounding",
    "Split",
    "Standing",
    "all_kept",
    "least_payment",
    "price_of",
    "split_money",
]


@dataclass(frozen=True)
class PriceLine:
    """One line of a quote or a receipt.

    `kind`: "lifeline" and "block" (their net price; `name` is the block's number, "" for a flat price), "free", "levy"
    (by its name), "vat", "fee" (`name` is the number of months), "kept" (left in the wallet).
    """

    kind: str
    name: str
    energy_kwh_tenths: int
    price_per_kwh_minor: int
    amount_minor: int


@dataclass(frozen=True)
class Split:
    """Where the money goes: `paid + wallet_used = net + vat + levies + fee + kept`, and so do the lines add up.

    Nothing sold: all of `paid` is kept and the wallet is not touched. `energy_kwh_tenths` is all that the token
    carries, `free_kwh_tenths` the part that is not paid for. `over_limit_minor` is what would have been spent too, had
    there been no limit.
    """

    paid_minor: int
    wallet_used_minor: int
    energy_kwh_tenths: int
    free_kwh_tenths: int
    net_minor: int
    vat_minor: int
    levies: tuple[tuple[str, int], ...]
    fee_minor: int
    kept_minor: int
    over_limit_minor: int
    lines: tuple[PriceLine, ...]

    @property
    def is_sale(self) -> bool:
        return self.energy_kwh_tenths > 0

    @property
    def levies_minor(self) -> int:
        return sum(amount for _, amount in self.levies)


def split_money(
    prices: Prices,
    *,
    paid_minor: int,
    wallet_minor: int,
    standing: Standing,
    greatest_within: Callable[[int], int],
) -> Split:
    """Split a payment and the wallet before it. `greatest_within(tenths)` is the most that a token can carry up to
    there.
    """
    money, limit = paid_minor + wallet_minor, standing.spend_limit_minor
    energy, price = _best_sale(prices, money if limit is None else min(money, limit), standing, greatest_within)
    over_limit = 0
    if limit is not None and limit < money:
        over_limit = _spent(prices, *_best_sale(prices, money, standing, greatest_within), standing)
        over_limit -= _spent(prices, energy, price, standing)
    if not energy:
        return all_kept(paid_minor, over_limit_minor=over_limit)
    free, fee = _free_of(prices, standing), _fee_of(prices, standing)
    kept = money - fee - price.total_minor
    return Split(
        paid_minor=paid_minor,
        wallet_used_minor=wallet_minor,
        energy_kwh_tenths=energy + free,
        free_kwh_tenths=free,
        net_minor=price.net_minor,
        vat_minor=price.vat_minor,
        levies=price.levies,
        fee_minor=fee,
        kept_minor=kept,
        over_limit_minor=over_limit,
        lines=_lines(prices, energy, price, standing, kept),
    )


def all_kept(paid_minor: int, *, over_limit_minor: int = 0) -> Split:
    """Nothing is sold: the payment waits in the wallet."""
    return Split(paid_minor, 0, 0, 0, 0, 0, (), 0, paid_minor, over_limit_minor, _one_line("kept", "", paid_minor))


def least_payment(prices: Prices, *, wallet_minor: int, standing: Standing) -> int:
    """The least payment that buys something, with what the wallet holds; the limits are not asked."""
    price = price_of(prices, prices.least_units, standing)
    return max(price.total_minor + _fee_of(prices, standing) - wallet_minor, 1)


def _fee_of(prices: Prices, standing: Standing) -> int:
    return prices.fixed_fee_minor * standing.fee_months


def _free_of(prices: Prices, standing: Standing) -> int:
    return prices.free_kwh_tenths if standing.is_allowance_due else 0


def _spent(prices: Prices, energy: int, price: Price, standing: Standing) -> int:
    return price.total_minor + _fee_of(prices, standing) if energy else 0


def _best_sale(
    prices: Prices, money_minor: int, standing: Standing, greatest_within: Callable[[int], int]
) -> tuple[int, Price]:
    """The energy to be paid for, and its price; 0 where it would be less than the tariff's least."""
    free = _free_of(prices, standing)
    affordable = _greatest_affordable(prices, money_minor - _fee_of(prices, standing), standing)
    energy = greatest_within(affordable + free) - free if affordable else 0
    if energy < prices.least_units:
        return 0, Price(0, 0)
    return energy, price_of(prices, energy, standing)


def _greatest_affordable(prices: Prices, money_minor: int, standing: Standing) -> int:
    """By bisection, for the total never falls as energy rises.

    The bracket: rounding moves the total from the exact one by less than one for the net price, by its taxes, and by
    one for each tax. Between the exact totals at the lowest and at the highest price there is little left to search.
    """
    if money_minor < 0:
        return 0
    cheapest, dearest = price_range(prices, standing)
    gross = BASIS if prices.price_includes_vat else BASIS + prices.taxes_basis_points
    slack = 3 + len(prices.levies) + prices.taxes_basis_points // BASIS
    low = max(money_minor - slack, 0) * 10 * BASIS // (dearest * gross)
    high = (money_minor + slack) * 10 * BASIS // (cheapest * gross)
    while low < high:
        middle = (low + high + 1) // 2
        tenths_minor = listed_tenths(pieces_of(prices, middle, standing))
        if price_of_tenths(prices, tenths_minor).total_minor <= money_minor:
            low = middle
        else:
            high = middle - 1
    return low


def _lines(prices: Prices, energy: int, price: Price, standing: Standing, kept_minor: int) -> tuple[PriceLine, ...]:
    lines = _energy_lines(prices, energy, standing)
    if free := _free_of(prices, standing):
        lines.append(PriceLine("free", "", free, 0, 0))
    for name, amount in price.levies:
        lines += _one_line("levy", name, amount)
    lines += _one_line("vat", "", price.vat_minor)
    lines += _one_line("fee", str(standing.fee_months), _fee_of(prices, standing))
    lines += _one_line("kept", "", kept_minor)
    return tuple(lines)


def _energy_lines(prices: Prices, energy: int, standing: Standing) -> list[PriceLine]:
    """A line for each piece, with what it adds to the net price of all before it: so they add up to the net price."""
    lines = []
    net = tenths_minor = 0
    for piece in pieces_of(prices, energy, standing):
        tenths_minor += listed_tenths([piece])
        amount = net_of_tenths(prices, tenths_minor) - net
        net += amount
        lines.append(PriceLine(piece.kind, piece.name, piece.energy_kwh_tenths, piece.price_per_kwh_minor, amount))
    return lines


def _one_line(kind: str, name: str, amount_minor: int) -> tuple[PriceLine, ...]:
    """Without energy; none where there is no amount."""
    return (PriceLine(kind, name, 0, 0, amount_minor),) if amount_minor else ()
