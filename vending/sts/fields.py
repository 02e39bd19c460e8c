"""Whole numbers in a given count of bits or within given ends, and flags: the checks of every field of a token.

A field has one type and one range, so `True`, `1.0` and `"1"` are refused like a number that is too great. The refused
value is not repeated: it may be as long as its sender likes.
"""

from collections.abc import Sequence

from vending.sts.errors import FieldOutOfRange, StsError


def check_bits(value: int, bits: int, field: str) -> None:
    """Refuse what is not a whole number of `bits` bits (`FieldOutOfRange`)."""
    if not is_whole(value) or value >> bits:  # below zero every shift leaves -1
        raise FieldOutOfRange(f"{field} is a whole number of {bits} bits", field=field)


def check_between(
    value: int, low: int, high: int, field: str, error: type[StsError] = FieldOutOfRange, name: str = ""
) -> None:
    """Refuse with `error` what is not a whole number from `low` to `high`. `name` is the field's name for a person."""
    if not (is_whole(value) and low <= value <= high):
        raise error(f"{name or field} is a whole number from {low} to {high}", field=field)


def check_flag(value: bool, field: str) -> None:
    """Refuse what is neither true nor false (`FieldOutOfRange`): a 1 or a "no" would be taken for true."""
    if not isinstance(value, bool):
        raise FieldOutOfRange(f"{field} is true or false", field=field)


def check_list(values: Sequence[object], field: str) -> None:
    """Refuse what is neither a list nor a tuple (`FieldOutOfRange`): a text is a sequence too, of its letters."""
    if not isinstance(values, list | tuple):
        raise FieldOutOfRange(f"{field} is a list", field=field)


def is_whole(value: object) -> bool:
    """Whether this is an integer. `bool` is one in Python and none in the standard."""
    return isinstance(value, int) and not isinstance(value, bool)
