"""Storing the digits of a batch by one statement, by hand: one commit instead of fifty (ADR 0003)."""

from collections.abc import Mapping

from django.db import connection

# Both databases name the columns of VALUES so.
_STORE_DIGITS = (
    "UPDATE vending_token SET digits = made.column2 FROM (VALUES {rows}) AS made "
    "WHERE vending_token.id = made.column1 AND vending_token.digits = ''"
)


def store_digits(digits_of: Mapping[int, str]) -> None:
    """Write the digits of each of these tokens (at least one) that has none yet."""
    rows = ", ".join(["(%s, %s)"] * len(digits_of))
    with connection.cursor() as cursor:
        cursor.execute(_STORE_DIGITS.format(rows=rows), [value for pair in digits_of.items() for value in pair])
