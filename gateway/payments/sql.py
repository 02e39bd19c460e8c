"""Claiming payments by one statement, by hand (ADR 0003): most hints of a backlog find theirs taken already."""

from collections.abc import Collection
from datetime import datetime

from django.db import connection

# A failure that left its reason is tried for as long as it takes; one that left nothing has ended its worker.
_CLAIM = """
WITH due AS (
  SELECT id FROM gateway_payment
  WHERE (state = 'CONFIRMED' OR (state = 'SUSPENSE' AND meter_id IS NOT NULL)) AND next_try_at <= %s
    AND (leased_until IS NULL OR leased_until <= %s) AND (attempts < %s OR reason <> '') AND {chosen}
  ORDER BY next_try_at, id LIMIT %s {lock}
)
UPDATE gateway_payment SET leased_until = %s, attempts = attempts + 1 WHERE id IN (SELECT id FROM due) RETURNING id
"""


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
