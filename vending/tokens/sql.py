"""Statements by hand, for batches (ADR 0003): the digits of many tokens by one commit, the last TIDs of many meters."""

from collections.abc import Mapping

from django.db import connection

# Both databases name the columns of VALUES so.
_STORE_DIGITS = (
    "UPDATE vending_token SET digits = made.column2 FROM (VALUES {rows}) AS made "
    "WHERE vending_token.id = made.column1 AND vending_token.digits = ''"
)
# SQLite needs the WHERE to tell ON CONFLICT from the ON of a join. An update that would not raise a TID is left out.
_RAISE_TIDS = (
    "INSERT INTO vending_metertid (meter_id, base_date, last_tid) "
    "SELECT id, %s, %s FROM fleet_meter WHERE id BETWEEN %s AND %s "
    "ON CONFLICT (meter_id, base_date) DO UPDATE SET last_tid = excluded.last_tid "
    "WHERE vending_metertid.last_tid < excluded.last_tid"
)


def store_digits(digits_of: Mapping[int, str]) -> None:
    """Write the digits of each of these tokens (at least one) that has none yet."""
    rows = ", ".join(["(%s, %s)"] * len(digits_of))
    with connection.cursor() as cursor:
        cursor.execute(_STORE_DIGITS.format(rows=rows), [value for pair in digits_of.items() for value in pair])


def raise_tids(*, base_date: str, last_tid: int, first_meter_id: int, last_meter_id: int) -> None:
    """Bring the last TID of all meters with these ids up to `last_tid`; none falls. The caller has locked them."""
    with connection.cursor() as cursor:
        cursor.execute(_RAISE_TIDS, [base_date, last_tid, first_meter_id, last_meter_id])
