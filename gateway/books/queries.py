"""Whether the books are true: every payment ends once, every token has its money, every row says what the others say.

Each check yields a line for each row that contradicts another, and names the rows; nothing is written, no key is
needed. The rows are read as a stream, so the size of the tables does not matter, only the time. What cannot be found:
audit entries that were removed before a seal covered them (30 seconds), the last seals removed with all of their
entries, and rows that were changed together with everything that tells of them. Customers, phones and what stands
inside of a journalled body are not read, nor cases that are closed.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection, transaction

from fleet.audit.queries import find_broken_seals
from gateway.books.causes import find_unexplained_entries
from gateway.books.days import find_wrong_days
from gateway.books.endings import find_unbooked_endings
from gateway.books.forgotten import find_forgotten_money
from gateway.books.given_back import find_wrong_receipts, find_wrong_reversals
from gateway.books.money import find_unbooked_payments
from gateway.books.persons import find_wrong_approvals
from gateway.books.sales import find_missing_tokens, find_wrong_tokens, find_wrong_vends
from gateway.books.stops import find_wrong_stops
from gateway.books.texts import find_wrong_messages
from gateway.books.totals import find_wrong_totals
from gateway.books.trail import (
    find_altered_rows,
    find_unanswered_callbacks,
    find_unjournalled_payments,
    find_wrong_states,
)
from gateway.payments.queries import find_changed_payments
from vending.ledger.queries import find_mixed_currencies, find_negative_wallets, find_unbalanced_entries
from vending.tokens.queries import find_wrong_tids


def list_differences(now: datetime) -> Iterator[str]:
    """A line for each difference found, check by check, all of them as the database is at this moment."""
    with _one_moment():
        for check in _CHECKS:
            yield from check()
        yield from find_forgotten_money(now)


@contextmanager
def _one_moment() -> Iterator[None]:
    """Read one state of the database while sales go on, and let them: else a sale in between would be a difference.

    Inside of a caller's transaction the caller's moment holds.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("BEGIN")  # not IMMEDIATE, by which every sale would wait for us
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


_CHECKS: tuple[Callable[[], Iterator[str]], ...] = (
    find_unbalanced_entries,
    find_mixed_currencies,
    find_unexplained_entries,
    find_unbooked_payments,
    find_unbooked_endings,
    find_wrong_reversals,
    find_wrong_receipts,
    find_wrong_totals,
    find_wrong_days,
    find_changed_payments,
    find_unjournalled_payments,
    find_unanswered_callbacks,
    find_wrong_states,
    find_altered_rows,
    find_wrong_approvals,
    find_wrong_stops,
    find_wrong_vends,
    find_wrong_tokens,
    find_missing_tokens,
    find_wrong_tids,
    find_negative_wallets,
    find_wrong_messages,
    find_broken_seals,
)
