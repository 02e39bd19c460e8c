"""Noting that a provider took money back, by whatever door it was told: a result, a statement, a pull.

Only the word is kept here; what it means for the payment, the sale and the books is done by `gateway.refunds`, now or
when the payment itself is known.
"""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from fleet.audit.services import Act, record
from fleet.cases.services import CaseDraft, open_cases
from gateway.payments.models import Payment
from gateway.reversals.locks import lock_reversal_of
from gateway.reversals.models import Reversal

CONTRADICTED_CASE = "reversal_contradicted"
PATIENCE = timedelta(hours=24)


@transaction.atomic
def note_reversal(
    *,
    provider: str,
    payment_receipt: str,
    receipt: str,
    amount_minor: int,
    currency: str,
    door: str,
    actor: str,
    now: datetime,
) -> Reversal:
    """The money of `payment_receipt` went back. Idempotent by (provider, payment_receipt): the first word stands, a
    later one only adds the reversal's own receipt where the first had none; another amount is audited, and a case.
    """
    known = lock_reversal_of(provider, payment_receipt)
    if known is None:
        facts = {"receipt": receipt, "amount_minor": amount_minor, "currency": currency, "door": door, "seen_at": now}
        try:
            with transaction.atomic():
                row = Reversal.objects.create(provider=provider, payment_receipt=payment_receipt, **facts)
        except IntegrityError:
            known = lock_reversal_of(provider, payment_receipt)
            if known is None:
                raise
        else:
            details = {"payment_receipt": payment_receipt, "amount_minor": amount_minor, "door": door}
            record(actor=actor, acts=[Act("reversal.noted", f"reversal:{row.pk}", details)], now=now)
            return row
    if receipt and not known.receipt:
        known.receipt = receipt
        known.save(update_fields=["receipt"])
    if amount_minor != known.amount_minor:
        _contradict(known, amount_minor, door, actor, now)
    return known


def _contradict(known: Reversal, claimed_minor: int, door: str, actor: str, now: datetime) -> None:
    """Taken back in parts, or told wrongly: nothing beyond the first word is booked before a person looked."""
    subject, details = f"reversal:{known.pk}", {"claimed_minor": claimed_minor, "door": door}
    record(actor=actor, acts=[Act("reversal.contradicted", subject, details)], now=now)
    facts = {"taken_minor": known.amount_minor, "claimed_minor": claimed_minor, "currency": known.currency}
    payment = Payment.objects.filter(provider=known.provider, receipt=known.payment_receipt).only("pk").first()
    about = f"payment:{payment.pk}" if payment else subject
    open_cases(drafts=[CaseDraft(CONTRADICTED_CASE, about, now + PATIENCE, facts)], actor=actor, now=now)


@transaction.atomic
def close_reversal(*, reversal: Reversal, payment: Payment, outcome: str, actor: str, now: datetime) -> None:
    """What the reversal met, once the books say so. The caller holds its lock."""
    reversal.payment, reversal.outcome, reversal.applied_at = payment, outcome, now
    reversal.save(update_fields=["payment", "outcome", "applied_at"])
    details = {"payment_id": payment.pk, "outcome": outcome}
    record(actor=actor, acts=[Act("reversal.applied", f"reversal:{reversal.pk}", details)], now=now)
