"""Listed payments that nobody had heard of, taken together: for each a journal entry, the payment and its audit entry,
for all as few statements as for one.

Anything else that a line may mean (a payment that we have, a purchase that waits) is `gateway.webhooks`' to take, one
by one. What a row holds here and there is the same; a test compares them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from fleet.audit.services import Act, record
from gateway.payments.accepting import new_payment
from gateway.payments.doubts import subject_of
from gateway.payments.lifecycle import PAYMENT, PaymentState
from gateway.payments.locks import OPEN_PURCHASES
from gateway.payments.models import Payment
from gateway.payments.ports import PaymentClaim
from gateway.payments.queries import reference_in
from gateway.payments.trust import BY_LIST
from gateway.reconciliation.listed import CREATED
from gateway.webhooks.models import Callback

_AT_ONCE = 500
# More than the hour in which a declined purchase may still have been paid.
_AROUND = timedelta(hours=2)


class NewLine(NamedTuple):
    """What a list says, and the line as it stood, for the journal."""

    claim: PaymentClaim
    raw: bytes


def list_for_purchases(provider: str, claims: Sequence[PaymentClaim]) -> set[str]:
    """The receipts of these claims whose money may be a purchase's that waits: same reference and amount. Rather too
    many than too few: whether it is, is decided where it is taken.
    """
    told = [(reference_in(claim.account_text), claim) for claim in claims]
    moments = [claim.paid_at for _, claim in told if claim.paid_at]
    waiting = Payment.objects.filter(provider=provider, reference__in={text for text, _ in told if text}, receipt=None)
    found = waiting.filter(state__in=OPEN_PURCHASES).values_list("reference", "amount_minor")
    if moments:
        hours = (min(moments) - _AROUND, max(moments) + _AROUND)
        declined = waiting.filter(state=PaymentState.DECLINED, started_at__range=hours)
        found = found.union(declined.values_list("reference", "amount_minor"))
    purchases = set(found)
    return {claim.receipt for reference, claim in told if (reference, claim.amount_minor) in purchases}


def take_new(*, lines: Sequence[NewLine], source: str, actor: str, now: datetime) -> list[int]:
    """The ids of the payments that these lines became, in their order. In the caller's transaction.

    Idempotent by (provider, receipt): if one is known by now it is an `IntegrityError`, and nothing of them is written.
    """
    payments = [_confirmed(line.claim, now) for line in lines]
    Payment.objects.bulk_create(payments, batch_size=_AT_ONCE)
    Callback.objects.bulk_create((_journalled(line, source, now) for line in lines), batch_size=_AT_ONCE)
    acts = [
        Act("payment.confirmed", subject_of(payment), {"amount_minor": payment.amount_minor}) for payment in payments
    ]
    record(actor=actor, acts=acts, now=now)
    return [payment.pk for payment in payments]


def _confirmed(claim: PaymentClaim, now: datetime) -> Payment:
    payment = new_payment(claim, now)
    PAYMENT.check_can_move(payment.state, PaymentState.CONFIRMED)
    payment.state, payment.receipt = PaymentState.CONFIRMED, claim.receipt
    payment.confirmed_at, payment.paid_at, payment.next_try_at = now, claim.paid_at, now
    payment.authenticity, payment.must_verify = BY_LIST.authenticity, BY_LIST.must_verify
    return payment


def _journalled(line: NewLine, source: str, now: datetime) -> Callback:
    return Callback(
        provider=line.claim.provider,
        door=source,
        received_at=now,
        body=line.raw,
        subject=line.claim.receipt,
        outcome=CREATED,
    )
