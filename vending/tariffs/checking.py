"""Whether a tariff version can be: what an operator's file or a hostile request gets wrong is refused by its field.

Pure. What needs tables (the site's currency, a start that is taken) is checked where a version is published.
"""

import re

from vending.kernel.money import CURRENCY_DIGITS, MAX_AMOUNT_MINOR
from vending.tariffs.engine import Block, Levy, Lifeline, Prices
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.prices import BASIS, price_of_tenths
from vending.tariffs.terms import TariffFacts

MOST_PARTS = 10
MOST_ARREARS_MONTHS = 24
# Free units and the least that is sold are together in the finest band of a token: below 1,638.4 kWh.
MOST_FREE_KWH_TENTHS = MOST_LEAST_KWH_TENTHS = 8_000
_COLUMN_MOST = 2**31 - 1
_NOTE_LENGTH = 200
_NAME = re.compile(r"[a-z0-9_]{1,20}")
# VAT has an account of its own.
_TAKEN_NAMES = {"vat"}
_YEARS = range(2000, 2100)


def check_tariff(facts: TariffFacts) -> None:
    """`TariffInvalid`, with the field, for what no version may say.

    Among the rest: prices of nothing, blocks that do not rise or do not end open, levies of one name, a limit under
    which the dearest least sale with all its fees could never be bought.
    """
    if facts.currency not in CURRENCY_DIGITS:
        raise TariffInvalid("unknown currency", field="currency")
    if facts.customer_class and not _NAME.fullmatch(facts.customer_class):
        raise TariffInvalid("a customer class is up to 20 of a-z, 0-9 and _", field="customer_class")
    if facts.starts_at.tzinfo is None or facts.starts_at.year not in _YEARS:
        raise TariffInvalid(f"a moment with its time zone, from {_YEARS[0]} to {_YEARS[-1]}", field="starts_at")
    if len(facts.note) > _NOTE_LENGTH or not facts.note.isprintable():
        raise TariffInvalid(f"at most {_NOTE_LENGTH} printable characters", field="note")
    _check_prices(facts.prices)
    _check_limits(facts)


def _check_prices(prices: Prices) -> None:
    _check_between(prices.price_per_kwh_minor, 1, _COLUMN_MOST, "price_per_kwh_minor")
    _check_between(prices.vat_basis_points, 0, BASIS, "vat_basis_points")
    _check_between(prices.fixed_fee_minor, 0, _COLUMN_MOST, "fixed_fee_minor")
    _check_between(prices.fee_arrears_months, 0, MOST_ARREARS_MONTHS, "fee_arrears_months")
    _check_between(prices.free_kwh_tenths, 0, MOST_FREE_KWH_TENTHS, "free_kwh_tenths")
    _check_between(prices.least_energy_kwh_tenths, 0, MOST_LEAST_KWH_TENTHS, "least_energy_kwh_tenths")
    if prices.blocks:
        _check_blocks(prices.blocks, prices.price_per_kwh_minor)
    if prices.lifeline:
        _check_lifeline(prices.lifeline)
    _check_levies(prices.levies)


def _check_blocks(blocks: tuple[Block, ...], price_per_kwh_minor: int) -> None:
    if len(blocks) > MOST_PARTS:
        raise TariffInvalid(f"at most {MOST_PARTS} blocks", field="blocks")
    below = 0
    for block in blocks[:-1]:
        if block.up_to_kwh_tenths is None or block.up_to_kwh_tenths <= below:
            raise TariffInvalid("each block ends above the one before it", field="blocks")
        below = block.up_to_kwh_tenths
    if blocks[-1].up_to_kwh_tenths is not None:
        raise TariffInvalid("the last block has no end", field="blocks")
    _check_between(below, 0, _COLUMN_MOST, "blocks")
    for block in blocks:
        _check_between(block.price_per_kwh_minor, 1, _COLUMN_MOST, "blocks")
    if blocks[0].price_per_kwh_minor != price_per_kwh_minor:
        raise TariffInvalid("with blocks this is the price of the first one", field="price_per_kwh_minor")


def _check_lifeline(lifeline: Lifeline) -> None:
    _check_between(lifeline.up_to_kwh_tenths, 1, _COLUMN_MOST, "lifeline")
    _check_between(lifeline.price_per_kwh_minor, 1, _COLUMN_MOST, "lifeline")
    _check_between(lifeline.most_kwh_tenths, 0, _COLUMN_MOST, "lifeline")


def _check_levies(levies: tuple[Levy, ...]) -> None:
    if len(levies) > MOST_PARTS:
        raise TariffInvalid(f"at most {MOST_PARTS} levies", field="levies")
    for levy in levies:
        if not _NAME.fullmatch(levy.name) or levy.name in _TAKEN_NAMES:
            raise TariffInvalid("the name of a levy is 1 to 20 of a-z, 0-9 and _, and not vat", field="levies")
        _check_between(levy.basis_points, 1, BASIS, "levies")
    if len({levy.name for levy in levies}) < len(levies):
        raise TariffInvalid("two levies have one name", field="levies")


def _check_limits(facts: TariffFacts) -> None:
    _check_between(facts.least_payment_minor, 0, _COLUMN_MOST, "least_payment_minor")
    _check_between(facts.most_payment_minor, 1, MAX_AMOUNT_MINOR, "most_payment_minor")
    _check_between(facts.day_limit_minor, 0, MAX_AMOUNT_MINOR, "day_limit_minor")
    needed = max(facts.least_payment_minor, _dearest_least_sale(facts.prices))
    if facts.most_payment_minor < needed:
        raise TariffInvalid("less than the least payment, or than the least sale", field="most_payment_minor")
    if facts.day_limit_minor and facts.day_limit_minor < needed:
        raise TariffInvalid("less than the least payment, or than the least sale", field="day_limit_minor")


def _dearest_least_sale(prices: Prices) -> int:
    """The least units at the highest price, with every fee that can be due."""
    dearest = max(prices.price_per_kwh_minor, *(block.price_per_kwh_minor for block in prices.blocks), 1)
    if prices.lifeline:
        dearest = max(dearest, prices.lifeline.price_per_kwh_minor)
    fees = prices.fixed_fee_minor * (1 + prices.fee_arrears_months)
    return price_of_tenths(prices, dearest * prices.least_units).total_minor + fees


def _check_between(value: int, least: int, most: int, field: str) -> None:
    if not least <= value <= most:
        raise TariffInvalid(f"from {least} to {most}", field=field)
