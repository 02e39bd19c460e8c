"""A tariff version in plain words for operators, line by line. Pure. Customers' texts are elsewhere."""

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from vending.kernel.money import format_energy, format_minor
from vending.tariffs.engine import Prices, Rounding
from vending.tariffs.terms import TariffFacts

_ROUNDINGS = {
    Rounding.HALF_UP: "to the nearest minor unit, halves up",
    Rounding.HALF_EVEN: "to the nearest minor unit, halves to even",
    Rounding.DOWN: "down to the minor unit",
    Rounding.UP: "up to the minor unit",
}


def headline_of(facts: TariffFacts, timezone: str) -> str:
    """For whom, from when, at what price."""
    whom = f"class {facts.customer_class}" if facts.customer_class else "all classes without prices of their own"
    starts_at = facts.starts_at.astimezone(ZoneInfo(timezone))
    price = format_minor(facts.prices.price_per_kwh_minor, facts.currency)
    rising = "from " if facts.prices.blocks else ""
    return f"{whom}, from {starts_at:%Y-%m-%d %H:%M %z}: {rising}{facts.currency} {price} a kWh"


def details_of(facts: TariffFacts) -> Iterator[str]:
    """Everything else that the version says; what it has not is not named."""
    prices, currency = facts.prices, facts.currency
    yield from _energy_lines(prices, currency)
    yield f"prices {'include' if prices.price_includes_vat else 'are without'} VAT and levies"
    yield f"VAT {_percent(prices.vat_basis_points)}"
    for levy in prices.levies:
        yield f"levy {levy.name} {_percent(levy.basis_points)} of the net price"
    yield f"rounded {_ROUNDINGS[prices.rounding]}"
    if prices.fixed_fee_minor:
        arrears = f", and for up to {prices.fee_arrears_months} missed months" if prices.fee_arrears_months else ""
        yield f"fixed fee {format_minor(prices.fixed_fee_minor, currency)} a month{arrears}"
    if prices.free_kwh_tenths:
        yield f"{format_energy(prices.free_kwh_tenths)} kWh free with the first sale of a month"
    least, most = (format_minor(minor, currency) for minor in (facts.least_payment_minor, facts.most_payment_minor))
    yield f"a payment is {least} to {most}, a sale at least {format_energy(prices.least_units)} kWh"
    if facts.day_limit_minor:
        yield f"at most {format_minor(facts.day_limit_minor, currency)} is spent a day"
    if facts.note:
        yield f"note: {facts.note}"


def _energy_lines(prices: Prices, currency: str) -> Iterator[str]:
    if lifeline := prices.lifeline:
        yield (
            f"lifeline: the first {format_energy(lifeline.up_to_kwh_tenths)} kWh of a month at "
            f"{format_minor(lifeline.price_per_kwh_minor, currency)}, after a month of at most "
            f"{format_energy(lifeline.most_kwh_tenths)} kWh"
        )
    for number, block in enumerate(prices.blocks, 1):
        end = "above" if block.up_to_kwh_tenths is None else f"up to {format_energy(block.up_to_kwh_tenths)} kWh"
        yield f"block {number}, {end}: {format_minor(block.price_per_kwh_minor, currency)} a kWh"


def _percent(basis_points: int) -> str:
    whole, rest = divmod(basis_points, 100)
    return f"{whole}{f'.{rest:02}'.rstrip('0') if rest else ''} %"
