"""Money as integer minor units with a currency; energy as tenths of a kWh. No floats anywhere.

Digits after the point follow ISO 4217: KES 2, UGX 0. Parsing refuses what it cannot hold exactly.
"""

import re
from decimal import Decimal

from vending.kernel.errors import DomainError

CURRENCY_DIGITS = {
    "CDF": 2,
    "ETB": 2,
    "GHS": 2,
    "KES": 2,
    "MWK": 2,
    "MZN": 2,
    "NGN": 2,
    "RWF": 0,
    "TZS": 2,
    "UGX": 0,
    "USD": 2,
    "XAF": 0,
    "XOF": 0,
    "ZAR": 2,
    "ZMW": 2,
}
MAX_AMOUNT_MINOR = 10**15
# Decimal's context holds 28 digits: with no more than these nothing is ever rounded here.
_MOST_DIGITS = 24
_PLAIN_NUMBER = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")


class MoneyError(DomainError):
    """An amount that is no amount: not a number, not finite, finer than the currency, or out of range."""

    code = "amount_invalid"


def digits_of(currency: str) -> int:
    """Digits after the point of an ISO 4217 currency; raises `MoneyError` for one we do not know."""
    try:
        return CURRENCY_DIGITS[currency]
    except KeyError:
        raise MoneyError(f"unknown currency {currency[:3]!r}", field="currency") from None


def parse_minor(value: object, currency: str) -> int:
    """Minor units of an amount given as text, int, float-free JSON number or Decimal: `"5.00"` KES is 500.

    Refuses bool, float, NaN, infinity, exponents beyond range, more digits than the currency has, and anything over
    `MAX_AMOUNT_MINOR`. The sign is kept; callers that need a positive amount check it.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise MoneyError("not an amount", field="amount")
    if isinstance(value, str) and not _PLAIN_NUMBER.fullmatch(value):
        raise MoneyError("not an amount", field="amount")
    amount = Decimal(value)
    if not amount.is_finite() or len(amount.as_tuple().digits) > _MOST_DIGITS or abs(amount.adjusted()) > _MOST_DIGITS:
        raise MoneyError("not an amount", field="amount")
    minor = amount.scaleb(digits_of(currency))
    if minor != minor.to_integral_value() or abs(minor) > MAX_AMOUNT_MINOR:
        raise MoneyError("finer than the currency, or out of range", field="amount")
    return int(minor)


def format_minor(minor: int, currency: str, *, grouped: bool = False) -> str:
    """`50000` KES is `500`; `2048` is `20.48`: whole amounts lose their zeros, others show every digit."""
    digits = digits_of(currency)
    value = Decimal(minor).scaleb(-digits)
    text = f"{value:,.{digits}f}" if grouped else f"{value:.{digits}f}"
    whole, _, fraction = text.partition(".")
    return whole if not fraction.strip("0") else text


def format_energy(tenths: int) -> str:
    """`64` tenths is `6.4` units."""
    return f"{tenths // 10}.{tenths % 10}"
