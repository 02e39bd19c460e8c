"""Amounts of units in 16 bits: a 2-bit exponent and a 14-bit mantissa (IEC 62055-41, TransferAmount).

A unit is a tenth: 0.1 kWh, 0.1 m3, 0.1 minute (and one watt for power limits). With exponent e the field counts steps
of 10^e from the end of the band below, so every number up to 16,383 is exact, then every tenth, hundredth and
thousandth one.
"""

from vending.sts.errors import AmountOutOfRange
from vending.sts.fields import check_between, check_bits, is_whole

_MANTISSAS = 1 << 14
_BANDS = ((0, 1), (16_384, 10), (180_224, 100), (1_818_624, 1_000))  # (first amount, step) by exponent

GREATEST_AMOUNT = _BANDS[3][0] + (_MANTISSAS - 1) * _BANDS[3][1]


def amount_for(tenths: int) -> int:
    """The 16-bit field of the smallest amount that is not less than `tenths`: rounding favours the customer.

    `AmountOutOfRange` below 0 or above `GREATEST_AMOUNT` (18,201,624).
    """
    check_between(tenths, 0, GREATEST_AMOUNT, "amount", AmountOutOfRange, "the amount of a token")
    exponent, (start, step) = _band_of(tenths)
    # A mantissa that overflows carries into the exponent: 180,215 becomes 180,224, the first amount of the next band.
    return (exponent << 14) + -((start - tenths) // step)


def greatest_amount_within(tenths: int) -> int:
    """The greatest amount, in tenths, that a token can carry and that is not more than `tenths`.

    Its `amount_for` is exact. More than `GREATEST_AMOUNT` gives that; below 0 is `AmountOutOfRange`.
    """
    if not is_whole(tenths) or tenths < 0:
        raise AmountOutOfRange("an amount of units is a whole number and not negative", field="amount")
    within = min(tenths, GREATEST_AMOUNT)
    _, (start, step) = _band_of(within)
    return within - (within - start) % step


def tenths_of(amount_field: int) -> int:
    """What a meter credits for a 16-bit field, in tenths. `FieldOutOfRange` for more than 16 bits."""
    check_bits(amount_field, 16, "amount_field")
    start, step = _BANDS[amount_field >> 14]
    return start + (amount_field & _MANTISSAS - 1) * step


def _band_of(tenths: int) -> tuple[int, tuple[int, int]]:
    exponent = sum(tenths >= start for start, _ in _BANDS[1:])
    return exponent, _BANDS[exponent]
