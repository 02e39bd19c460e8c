"""The one lock of the books: while a day is closed, nobody is in the middle of writing into it."""

from django.db import connection


def lock_entries() -> None:
    """Wait for every transaction that has booked something, and let none book before this one ends.

    An entry that committed after the day was summed up would be missing in its totals. SQLite has one writer at a time
    anyway.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("LOCK TABLE vending_ledgerentry IN SHARE ROW EXCLUSIVE MODE")
