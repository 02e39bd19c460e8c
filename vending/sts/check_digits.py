"""The Luhn check digit of meter numbers (IEC 62055-41, DRN and MeterPAN; ISO/IEC 7812-1, annex B)."""

from vending.sts.errors import MeterNumberInvalid

_DIGITS = b"0123456789"
_ONCE = bytes.maketrans(_DIGITS, bytes(range(10)))
_TWICE = bytes.maketrans(_DIGITS, bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))  # doubled, less 9 when that is over 9


def luhn_digit(body: str) -> str:
    """The check digit that belongs behind `body`. `MeterNumberInvalid` unless ASCII digits."""
    octets = _octets(body, "body")
    total = sum(octets[-1::-2].translate(_TWICE)) + sum(octets[-2::-2].translate(_ONCE))
    return str(-total % 10)


def luhn_fits(number: str) -> bool:
    """Whether the last digit of `number` is the check digit of the rest. `MeterNumberInvalid` unless ASCII digits."""
    octets = _octets(number, "number")
    return (sum(octets[-1::-2].translate(_ONCE)) + sum(octets[-2::-2].translate(_TWICE))) % 10 == 0


def _octets(digits: str, field: str) -> bytes:
    if not (isinstance(digits, str) and digits.isascii() and digits.isdigit()):
        raise MeterNumberInvalid("a check digit belongs to a number of ASCII digits", field=field)
    return digits.encode()
