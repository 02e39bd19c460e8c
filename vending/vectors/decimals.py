"""Amounts as decimal texts, exactly: no floating point, no digit lost, no exponent that explodes."""

import re

from vending.vectors.errors import InputMalformed

# "25.6", "-1", "1.82044E+29": as published vectors write amounts. Longer than any amount that a token carries.
_AMOUNT = re.compile(r"(-?)([0-9]{1,40})(?:\.([0-9]{1,40}))?(?:[eE]([+-]?[0-9]{1,2}))?")


def steps_in(text: str, steps_of_unit: int, field: str) -> int:
    """The least whole number of steps that is not less than `text` units: rounding is towards plus infinity.

    `steps_of_unit` is a power of ten. `InputMalformed` for anything that is not a decimal number.
    """
    found = _AMOUNT.fullmatch(text)
    if found is None:
        raise InputMalformed(f"{field} is a text with a decimal number", field=field)
    sign, whole, fraction, exponent = found.groups()
    fraction = fraction or ""
    scale = len(fraction) - int(exponent or "0")  # the value is number / 10^scale
    number = int(sign + whole + fraction) * steps_of_unit * _power_of_ten(-scale)
    return -(-number // _power_of_ten(scale))


def _power_of_ten(exponent: int) -> int:
    """10^exponent, and 1 for a negative exponent."""
    power: int = 10 ** max(exponent, 0)
    return power


def text_of(steps: int, decimals: int) -> str:
    """`steps` of 10^-decimals as a plain decimal text with the fewest digits: 100, 0.1, -0.99994."""
    whole, fraction = divmod(abs(steps), 10**decimals)
    text = f"{whole}.{fraction:0{decimals}d}".rstrip("0").rstrip(".")
    return f"-{text}" if steps < 0 else text
