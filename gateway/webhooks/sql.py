"""The one statement by which PostgreSQL accepts a payment confirmation. By hand, for one round trip (ADR 0003).

It journals the body, gives the receipt to the purchase that was waiting for exactly this money, else makes the payment,
and writes the audit entry, all or nothing. It is for new money only: with a receipt that is known, or a purchase whose
case has to be closed, it writes nothing, and `services` goes on step by step. SQLite, which cannot write inside WITH,
always does that; the same tests run over both.
"""

from datetime import datetime

from django.db import connection

from gateway.payments.doubts import PAID_WITHOUT_RECEIPT
from gateway.payments.masks import pattern_of
from gateway.payments.ports import PaymentClaim
from gateway.payments.queries import sha256_of
from gateway.payments.trust import Trust

_STATEMENT = """
WITH known AS (
  SELECT FROM gateway_payment WHERE provider = %(provider)s AND receipt = %(receipt)s
), waiting AS (
  SELECT id, reason FROM gateway_payment
  WHERE provider = %(provider)s AND reference = %(reference)s AND reference <> '' AND amount_minor = %(amount)s
    AND state IN ('EXPECTED', 'UNKNOWN') AND (%(sha256)s = '' OR payer_sha256 = %(sha256)s)
    AND (%(shown)s = '' OR payer_e164 ~ %(shown)s)
    AND NOT EXISTS (SELECT FROM known)
  ORDER BY id LIMIT 1 FOR UPDATE
), simple AS (
  SELECT 1 WHERE NOT EXISTS (SELECT FROM known) AND NOT EXISTS (SELECT FROM waiting WHERE reason = %(hard)s)
), journalled AS (
  INSERT INTO gateway_callback (provider, door, received_at, content_type, query, body, subject, outcome, source)
  SELECT %(provider)s, %(door)s, %(now)s, %(content_type)s, %(query)s, %(body)s, %(receipt)s, 'accepted', %(source)s
  FROM simple
), adopted AS (
  UPDATE gateway_payment SET receipt = %(receipt)s, state = 'CONFIRMED', confirmed_at = %(now)s, paid_at = %(paid_at)s,
         account_text = %(account)s, attempts = 0, next_try_at = %(now)s, leased_until = NULL, reason = '',
         authenticity = %(authenticity)s, must_verify = %(must_verify)s, frozen_reason = '', queries = 0,
         next_query_at = %(query_at)s
  WHERE state IN ('EXPECTED', 'UNKNOWN') AND EXISTS (SELECT FROM simple) AND id = (SELECT id FROM waiting)
  RETURNING id
), made AS (
  INSERT INTO gateway_payment (provider, receipt, reference, state, amount_minor, currency, account_text, payer_e164,
    payer_sha256, payer_masked, reason, started_at, confirmed_at, paid_at, attempts, next_try_at, authenticity,
    must_verify, next_query_at)
  SELECT %(provider)s, %(receipt)s, '', 'CONFIRMED', %(amount)s, %(currency)s, %(account)s, %(e164)s,
    %(sha256)s, %(masked)s, '', %(now)s, %(now)s, %(paid_at)s, 0, %(now)s, %(authenticity)s,
    %(must_verify)s, %(query_at)s
  FROM simple WHERE NOT EXISTS (SELECT FROM adopted)
  RETURNING id
), confirmed AS (
  SELECT id FROM adopted UNION ALL SELECT id FROM made
), audited AS (
  INSERT INTO fleet_auditentry (at, actor, act, subject, details)
  SELECT %(now)s, %(actor)s, 'payment.confirmed', 'payment:' || id, jsonb_build_object('amount_minor', %(amount)s)
  FROM confirmed
)
SELECT (SELECT id FROM confirmed)
"""


def accept_confirmation(
    claim: PaymentClaim,
    trust: Trust,
    *,
    reference: str,
    body: bytes,
    content_type: str,
    query: str,
    source: str,
    actor: str,
    now: datetime,
) -> int | None:
    """The id of the payment that this call confirmed, or None: then nothing was written. Idempotent by (provider,
    receipt).

    Two callbacks with one receipt at the same moment end in an `IntegrityError` for one of them, and nothing of it is
    kept: the caller repeats it once, and finds the receipt known.
    """
    values: dict[str, str | bytes | int | bool | datetime | None] = {
        "provider": claim.provider,
        "receipt": claim.receipt,
        "door": claim.door,
        "now": now,
        "content_type": content_type,
        "query": query,
        "body": body,
        "source": source,
        "amount": claim.amount_minor,
        "currency": claim.currency,
        "account": claim.account_text,
        "reference": reference,
        "e164": claim.payer.e164,
        "sha256": sha256_of(claim.payer),
        "masked": claim.payer.masked,
        "shown": pattern_of(claim.payer.masked),
        "paid_at": claim.paid_at,
        "authenticity": trust.authenticity,
        "must_verify": trust.must_verify,
        "query_at": now if trust.must_verify else None,
        "hard": PAID_WITHOUT_RECEIPT,
        "actor": actor,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, values)
        row: tuple[int | None] = cursor.fetchone()
    return row[0]
