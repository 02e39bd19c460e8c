"""What energy costs by one version of a tariff: blocks of the calendar month, taxes, rounding. Pure.

Where the money of a payment goes is `vending.tariffs.engine`; which version holds is `vending.tariffs.queries`.

The prices of a sale's pieces are added up exactly and rounded once. Exclusive prices: that is the net price, and every
levy and the VAT are rounded on it. Inclusive prices: that is all the customer pays; the net price is the part of it
that the rates leave, each levy is rounded on the net price, and the VAT takes the rest, so that nothing is left over.
The total never falls as energy rises, whatever the prices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

BASIS = 10_000


class Rounding(StrEnum):
    """How an amount finer than the minor unit becomes a whole one."""

    HALF_UP = "half_up"
    HALF_EVEN = "half_even"
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True)
class Block:
    """The units of a calendar month up to `up_to_kwh_tenths` (the last block: None) that no block before it holds."""

    up_to_kwh_tenths: int | None
    price_per_kwh_minor: int


@dataclass(frozen=True)
class Lifeline:
    """A virtual block, laid over the first units of the month: the blocks below it do not move.

    It holds only while the meter was sold at most `most_kwh_tenths` in the month before.
    """

    up_to_kwh_tenths: int
    price_per_kwh_minor: int
    most_kwh_tenths: int


@dataclass(frozen=True)
class Levy:
    """A charge on the net price: 500 basis points are 5 %."""

    name: str
    basis_points: int


@dataclass(frozen=True)
class Prices:
    """What a tariff version says. `vat_basis_points` 1600 is 16 %; prices are net unless `price_includes_vat`, and
    then they include the levies too.

    With `blocks`, `price_per_kwh_minor` is the first block's. The fixed fee is for a calendar month; months without a
    sale are charged with the next one, at most `fee_arrears_months` of them and none from before there was a fee.
    `free_kwh_tenths` come with the first sale of a month. `least_energy_kwh_tenths` is the least that is sold, free
    units not counted.
    """

    price_per_kwh_minor: int
    price_includes_vat: bool
    vat_basis_points: int
    fixed_fee_minor: int
    least_energy_kwh_tenths: int
    blocks: tuple[Block, ...] = ()
    lifeline: Lifeline | None = None
    levies: tuple[Levy, ...] = ()
    rounding: Rounding = Rounding.HALF_UP
    fee_arrears_months: int = 0
    free_kwh_tenths: int = 0

    @property
    def taxes_basis_points(self) -> int:
        return self.vat_basis_points + sum(levy.basis_points for levy in self.levies)

    @property
    def least_units(self) -> int:
        """Tenths of a kWh: no token carries nothing."""
        return max(self.least_energy_kwh_tenths, 1)


@dataclass(frozen=True)
class Standing:
    """What the meter has had, and may still have, at the moment of the price.

    `month_before_kwh_tenths`: paid units of this calendar month before this sale (free ones stand in no block).
    `is_lifeline`: the month before was within the lifeline's bound. `fee_months`: fixed fees due. `spend_limit_minor`:
    the most that this sale may spend, the least of the tariff's limits; None: no limit.
    """

    month_before_kwh_tenths: int = 0
    is_lifeline: bool = True
    fee_months: int = 0
    is_allowance_due: bool = False
    spend_limit_minor: int | None = None


@dataclass(frozen=True)
class Price:
    """Of some energy, in minor units; `levies` by name, in the tariff's order."""

    net_minor: int
    vat_minor: int
    levies: tuple[tuple[str, int], ...] = ()

    @property
    def levies_minor(self) -> int:
        return sum(amount for _, amount in self.levies)

    @property
    def total_minor(self) -> int:
        return self.net_minor + self.vat_minor + self.levies_minor


@dataclass(frozen=True)
class Piece:
    """Energy of one price. `kind` is "lifeline" or "block", `name` the block's number, "" where there are none."""

    kind: str
    name: str
    energy_kwh_tenths: int
    price_per_kwh_minor: int


def price_of(prices: Prices, paid_energy_kwh_tenths: int, standing: Standing) -> Price:
    """The price of that energy, on top of what the meter was sold of the month."""
    return price_of_tenths(prices, listed_tenths(pieces_of(prices, paid_energy_kwh_tenths, standing)))


def pieces_of(prices: Prices, paid_energy_kwh_tenths: int, standing: Standing) -> list[Piece]:
    """The energy cut where the month's prices change."""
    at = standing.month_before_kwh_tenths
    end = at + paid_energy_kwh_tenths
    pieces = []
    for kind, name, up_to, price in _steps(prices, standing):
        upper = end if up_to is None else min(up_to, end)
        if at < upper:
            pieces.append(Piece(kind, name, upper - at, price))
            at = upper
    return pieces


def listed_tenths(pieces: list[Piece]) -> int:
    """Their listed price in tenths of a minor unit, exactly."""
    return sum(piece.energy_kwh_tenths * piece.price_per_kwh_minor for piece in pieces)


def price_range(prices: Prices, standing: Standing) -> tuple[int, int]:
    """The lowest and the highest price of a kWh that this sale can meet."""
    met = [price for _, _, _, price in _steps(prices, standing)]
    return min(met), max(met)


def price_of_tenths(prices: Prices, tenths_minor: int) -> Price:
    """Net, VAT and levies of a listed price given in tenths of a minor unit."""
    net = net_of_tenths(prices, tenths_minor)
    if not prices.price_includes_vat:
        levies = tuple((levy.name, _share(prices, net, levy.basis_points)) for levy in prices.levies)
        return Price(net, _share(prices, net, prices.vat_basis_points), levies)
    return _taxes_within(prices, net, rounded(tenths_minor, 10, prices.rounding) - net)


def net_of_tenths(prices: Prices, tenths_minor: int) -> int:
    listed = rounded(tenths_minor, 10, prices.rounding)
    if not prices.price_includes_vat:
        return listed
    return rounded(listed * BASIS, BASIS + prices.taxes_basis_points, prices.rounding)


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """A whole number by the rule; both arguments are not negative."""
    whole, rest = divmod(numerator, denominator)
    if rounding == Rounding.HALF_UP:
        return whole + (2 * rest >= denominator)
    if rounding == Rounding.UP:
        return whole + (rest > 0)
    if rounding == Rounding.HALF_EVEN:
        return whole + (2 * rest + whole % 2 > denominator)
    return whole


def _steps(prices: Prices, standing: Standing) -> Iterator[tuple[str, str, int | None, int]]:
    """(kind, name, up to, price) in the order of the month's units."""
    if prices.lifeline and standing.is_lifeline:
        yield "lifeline", "", prices.lifeline.up_to_kwh_tenths, prices.lifeline.price_per_kwh_minor
    if not prices.blocks:
        yield "block", "", None, prices.price_per_kwh_minor
    for number, block in enumerate(prices.blocks, 1):
        yield "block", str(number), block.up_to_kwh_tenths, block.price_per_kwh_minor


def _share(prices: Prices, net_minor: int, basis_points: int) -> int:
    return rounded(net_minor * basis_points, BASIS, prices.rounding)


def _taxes_within(prices: Prices, net_minor: int, taxes_minor: int) -> Price:
    """Taxes that are in the price already: no levy takes more than is left, and without VAT the last takes the rest."""
    left = taxes_minor
    levies: list[tuple[str, int]] = []
    for levy in prices.levies:
        takes_rest = not prices.vat_basis_points and levy is prices.levies[-1]
        amount = left if takes_rest else min(_share(prices, net_minor, levy.basis_points), left)
        left -= amount
        levies.append((levy.name, amount))
    return Price(net_minor, left, tuple(levies))
