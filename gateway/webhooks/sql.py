"""The one statement by which PostgreSQL accepts a payment confirmation. By hand, for one round trip (ADR 0003).

It journals the body, gives the receipt to the purchase that was waiting for exactly this money, else makes the
payment unless the receipt is known, and writes the audit entry, all or nothing. SQLite cannot write inside WITH:
`services` does the same there step by step, under its one writer's lock; the same tests run over both.
"""

from datetime import datetime

from django.db import connection

from gateway.payments.ports import PaymentClaim
from gateway.payments.queries import sha256_of

_STATEMENT = """
WITH known AS (
  SELECT id, amount_minor FROM gateway_payment WHERE provider = %(provider)s AND receipt = %(receipt)s
), journalled AS (
  INSERT INTO gateway_callback (provider, door, received_at, content_type, query, body, subject, outcome)
  VALUES (%(provider)s, %(door)s, %(now)s, %(content_type)s, %(query)s, %(body)s, %(receipt)s,
          CASE WHEN NOT EXISTS (SELECT FROM known) THEN 'accepted'
               WHEN EXISTS (SELECT FROM known WHERE amount_minor <> %(amount)s) THEN 'conflict' ELSE 'repeated' END)
  RETURNING outcome
), adopted AS (
  UPDATE gateway_payment SET receipt = %(receipt)s, state = 'CONFIRMED', confirmed_at = %(now)s, paid_at = %(paid_at)s,
         account_text = %(account)s, attempts = 0, next_try_at = %(now)s, leased_until = NULL, reason = ''
  WHERE state IN ('EXPECTED', 'UNKNOWN') AND NOT EXISTS (SELECT FROM known) AND id = (
    SELECT id FROM gateway_payment
    WHERE provider = %(provider)s AND reference = %(reference)s AND reference <> '' AND amount_minor = %(amount)s
      AND state IN ('EXPECTED', 'UNKNOWN') AND (%(sha256)s = '' OR payer_sha256 = %(sha256)s)
    ORDER BY id LIMIT 1 FOR UPDATE)
  RETURNING id
), made AS (
  INSERT INTO gateway_payment (provider, receipt, reference, state, amount_minor, currency, account_text, payer_e164,
    payer_sha256, payer_masked, reason, started_at, confirmed_at, paid_at, attempts, next_try_at)
  SELECT %(provider)s, %(receipt)s, '', 'CONFIRMED', %(amount)s, %(currency)s, %(account)s, %(e164)s,
    %(sha256)s, %(masked)s, '', %(now)s, %(now)s, %(paid_at)s, 0, %(now)s
  WHERE NOT EXISTS (SELECT FROM adopted) AND NOT EXISTS (SELECT FROM known)
  RETURNING id
), audited AS (
  INSERT INTO fleet_auditentry (at, actor, act, subject, details)
  SELECT %(now)s, %(actor)s, 'payment.confirmed', 'payment:' || id, jsonb_build_object('amount_minor', %(amount)s)
  FROM (SELECT id FROM adopted UNION ALL SELECT id FROM made) AS confirmed
  UNION ALL
  SELECT %(now)s, %(actor)s, 'payment.contradicted', 'payment:' || id, jsonb_build_object('claimed_minor', %(amount)s)
  FROM known WHERE amount_minor <> %(amount)s
)
SELECT (SELECT id FROM adopted UNION ALL SELECT id FROM made), (SELECT outcome FROM journalled)
"""


def accept_confirmation(
    claim: PaymentClaim, *, reference: str, body: bytes, content_type: str, query: str, actor: str, now: datetime
) -> tuple[int | None, str]:
    """(id of the payment confirmed by this call or None, what the journal says). Idempotent by (provider, receipt).

    Two callbacks with one receipt at the same moment end in an `IntegrityError` for one of them, and nothing of it is
    kept: the caller repeats it once, finds the receipt known, and journals what it then is.
    """
    values: dict[str, str | bytes | int | datetime | None] = {
        "provider": claim.provider,
        "receipt": claim.receipt,
        "door": claim.door,
        "now": now,
        "content_type": content_type,
        "query": query,
        "body": body,
        "amount": claim.amount_minor,
        "currency": claim.currency,
        "account": claim.account_text,
        "reference": reference,
        "e164": claim.payer.e164,
        "sha256": sha256_of(claim.payer),
        "masked": claim.payer.masked,
        "paid_at": claim.paid_at,
        "actor": actor,
    }
    with connection.cursor() as cursor:
        cursor.execute(_STATEMENT, values)
        payment_id, outcome = cursor.fetchone()
    return payment_id, outcome
