"""Claiming payments, and storing what became of a batch, by one statement each, by hand (ADR 0003).

Most hints of a backlog find theirs taken already. Each payment of a batch has a meter of its own.
"""

from collections.abc import Collection, Sequence
from datetime import datetime

from django.db import connection

from gateway.payments.models import Payment

# A failure that left its reason is tried for as long as it takes; one that left nothing has ended its worker. What the
# provider must confirm first, or a person stopped, buys nothing.
_CLAIM = """
WITH due AS (
  SELECT id FROM gateway_payment
  WHERE (state = 'CONFIRMED' OR (state = 'SUSPENSE' AND meter_id IS NOT NULL)) AND next_try_at <= %s
    AND (leased_until IS NULL OR leased_until <= %s) AND (attempts < %s OR reason <> '')
    AND NOT must_verify AND frozen_reason = '' AND {chosen}
  ORDER BY next_try_at, id LIMIT %s {lock}
)
UPDATE gateway_payment SET leased_until = %s, attempts = attempts + 1 WHERE id IN (SELECT id FROM due) RETURNING id
"""
# Both databases name the columns of VALUES so; PostgreSQL takes a column that is all NULL for text.
_STORE_ALLOCATED = """
UPDATE gateway_payment SET meter_id = CAST(ended.column2 AS bigint), state = ended.column3, reason = ended.column4,
  next_try_at = NULL, leased_until = NULL
FROM (VALUES {rows}) AS ended WHERE gateway_payment.id = ended.column1
"""


def store_allocated(payments: Sequence[Payment]) -> None:
    """Write meter, state and reason of these; nobody works on them any more. The caller has locked them."""
    if not payments:
        return
    rows = ", ".join(["(%s, %s, %s, %s)"] * len(payments))
    ended = [(payment.pk, payment.meter_id, payment.state, payment.reason) for payment in payments]
    with connection.cursor() as cursor:
        cursor.execute(_STORE_ALLOCATED.format(rows=rows), [value for row in ended for value in row])


def claim_due(*, most_attempts: int, limit: int, now: datetime, until: datetime) -> list[int]:
    """Lease payments whose time has come until that moment, those longest due first; waits for nobody."""
    return _claim("TRUE", [], most_attempts, limit, now, until)


def claim_named(
    payment_ids: Collection[int], *, most_attempts: int, limit: int, now: datetime, until: datetime
) -> list[int]:
    """The same for those of these payments that still wait."""
    chosen = f"id IN ({', '.join(['%s'] * len(payment_ids))})"
    return _claim(chosen, list(payment_ids), most_attempts, limit, now, until) if payment_ids else []


def _claim(
    chosen: str, payment_ids: list[int], most_attempts: int, limit: int, now: datetime, until: datetime
) -> list[int]:
    lock = "FOR UPDATE SKIP LOCKED" if connection.features.has_select_for_update_skip_locked else ""
    moment, end = map(connection.ops.adapt_datetimefield_value, (now, until))
    values = [moment, moment, most_attempts, *payment_ids, limit, end]
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM.format(chosen=chosen, lock=lock), values)
        return [payment_id for (payment_id,) in cursor.fetchall()]
