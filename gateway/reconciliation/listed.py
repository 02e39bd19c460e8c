"""What a provider lists becomes the payment it was, once: the part that statements and pulls share.

Nearly every line is a payment that we have and believe; those cost a query a batch. The rest goes through the one
inbox (`gateway.webhooks.services.take_listed`), which journals it.
"""

from collections.abc import Iterable
from datetime import datetime

from fleet.cases.services import close_cases
from gateway.payments.doubts import NOT_IN_STATEMENT
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import PaymentClaim
from gateway.webhooks.services import Listed, take_listed

MISSING = NOT_IN_STATEMENT
CREATED, MATCHED, DIFFERS = "created", "matched", "differs"
_DONE = "the provider's list has it now"


def list_payments_by_receipt(provider: str, receipts: Iterable[str]) -> dict[str, Payment]:
    """Our payments of these receipts. Asked for by the receipt alone: with the provider beside it PostgreSQL may take
    the index that begins with that, and read all of its payments for each batch.
    """
    payments = Payment.objects.filter(receipt__in=list(receipts))
    return {payment.receipt: payment for payment in payments if payment.receipt and payment.provider == provider}


def is_settled(payment: Payment, claim: PaymentClaim) -> bool:
    """Whether the list says of this payment what we have and believe already, so that nothing is to be done."""
    return (
        (payment.amount_minor, payment.currency) == (claim.amount_minor, claim.currency)
        and payment.state not in (PaymentState.DECLINED, PaymentState.UNKNOWN, PaymentState.EXPECTED)
        and not (payment.must_verify or payment.frozen_reason)
        and bool(payment.meter_id or payment.account_text or not claim.account_text)
    )


def take_claim(*, claim: PaymentClaim, raw: bytes, source: str, actor: str, now: datetime) -> Listed:
    """Take a listed payment through the inbox, and close the case that said it was in no list."""
    listed = take_listed(claim=claim, raw=raw, source=source, actor=actor, now=now)
    if listed.payment_id and listed.outcome != CREATED:
        close_cases(subject=f"payment:{listed.payment_id}", reason=MISSING, outcome=_DONE, actor=actor, now=now)
    return listed
