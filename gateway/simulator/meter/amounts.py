"""What the amount fields of tokens mean: units in tenths, currency in hundred-thousandths."""

_MANTISSA_BITS = 14
_BAND = 1 << _MANTISSA_BITS


def _banded(exponent: int, mantissa: int) -> int:
    """Each band counts in steps of ten times the last one's and begins where the last one ends."""
    steps = [int(10**band) for band in range(exponent + 1)]
    return _BAND * sum(steps[:-1]) + mantissa * steps[-1]


def tenths_of_field(field: int) -> int:
    """Tenths of a unit, or watts of a limit, in 16 bits: two of exponent, fourteen of mantissa."""
    return _banded(field >> _MANTISSA_BITS, field & _BAND - 1)


def hundred_thousandths_of_field(field: int) -> int:
    """Hundred-thousandths of the currency in 20 bits: sign, five of exponent, fourteen of mantissa."""
    amount = _banded(field >> _MANTISSA_BITS & 0x1F, field & _BAND - 1)
    return -amount if field >> 19 else amount
