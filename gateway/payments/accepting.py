"""A provider's claim against the payments we have: workings of `services`, under its locks and in its transaction."""

from datetime import datetime
from typing import NamedTuple

from fleet.audit.services import Act, record
from fleet.cases.services import close_cases
from gateway.payments.doubts import (
    AMOUNT_DIFFERS,
    PAID_WITHOUT_RECEIPT,
    UNSPENT,
    believe,
    contradict,
    freeze,
    subject_of,
)
from gateway.payments.lifecycle import PAYMENT, PaymentState
from gateway.payments.locks import OPEN_PURCHASES
from gateway.payments.models import Payment
from gateway.payments.ports import Authenticity, Outcome, PaymentClaim
from gateway.payments.queries import find_meters, sha256_of
from gateway.payments.trust import Trust


class Settled(NamedTuple):
    """What a listed payment is with us: "created", "matched" or "differs"; `can_go_on` wakes a worker."""

    payment_id: int
    outcome: str
    can_go_on: bool


def new_payment(claim: PaymentClaim, now: datetime, *, like: Payment | None = None) -> Payment:
    """A payment that nobody announced, or a second one on a purchase that was paid already (`like`)."""
    return Payment(
        provider=claim.provider,
        state=PaymentState.UNKNOWN,
        amount_minor=claim.amount_minor,
        currency=claim.currency,
        account_text=claim.account_text,
        payer_e164=claim.payer.e164,
        payer_sha256=sha256_of(claim.payer),
        payer_masked=claim.payer.masked,
        meter=like.meter if like else None,
        started_at=now,
    )


def confirm(payment: Payment, claim: PaymentClaim, trust: Trust, actor: str, now: datetime) -> None:
    """The money has moved. What must be verified is asked about at once, and buys nothing before."""
    PAYMENT.check_can_move(payment.state, PaymentState.CONFIRMED)
    was_without_receipt = payment.reason == PAID_WITHOUT_RECEIPT
    payment.state, payment.receipt, payment.reason = PaymentState.CONFIRMED, claim.receipt, ""
    payment.confirmed_at, payment.paid_at = now, claim.paid_at
    payment.attempts, payment.next_try_at, payment.leased_until = 0, now, None
    payment.authenticity, payment.must_verify, payment.frozen_reason = trust.authenticity, trust.must_verify, ""
    payment.queries, payment.next_query_at = 0, now if trust.must_verify else None
    payment.save()
    act = Act("payment.confirmed", subject_of(payment), {"amount_minor": payment.amount_minor})
    record(actor=actor, acts=[act], now=now)
    if was_without_receipt:
        _receipt_found(payment, actor, now)


def hear_again(known: Payment, claim: PaymentClaim, trust: Trust, actor: str, now: datetime) -> tuple[str, bool]:
    """A receipt we have: the same money again, or a claim that contradicts it, which a person must see.

    Returns what the journal keeps, and whether the repeat told something by which its payment can go on: the account,
    or a listed address behind a claim that was to be verified for want of one.
    """
    if not _is_same_money(known, claim):
        contradict(known, claim.amount_minor, actor, now)
        return "conflict", False
    is_lent = _lend_account(known, claim, actor, now)
    is_vouched = trust.authenticity is Authenticity.SOURCE and not trust.must_verify
    if is_vouched and known.must_verify and not known.frozen_reason:
        believe(known, trust.authenticity, actor, now)
        return "repeated", True
    return "repeated", is_lent


def hear_listed(known: Payment, claim: PaymentClaim, trust: Trust, is_told: bool, actor: str, now: datetime) -> Settled:
    """A receipt we have stands in the provider's list. `is_told`: the same line was heard before."""
    if not _is_same_money(known, claim):
        if not is_told:
            contradict(known, claim.amount_minor, actor, now)
        if known.must_verify:
            freeze(known, AMOUNT_DIFFERS, actor, now)
        return Settled(known.pk, "differs", can_go_on=False)
    if trust.authenticity is not Authenticity.LISTED:
        return Settled(known.pk, "matched", hear_again(known, claim, trust, actor, now)[1])
    if known.state == PaymentState.DECLINED:
        confirm(known, claim, trust, actor, now)
        return Settled(known.pk, "matched", can_go_on=True)
    is_lent = _lend_account(known, claim, actor, now)
    return Settled(known.pk, "matched", believe(known, trust.authenticity, actor, now) or is_lent)


def _is_same_money(known: Payment, claim: PaymentClaim) -> bool:
    return (known.amount_minor, known.currency) == (claim.amount_minor, claim.currency)


def _lend_account(known: Payment, claim: PaymentClaim, actor: str, now: datetime) -> bool:
    """Money that came by a prompt whose purchase we do not know has no account; the confirmation's finds its meter."""
    if known.state not in UNSPENT or known.meter_id or known.account_text or not claim.account_text:
        return False
    known.account_text, known.next_try_at = claim.account_text, now
    known.meter = find_meters([claim.account_text])[claim.account_text]
    known.save(update_fields=["account_text", "meter", "next_try_at"])
    record(actor=actor, acts=[Act("payment.account_told", subject_of(known))], now=now)
    return True


def close_prompt(purchase: Payment | None, claim: PaymentClaim, trust: Trust, actor: str, now: datetime) -> str:
    """Not paid, or unknown, for a prompt of ours. Anything but a waiting purchase stays what it is.

    A word that has to be verified closes nothing: the provider is asked about the prompt now.
    """
    if purchase is None:
        return "unknown_checkout"
    state = PaymentState.DECLINED if claim.outcome == Outcome.NOT_PAID else PaymentState.UNKNOWN
    if not _is_open(purchase) or purchase.state == state or purchase.reason == PAID_WITHOUT_RECEIPT:
        return "late"
    if trust.must_verify:
        purchase.next_query_at = now
        purchase.save(update_fields=["next_query_at"])
        return "unverified"
    close(purchase, state, f"result {claim.result_code}"[:60], actor, now)
    return "accepted"


def tell_meter(known: Payment, purchase: Payment | None, actor: str, now: datetime) -> None:
    """The money came by the other door first: close the purchase it was for, and lend its meter if none was found."""
    if purchase is None or purchase.pk == known.pk or purchase.receipt:
        return
    if _is_open(purchase):
        close(purchase, PaymentState.DECLINED, f"came as payment {known.pk}", actor, now)
    if known.meter_id is None and known.state in UNSPENT:
        known.meter_id, known.payer_e164, known.next_try_at = purchase.meter_id, purchase.payer_e164, now
        known.save(update_fields=["meter", "payer_e164", "next_try_at"])
        record(actor=actor, acts=[Act("payment.meter_told", subject_of(known))], now=now)


def _is_open(purchase: Payment) -> bool:
    """Not the lifecycle's table: confirmed money may be declined too, but by persons only."""
    return purchase.state in OPEN_PURCHASES


def close(payment: Payment, state: PaymentState, reason: str, actor: str, now: datetime) -> None:
    """An end that is not money, for now. An UNKNOWN one is asked about for as long as it was going to be."""
    was_without_receipt = payment.reason == PAID_WITHOUT_RECEIPT
    payment.state, payment.reason, payment.next_try_at, payment.leased_until = state, reason, None, None
    if state is not PaymentState.UNKNOWN or reason == PAID_WITHOUT_RECEIPT:
        payment.next_query_at = None
    payment.save(update_fields=["state", "reason", "next_try_at", "leased_until", "next_query_at"])
    record(actor=actor, acts=[Act(f"payment.{state.lower()}", subject_of(payment), {"reason": reason})], now=now)
    if was_without_receipt:
        _receipt_found(payment, actor, now)


def _receipt_found(payment: Payment, actor: str, now: datetime) -> None:
    subject, outcome = subject_of(payment), "its money came with a receipt"
    close_cases(subject=subject, reason=PAID_WITHOUT_RECEIPT, outcome=outcome, actor=actor, now=now)
