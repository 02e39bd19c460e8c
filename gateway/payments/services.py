"""Money in: purchases begun, claims of providers turned into payments exactly once, prompts asked for, doubts settled.

Allocation of confirmed money is the flow's (`gateway.fulfilment`); asking the provider is `gateway.inquiries`'. Claims
arrive repeated, late, reordered and by several doors; the receipt decides which money it is.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import IntegrityError, transaction

from fleet.audit.services import Act, record
from fleet.cases.services import close_cases
from fleet.meters.models import Meter
from gateway.failpoints import Failpoint, reach
from gateway.http.phones import msisdn_sha256
from gateway.payments.accepting import (
    Settled,
    close,
    close_prompt,
    confirm,
    hear_again,
    hear_listed,
    new_payment,
    tell_meter,
)
from gateway.payments.doubts import (
    AMOUNT_DIFFERS,
    FREEZABLE,
    NOT_CONFIRMED,
    PAID_WITHOUT_RECEIPT,
    PAYMENT_UNVERIFIED,
    UNSPENT,
    believe,
    contradict,
    freeze,
    is_in_doubt,
    is_stopped,
    open_payment_case,
    release,
    subject_of,
    waits_for_meter,
)
from gateway.payments.errors import (
    PaymentCurrencyOther,
    PaymentMeterMissing,
    PaymentMissing,
    PaymentNotDeclinable,
    PaymentNotInSuspense,
)
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import (
    OPEN_PURCHASES,
    claim_push,
    lock_listed_purchase,
    lock_open_purchase,
    lock_payment_of_checkout,
    lock_payment_of_receipt,
    lock_payments,
    lock_prompted_purchase,
)
from gateway.payments.models import Payment
from gateway.payments.ports import (
    Authenticity,
    Outcome,
    PaymentClaim,
    PromptStatus,
    PushOutcome,
    PushResult,
)
from gateway.payments.prompting import push_request_of, store_failed_push
from gateway.payments.queries import sha256_of
from gateway.payments.registry import get_provider
from gateway.payments.trust import BY_SECRET, Trust
from vending.vends.queries import list_refusals

LONGEST_REFERENCE = 12
# The customer needs some seconds for the PIN; the callback is nearly always there before.
FIRST_QUERY_WAIT = timedelta(seconds=30)
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
def confirm_payment(
    *, claim: PaymentClaim, reference: str, actor: str, now: datetime, trust: Trust = BY_SECRET
) -> Accepted:
    """Money has moved to our account: one payment by (provider, receipt), whoever says it first and however often.

    A purchase of ours that waits for exactly this money (our reference, the amount, the payer where shown) becomes
    the payment. One that must be verified is kept all the same: the money may have moved.
    """
    known = lock_payment_of_receipt(claim.provider, claim.receipt)
    if known:
        outcome, can_go_on = hear_again(known, claim, trust, actor, now)
        return Accepted(known.pk if can_go_on else None, outcome)
    purchase = reference and lock_open_purchase(claim, reference, sha256_of(claim.payer))
    payment = purchase or new_payment(claim, now)
    payment.account_text = claim.account_text
    confirm(payment, claim, trust, actor, now)
    return Accepted(payment.pk, "accepted")


@transaction.atomic
def settle_prompt(*, claim: PaymentClaim, actor: str, now: datetime, trust: Trust = BY_SECRET) -> Accepted:
    """The provider's word on a prompt: paid, not paid, or unknown. Known by the checkout, then by the receipt.

    Paid for a checkout that we do not know (we died before we stored it) is still money: it goes to the open purchase
    of that phone and amount, else it waits in suspense for a person.
    """
    purchase = lock_payment_of_checkout(claim.provider, claim.checkout_id)
    if claim.outcome != Outcome.PAID:
        return Accepted(None, close_prompt(purchase, claim, trust, actor, now))
    known = lock_payment_of_receipt(claim.provider, claim.receipt)
    if known:
        tell_meter(known, purchase, actor, now)
        return Accepted(known.pk, hear_again(known, claim, trust, actor, now)[0])
    if purchase is None and claim.payer.e164:
        purchase = lock_prompted_purchase(claim, now)
    payment = purchase if purchase and not purchase.receipt else new_payment(claim, now, like=purchase)
    if purchase is None or payment is purchase:  # a second payment leaves the checkout to the first
        payment.checkout_id = payment.checkout_id or claim.checkout_id
    payment.amount_minor = claim.amount_minor
    confirm(payment, claim, trust, actor, now)
    return Accepted(payment.pk, "accepted")


@transaction.atomic
def settle_listed(
    *, claim: PaymentClaim, reference: str, trust: Trust, is_told: bool, actor: str, now: datetime
) -> Settled:
    """A payment that the provider lists: the one we have, the purchase it was for (a declined one of that hour too), or
    a new one. Idempotent by (provider, receipt).

    A list that is believed lifts doubts, and brings back a payment that was declined because nobody knew it. A
    difference that `is_told` already opens no second case: lists repeat themselves.
    """
    known = lock_payment_of_receipt(claim.provider, claim.receipt)
    if known is None:
        purchase = reference and lock_listed_purchase(claim, reference, sha256_of(claim.payer))
        payment = purchase or new_payment(claim, now)
        payment.account_text = claim.account_text
        confirm(payment, claim, trust, actor, now)
        return Settled(payment.pk, "created", can_go_on=True)
    return hear_listed(known, claim, trust, is_told, actor, now)


@transaction.atomic
def store_prompt_status(*, payment_id: int, status: PromptStatus, actor: str, now: datetime) -> str:
    """What the provider answered about a prompt; returns what came of it. Anything but a waiting purchase is "late".

    Paid without a receipt is not yet money: the receipt comes by another road, and a case waits for it meanwhile.
    """
    payment = _locked(payment_id)
    if payment.state not in OPEN_PURCHASES or payment.reason == PAID_WITHOUT_RECEIPT:
        return "late"
    if status.outcome is Outcome.UNKNOWN:
        return "unknown"
    if status.outcome is Outcome.NOT_PAID:
        close(payment, PaymentState.DECLINED, f"query {status.code}"[:60], actor, now)
        return "declined"
    close(payment, PaymentState.UNKNOWN, PAID_WITHOUT_RECEIPT, actor, now)
    details = {"amount_minor": payment.amount_minor, "currency": payment.currency}
    open_payment_case(payment, PAID_WITHOUT_RECEIPT, details, actor, now)
    return PAID_WITHOUT_RECEIPT


@transaction.atomic
def verify_payment(*, payment_id: int, outcome: Outcome, amount_minor: int, actor: str, now: datetime) -> str:
    """The provider's answer about a payment in doubt; returns what came of it: "verified", "not_confirmed",
    "amount_differs", "unknown", or "late" when nobody doubts it (any more). Raises `PaymentMissing`.

    Paid without an amount is unknown: the amount is what a false claim would lie about.
    """
    payment = _locked(payment_id)
    if payment.state not in UNSPENT or not is_in_doubt(payment):
        return "late"
    if outcome is Outcome.UNKNOWN or (outcome is Outcome.PAID and amount_minor <= 0):
        return "unknown"
    if outcome is Outcome.NOT_PAID:
        details = {"amount_minor": payment.amount_minor, "currency": payment.currency}
        freeze(payment, NOT_CONFIRMED, actor, now)
        open_payment_case(payment, NOT_CONFIRMED, details, actor, now)
        return NOT_CONFIRMED
    if amount_minor != payment.amount_minor:
        contradict(payment, amount_minor, actor, now)
        freeze(payment, AMOUNT_DIFFERS, actor, now)
        return AMOUNT_DIFFERS
    believe(payment, Authenticity.POLLED, actor, now)
    return "verified"


@transaction.atomic
def report_unverified(
    *, payment_id: int, details: Mapping[str, object], next_at: datetime | None, actor: str, now: datetime
) -> bool:
    """The provider cannot be asked, or does not answer: a case, and the next question at `next_at` if that is given.
    False when nobody doubts the payment any more.
    """
    payment = _locked(payment_id)
    if not payment.must_verify or payment.frozen_reason:
        return False
    if next_at:
        payment.next_query_at = next_at
        payment.save(update_fields=["next_query_at"])
    open_payment_case(payment, PAYMENT_UNVERIFIED, details, actor, now)
    return True


@transaction.atomic
def freeze_payment(*, payment_id: int, reason: str, actor: str, now: datetime) -> bool:
    """Stop money until a person decides; False when it is frozen already, has left, or never came. The caller opens the
    case, and holds the sale that it may have become. Raises `PaymentMissing`.
    """
    payment = _locked(payment_id)
    return payment.state in FREEZABLE and freeze(payment, reason, actor, now)


@transaction.atomic
def release_payment(*, payment_id: int, actor: str, now: datetime) -> bool:
    """A person says that the money is good: it goes on now, whether it was frozen, still to be verified, or given up
    after too many tries. False when nothing stopped it. Raises `PaymentMissing`.
    """
    payment = _locked(payment_id)
    if not is_stopped(payment):
        return False
    details = {"frozen_reason": payment.frozen_reason, "must_verify": payment.must_verify}
    record(actor=actor, acts=[Act("payment.released", subject_of(payment), details)], now=now)
    release(payment, "released", actor, now)
    return True


@transaction.atomic
def decline_payment(*, payment_id: int, reason: str, actor: str, now: datetime) -> bool:
    """Persons say that this money never came: a claim in doubt, not allocated, becomes DECLINED. False when it is.

    Raises `PaymentMissing`, and `PaymentNotDeclinable` for anything else.
    """
    payment = _locked(payment_id)
    if payment.state == PaymentState.DECLINED:
        return False
    if payment.state != PaymentState.CONFIRMED or not (payment.frozen_reason or payment.must_verify):
        raise PaymentNotDeclinable("only confirmed money in doubt can be declined")
    payment.frozen_reason, payment.must_verify = "", False
    payment.save(update_fields=["frozen_reason", "must_verify"])
    close(payment, PaymentState.DECLINED, reason[:60], actor, now)
    close_cases(subject=subject_of(payment), outcome="declined", actor=actor, now=now)
    return True


@transaction.atomic
def assign_meter(*, payment_id: int, meter_id: int, actor: str, now: datetime) -> bool:
    """Money that waits for its meter gets one, or another one; the flow allocates it. False when it has this one.

    Raises `PaymentMissing`, `PaymentMeterMissing`, `PaymentNotInSuspense` and `PaymentCurrencyOther`.
    """
    payment = _locked(payment_id)
    meter = Meter.objects.select_related("site").filter(pk=meter_id).first()
    if meter is None:
        raise PaymentMeterMissing("no such meter")
    if payment.meter_id == meter_id:
        return False
    if not waits_for_meter(payment):
        raise PaymentNotInSuspense("the payment does not wait for a meter")
    if meter.site.currency != payment.currency:
        raise PaymentCurrencyOther("the meter's site sells in another currency")
    payment.meter, payment.attempts, payment.next_try_at, payment.leased_until = meter, 0, now, None
    payment.save(update_fields=["meter", "attempts", "next_try_at", "leased_until"])
    record(actor=actor, acts=[Act("payment.assigned", subject_of(payment), {"meter_id": meter_id})], now=now)
    return True


def _locked(payment_id: int) -> Payment:
    if payments := lock_payments([payment_id]):
        return payments[0]
    raise PaymentMissing("no such payment")


def push_one(*, payment_id: int | None, clock: Callable[[], datetime]) -> bool:
    """Ask for one prompt that is due (this one, if named). False when there was none. No transaction is open
    meanwhile.
    """
    payment = claim_push(payment_id=payment_id, now=clock())
    if payment is None:
        return False
    reach(Failpoint.PUSH_CLAIMED)
    result = get_provider(payment.provider).push(push_request_of(payment), now=clock())
    reach(Failpoint.PUSH_SENT)
    try:
        store_push(payment_id=payment.pk, result=result, actor=_ACTOR, now=clock())
    except IntegrityError:  # its callback found another purchase of this phone and amount at this moment
        store_push(payment_id=payment.pk, result=result, actor=_ACTOR, now=clock())
    return True


@transaction.atomic
def store_push(*, payment_id: int, result: PushResult, actor: str, now: datetime) -> None:
    """What became of asking for a prompt. The callback may have come first: then only the checkout id is new."""
    payment = _locked(payment_id)
    if result.outcome == PushOutcome.ACCEPTED and payment.checkout_id is None:
        # Its callback may have come first, and found another open purchase of this phone and amount.
        is_taken = lock_payment_of_checkout(payment.provider, result.checkout_id) is not None
        payment.checkout_id, payment.pushed_at = None if is_taken else result.checkout_id, now
        if payment.state == PaymentState.EXPECTED:
            payment.next_try_at = payment.leased_until = None
        if payment.state in OPEN_PURCHASES and payment.checkout_id:
            payment.next_query_at = now + FIRST_QUERY_WAIT
        payment.save(update_fields=["checkout_id", "pushed_at", "next_try_at", "leased_until", "next_query_at"])
        record(actor=actor, acts=[Act("payment.prompted", f"payment:{payment.pk}")], now=now)
    elif payment.state == PaymentState.EXPECTED and result.outcome != PushOutcome.ACCEPTED:
        store_failed_push(payment, result, actor, now)


@transaction.atomic
def postpone_payment(*, payment_id: int, reason: str, now: datetime) -> None:
    """Allocation of this payment failed: keep the reason for staff, and try again after a growing wait."""
    payment = _locked(payment_id)
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
            close(payment, PaymentState.UNKNOWN, "no answer", _ACTOR, now)
    return len(payments)
