"""What keeps money from buying anything, and what lifts it: workings of `services`, under its locks and transactions.

A payment is in doubt while the provider is to be asked about it (`must_verify`), or when its word was against it
(`frozen_reason`). The provider's own answer or list lifts doubts about the money, but no freeze that a person set.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from fleet.audit.services import Act, record
from fleet.cases.services import CaseDraft, close_cases, open_cases
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import MOST_ATTEMPTS
from gateway.payments.models import Payment
from gateway.payments.ports import Authenticity

# Codes of cases and, but for the first and the last, reasons of a freeze.
PAYMENT_UNVERIFIED = "payment_unverified"
NOT_CONFIRMED = "not_confirmed"
AMOUNT_DIFFERS = "amount_differs"
NOT_IN_STATEMENT = "not_in_statement"
PAID_WITHOUT_RECEIPT = "paid_without_receipt"
# The money is there: a customer says that it is for another meter.
WRONG_METER = "wrong_meter"
DOUBTS = frozenset({NOT_CONFIRMED, AMOUNT_DIFFERS, NOT_IN_STATEMENT})
# Until then money waits for a person, or for the other road by which it is told.
CASE_DUE = {
    PAYMENT_UNVERIFIED: timedelta(hours=1),
    PAID_WITHOUT_RECEIPT: timedelta(hours=1),
    NOT_CONFIRMED: timedelta(days=1),
    AMOUNT_DIFFERS: timedelta(days=1),
}
UNSPENT = frozenset({PaymentState.CONFIRMED, PaymentState.SUSPENSE})
FREEZABLE = UNSPENT | {PaymentState.ALLOCATED, PaymentState.REFUND_PENDING}
_RANK = {str(authenticity): rank for rank, authenticity in enumerate(Authenticity, start=1)}


def subject_of(payment: Payment) -> str:
    return f"payment:{payment.pk}"


def open_payment_case(payment: Payment, reason: str, details: Mapping[str, object], actor: str, now: datetime) -> bool:
    """The open case of this reason about this payment; returns whether this call opened it."""
    draft = CaseDraft(reason, subject_of(payment), now + CASE_DUE[reason], details)
    return bool(open_cases(drafts=[draft], actor=actor, now=now))


def contradict(payment: Payment, claimed_minor: int, actor: str, now: datetime) -> None:
    """Somebody says another amount for a receipt that we have: audited each time, one open case."""
    act = Act("payment.contradicted", subject_of(payment), {"claimed_minor": claimed_minor})
    record(actor=actor, acts=[act], now=now)
    details = {"amount_minor": payment.amount_minor, "claimed_minor": claimed_minor, "currency": payment.currency}
    open_payment_case(payment, AMOUNT_DIFFERS, details, actor, now)


def is_stopped(payment: Payment) -> bool:
    """Whether a person can let it go on: in doubt, frozen by a person, or given up after too many tries."""
    is_given_up = payment.state in UNSPENT and payment.attempts >= MOST_ATTEMPTS
    return bool(payment.frozen_reason) or payment.must_verify or is_given_up


def waits_for_meter(payment: Payment) -> bool:
    """Unspent money without a meter, or stopped because its payer says that it is for another one."""
    return payment.state in UNSPENT and (payment.meter_id is None or payment.frozen_reason == WRONG_METER)


def is_in_doubt(payment: Payment) -> bool:
    return payment.must_verify or payment.frozen_reason in DOUBTS


def freeze(payment: Payment, reason: str, actor: str, now: datetime) -> bool:
    """False when it is frozen already, whatever for: the first reason stands."""
    if payment.frozen_reason:
        return False
    payment.frozen_reason, payment.next_query_at = reason, None
    payment.save(update_fields=["frozen_reason", "next_query_at"])
    record(actor=actor, acts=[Act("payment.frozen", subject_of(payment), {"reason": reason})], now=now)
    return True


def release(payment: Payment, outcome: str, actor: str, now: datetime) -> None:
    """Nothing stops it any more: whoever works on it goes on now, and the cases of the doubt are closed."""
    lifted = [reason for reason in (payment.frozen_reason, PAYMENT_UNVERIFIED, *sorted(DOUBTS)) if reason]
    payment.frozen_reason, payment.must_verify, payment.next_query_at = "", False, None
    if payment.state in UNSPENT:
        payment.attempts, payment.next_try_at, payment.leased_until = 0, now, None
    payment.save(
        update_fields=["frozen_reason", "must_verify", "next_query_at", "attempts", "next_try_at", "leased_until"]
    )
    for reason in dict.fromkeys(lifted):
        close_cases(subject=subject_of(payment), reason=reason, outcome=outcome, actor=actor, now=now)


def believe(payment: Payment, authenticity: Authenticity, actor: str, now: datetime) -> bool:
    """The provider, or a listed address, stands for this money. Returns whether it was in doubt."""
    if _RANK[authenticity] > _RANK.get(payment.authenticity, 0):
        payment.authenticity = authenticity
        payment.save(update_fields=["authenticity"])
    if not is_in_doubt(payment):
        return False
    details = {"authenticity": str(authenticity), "frozen_reason": payment.frozen_reason}
    record(actor=actor, acts=[Act("payment.believed", subject_of(payment), details)], now=now)
    if payment.frozen_reason and payment.frozen_reason not in DOUBTS:
        payment.must_verify, payment.next_query_at = False, None
        payment.save(update_fields=["must_verify", "next_query_at"])
        return True
    release(payment, "the provider stands for the payment", actor, now)
    return True
