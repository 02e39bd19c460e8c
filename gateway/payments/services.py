"""Money in: purchases begun, claims of providers turned into payments exactly once, prompts asked for.

Allocation of confirmed money is the flow's (`gateway.fulfilment`). Claims arrive repeated, late, reordered and by two
doors; the receipt decides which money it is.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction

from fleet.audit.services import Act, record
from fleet.meters.models import Meter
from gateway.failpoints import Failpoint, reach
from gateway.http.phones import msisdn_sha256
from gateway.payments.lifecycle import PAYMENT, PaymentState
from gateway.payments.locks import (
    claim_push,
    lock_open_purchase,
    lock_payment_of_checkout,
    lock_payment_of_receipt,
    lock_payments,
)
from gateway.payments.models import Payment
from gateway.payments.ports import Outcome, PaymentClaim, PushOutcome, PushRequest, PushResult
from gateway.payments.queries import find_meters, sha256_of
from gateway.payments.registry import get_provider
from vending.vends.queries import list_refusals

LONGEST_REFERENCE = 12
PUSH_TRIES = 4
PUSH_RETRY = timedelta(seconds=5)
AMBIGUOUS_PUSH_WAIT = timedelta(seconds=90)
ALLOCATION_RETRY_SECONDS = (2, 5, 15, 60, 300)
PURCHASE_PATIENCE = timedelta(minutes=10)
_ACTOR = "system:payments"


class Accepted(NamedTuple):
    """`payment_id` is set when this claim confirmed money; `outcome` is what the journal keeps."""

    payment_id: int | None
    outcome: str


def start_purchase(
    *,
    provider: str,
    meter: Meter,
    payer_e164: str,
    amount_minor: int,
    new_reference: Callable[[], str],
    actor: str,
    now: datetime,
) -> Payment:
    """A purchase that a customer has confirmed: an EXPECTED payment whose prompt is due now. Runs in the caller's
    transaction.

    The account reference is the DRN where Daraja's twelve characters hold it, else a short one of ours. A meter that
    cannot be sold to now is refused with the reason (`vending.vends.selling`), and nothing is written.
    """
    if refusal := list_refusals([meter], now)[meter.pk]:
        raise refusal
    payment = Payment.objects.create(
        provider=provider,
        reference=meter.drn if len(meter.drn) <= LONGEST_REFERENCE else new_reference(),
        state=PaymentState.EXPECTED,
        amount_minor=amount_minor,
        currency=meter.site.currency,
        payer_e164=payer_e164,
        payer_sha256=msisdn_sha256(payer_e164),
        meter=meter,
        started_at=now,
        next_try_at=now,
    )
    record(actor=actor, acts=[Act("payment.expected", f"payment:{payment.pk}", {"meter_id": meter.pk})], now=now)
    return payment


@transaction.atomic
def confirm_payment(*, claim: PaymentClaim, reference: str, actor: str, now: datetime) -> Accepted:
    """Money has moved to our account: one payment by (provider, receipt), whoever says it first and however often.

    A purchase of ours that waits for exactly this money (our reference, the amount, the payer where shown) becomes
    the payment.
    """
    known = lock_payment_of_receipt(claim.provider, claim.receipt)
    if known:
        outcome = _repeat(known, claim, actor, now)
        is_lent = outcome == "repeated" and _lend_account(known, claim, actor, now)
        return Accepted(known.pk if is_lent else None, outcome)
    purchase = reference and lock_open_purchase(
        provider=claim.provider,
        amount_minor=claim.amount_minor,
        reference=reference,
        payer_sha256=sha256_of(claim.payer),
    )
    payment = purchase or _new_payment(claim, now)
    payment.account_text = claim.account_text
    _confirm(payment, claim, actor, now)
    return Accepted(payment.pk, "accepted")


@transaction.atomic
def settle_prompt(*, claim: PaymentClaim, actor: str, now: datetime) -> Accepted:
    """The provider's word on a prompt: paid, not paid, or unknown. Known by the checkout, then by the receipt.

    Paid for a checkout that we do not know (we died before we stored it) is still money: it goes to the open purchase
    of that phone and amount, else it waits in suspense for a person.
    """
    purchase = lock_payment_of_checkout(claim.provider, claim.checkout_id)
    if claim.outcome != Outcome.PAID:
        return Accepted(None, _close_prompt(purchase, claim, actor, now))
    known = lock_payment_of_receipt(claim.provider, claim.receipt)
    if known:
        _tell_meter(known, purchase, actor, now)
        return Accepted(known.pk, _repeat(known, claim, actor, now))
    if purchase is None and claim.payer.e164:
        purchase = lock_open_purchase(
            provider=claim.provider, amount_minor=claim.amount_minor, payer_e164=claim.payer.e164
        )
    payment = purchase if purchase and not purchase.receipt else _new_payment(claim, now, like=purchase)
    if purchase is None or payment is purchase:  # a second payment leaves the checkout to the first
        payment.checkout_id = payment.checkout_id or claim.checkout_id
    payment.amount_minor = claim.amount_minor
    _confirm(payment, claim, actor, now)
    return Accepted(payment.pk, "accepted")


def _new_payment(claim: PaymentClaim, now: datetime, *, like: Payment | None = None) -> Payment:
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


def _confirm(payment: Payment, claim: PaymentClaim, actor: str, now: datetime) -> None:
    PAYMENT.check_can_move(payment.state, PaymentState.CONFIRMED)
    payment.state, payment.receipt, payment.reason = PaymentState.CONFIRMED, claim.receipt, ""
    payment.confirmed_at, payment.paid_at = now, claim.paid_at
    payment.attempts, payment.next_try_at, payment.leased_until = 0, now, None
    payment.save()
    record(actor=actor, acts=[_confirmed_act(payment)], now=now)


def _confirmed_act(payment: Payment) -> Act:
    return Act("payment.confirmed", f"payment:{payment.pk}", {"amount_minor": payment.amount_minor})


def _repeat(known: Payment, claim: PaymentClaim, actor: str, now: datetime) -> str:
    """A receipt we have: the same money again, or a claim that contradicts it, which a person must see."""
    if known.amount_minor == claim.amount_minor:
        return "repeated"
    act = Act("payment.contradicted", f"payment:{known.pk}", {"claimed_minor": claim.amount_minor})
    record(actor=actor, acts=[act], now=now)
    return "conflict"


@transaction.atomic
def lend_account(*, claim: PaymentClaim, actor: str, now: datetime) -> int | None:
    """A repeated confirmation may know what the first word of this money did not: the account. Its id if so."""
    known = lock_payment_of_receipt(claim.provider, claim.receipt)
    return known.pk if known and _lend_account(known, claim, actor, now) else None


def _lend_account(known: Payment, claim: PaymentClaim, actor: str, now: datetime) -> bool:
    """Money that came by a prompt whose purchase we do not know has no account; the confirmation's finds its meter."""
    if known.meter_id or known.account_text or not claim.account_text:
        return False
    known.account_text, known.next_try_at = claim.account_text, now
    known.meter = find_meters([claim.account_text])[claim.account_text]
    known.save(update_fields=["account_text", "meter", "next_try_at"])
    record(actor=actor, acts=[Act("payment.account_told", f"payment:{known.pk}")], now=now)
    return True


def _close_prompt(purchase: Payment | None, claim: PaymentClaim, actor: str, now: datetime) -> str:
    """Not paid, or unknown, for a prompt of ours. Anything but a waiting purchase stays what it is."""
    if purchase is None:
        return "unknown_checkout"
    state = PaymentState.DECLINED if claim.outcome == Outcome.NOT_PAID else PaymentState.UNKNOWN
    if not PAYMENT.can_move(purchase.state, state):
        return "late"
    _close(purchase, state, f"result {claim.result_code}"[:60], actor, now)
    return "accepted"


def _tell_meter(known: Payment, purchase: Payment | None, actor: str, now: datetime) -> None:
    """The money came by the other door first: close the purchase it was for, and lend its meter if none was found."""
    if purchase is None or purchase.pk == known.pk or purchase.receipt:
        return
    if PAYMENT.can_move(purchase.state, PaymentState.DECLINED):
        _close(purchase, PaymentState.DECLINED, f"came as payment {known.pk}", actor, now)
    if known.meter_id is None and known.state in (PaymentState.CONFIRMED, PaymentState.SUSPENSE):
        known.meter_id, known.payer_e164, known.next_try_at = purchase.meter_id, purchase.payer_e164, now
        known.save(update_fields=["meter", "payer_e164", "next_try_at"])
        record(actor=actor, acts=[Act("payment.meter_told", f"payment:{known.pk}")], now=now)


def _close(payment: Payment, state: PaymentState, reason: str, actor: str, now: datetime) -> None:
    payment.state, payment.reason, payment.next_try_at, payment.leased_until = state, reason, None, None
    payment.save(update_fields=["state", "reason", "next_try_at", "leased_until"])
    record(actor=actor, acts=[Act(f"payment.{state.lower()}", f"payment:{payment.pk}", {"reason": reason})], now=now)


def push_one(*, payment_id: int | None, clock: Callable[[], datetime]) -> bool:
    """Ask for one prompt that is due (this one, if named). False when there was none. No transaction is open
    meanwhile.
    """
    payment = claim_push(payment_id=payment_id, now=clock())
    if payment is None:
        return False
    reach(Failpoint.PUSH_CLAIMED)
    result = get_provider(payment.provider).push(_push_request(payment), now=clock())
    reach(Failpoint.PUSH_SENT)
    store_push(payment_id=payment.pk, result=result, actor=_ACTOR, now=clock())
    return True


def _push_request(payment: Payment) -> PushRequest:
    callback_url = f"{settings.PUBLIC_BASE_URL}/hooks/payments/{payment.provider}/{settings.HOOK_SECRETS[0]}/stk/"
    return PushRequest(
        phone_e164=payment.payer_e164,
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        account_reference=payment.reference,
        callback_url=callback_url,
    )


@transaction.atomic
def store_push(*, payment_id: int, result: PushResult, actor: str, now: datetime) -> None:
    """What became of asking for a prompt. The callback may have come first: then only the checkout id is new."""
    payment = lock_payments([payment_id])[0]
    if result.outcome == PushOutcome.ACCEPTED and payment.checkout_id is None:
        # Its callback may have come first, and found another open purchase of this phone and amount.
        is_taken = lock_payment_of_checkout(payment.provider, result.checkout_id) is not None
        payment.checkout_id, payment.pushed_at = None if is_taken else result.checkout_id, now
        if payment.state == PaymentState.EXPECTED:
            payment.next_try_at = payment.leased_until = None
        payment.save(update_fields=["checkout_id", "pushed_at", "next_try_at", "leased_until"])
        record(actor=actor, acts=[Act("payment.prompted", f"payment:{payment.pk}")], now=now)
    elif payment.state == PaymentState.EXPECTED and result.outcome != PushOutcome.ACCEPTED:
        _store_failed_push(payment, result, actor, now)


def _store_failed_push(payment: Payment, result: PushResult, actor: str, now: datetime) -> None:
    """Refused: not paid. Unavailable: again soon. Ambiguous: a prompt may be on the phone, so again only after it is
    gone, and after the last try nobody knows.
    """
    if result.outcome == PushOutcome.REFUSED or payment.attempts >= PUSH_TRIES:
        state = PaymentState.UNKNOWN if result.outcome == PushOutcome.AMBIGUOUS else PaymentState.DECLINED
        _close(payment, state, f"prompt {result.code}"[:60], actor, now)
        return
    wait = AMBIGUOUS_PUSH_WAIT if result.outcome == PushOutcome.AMBIGUOUS else PUSH_RETRY * payment.attempts
    payment.next_try_at, payment.leased_until = now + wait, None
    payment.save(update_fields=["next_try_at", "leased_until"])


@transaction.atomic
def postpone_payment(*, payment_id: int, reason: str, now: datetime) -> None:
    """Allocation of this payment failed: keep the reason for staff, and try again after a growing wait."""
    payment = lock_payments([payment_id])[0]
    wait = ALLOCATION_RETRY_SECONDS[min(max(payment.attempts, 1), len(ALLOCATION_RETRY_SECONDS)) - 1]
    is_new = payment.reason != reason[:60]
    payment.reason, payment.leased_until = reason[:60], None
    payment.next_try_at = now + timedelta(seconds=wait)
    payment.save(update_fields=["reason", "leased_until", "next_try_at"])
    if is_new:  # a try every five minutes that fails as the one before is no act
        act = Act("payment.postponed", f"payment:{payment_id}", {"reason": reason[:60]})
        record(actor=_ACTOR, acts=[act], now=now)


@transaction.atomic
def give_up_purchases(*, now: datetime, limit: int = 200) -> int:
    """Purchases that nobody answered become UNKNOWN: seen by staff, and still open to late money."""
    old = Payment.objects.filter(state=PaymentState.EXPECTED, started_at__lte=now - PURCHASE_PATIENCE)
    payments = lock_payments(list(old.order_by("pk").values_list("pk", flat=True)[:limit]))
    for payment in payments:
        if payment.state == PaymentState.EXPECTED:
            _close(payment, PaymentState.UNKNOWN, "no answer", _ACTOR, now)
    return len(payments)
