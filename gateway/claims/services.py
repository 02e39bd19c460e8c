"""What customers say about a payment: I paid and have no code, it belongs to that meter, it went to the wrong one, call
me. The dialogues by USSD and SMS are the channels'; money moves by `gateway.payments` and the flow alone.

A phone is believed about a payment only if its hash is the payer's. Nothing here keeps or audits a phone number.
"""

import re
from datetime import datetime, timedelta

from django.db import transaction

from fleet.cases.services import CaseDraft, close_cases, open_case, open_cases
from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter
from fleet.meters.queries import get_meter
from fleet.meters.services import can_vend
from gateway.claims.errors import CallSubjectInvalid
from gateway.claims.guessing import name_payment
from gateway.claims.letters import queue_question
from gateway.claims.lifecycle import ClaimState
from gateway.claims.locks import lock_claim, lock_unanswered_claims
from gateway.claims.moving import move_claim, open_claim
from gateway.claims.outcomes import ClaimOutcome, ClaimWord
from gateway.claims.queries import (
    SUSPENSE,
    count_claims,
    find_asked_claim,
    find_open_claim,
    find_phone_id,
    find_sale,
)
from gateway.claims.rerouting import reroute
from gateway.fulfilment.letters import CODE_WITHOUT_PHONE
from gateway.fulfilment.queries import PAYMENT_FROZEN
from gateway.fulfilment.resending import resend_codes
from gateway.http.phones import mask, msisdn_sha256
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import lock_payments
from gateway.payments.models import Payment
from gateway.payments.queries import find_meters, find_suspense_of_payer
from gateway.payments.services import assign_meter
from vending.vends.lifecycle import VendState

ANSWER_PATIENCE = timedelta(hours=24)
# A YES that comes after we gave up waiting still counts for a while.
LATE_ANSWER = timedelta(hours=72)
METERS_A_DAY = 5
CALL_DUE = timedelta(hours=24)
CALL_ME, CLAIM_UNANSWERED = "call_me", "claim_unanswered"
_SUBJECT = re.compile(r"[a-z_]{1,30}:[0-9]{1,18}", re.ASCII)
_GOING_BACK = (PaymentState.REFUND_PENDING, PaymentState.REFUNDED, PaymentState.REVERSED)
_ACTOR = "system:claims"


@transaction.atomic
def claim_by_receipt(*, receipt: str, phone_e164: str, drn: str | None, actor: str, now: datetime) -> ClaimOutcome:
    """A customer paid and has no code: it comes again if it is made, else what stands in the way is told. Money that
    waits for a meter gets the question whether it belongs to this one.

    Three tries a day a phone; an unknown receipt and another's are told alike (NOT_FOUND), and for the latter a person
    looks (`claim_needs_person`).
    """
    named = name_payment(receipt=receipt, phone_e164=phone_e164, actor=actor, now=now)
    if isinstance(named, ClaimWord):
        return ClaimOutcome(named)
    payment = lock_payments([named.pk])[0]
    if payment.frozen_reason:
        return ClaimOutcome(ClaimWord.ON_HOLD)
    if payment.state == PaymentState.ALLOCATED:
        return _resend(payment, phone_e164, actor, now)
    if payment.state == PaymentState.SUSPENSE:
        return _propose(payment, phone_e164, drn, actor, now)
    if payment.state == PaymentState.CONFIRMED:
        return ClaimOutcome(ClaimWord.BEING_MADE, payment_id=payment.pk)
    return ClaimOutcome(_word_of_ended(payment))


def _word_of_ended(payment: Payment) -> ClaimWord:
    return ClaimWord.GOING_BACK if payment.state in _GOING_BACK else ClaimWord.NOT_PAID


def _resend(payment: Payment, phone_e164: str, actor: str, now: datetime) -> ClaimOutcome:
    vend = find_sale(payment.pk)
    if vend is None:
        return ClaimOutcome(ClaimWord.KEPT)
    if vend.held_reason == PAYMENT_FROZEN:
        return ClaimOutcome(ClaimWord.ON_HOLD)
    if vend.state != VendState.ISSUED:
        return ClaimOutcome(ClaimWord.BEING_MADE)
    request = f"claim:{payment.pk}:{phone_e164}:{now:%Y%m%d}"
    message_ids = resend_codes(vend_ids=[vend.pk], to_e164=phone_e164, request=request, actor=actor, now=now)
    outcome = "closed by itself: the payer has fetched the code"
    close_cases(subject=f"payment:{payment.pk}", reason=CODE_WITHOUT_PHONE, outcome=outcome, actor=actor, now=now)
    return ClaimOutcome(ClaimWord.RESENT, message_ids=tuple(message_ids))


@transaction.atomic
def propose_meter(*, phone_e164: str, drn: str, actor: str, now: datetime, receipt: str = "") -> ClaimOutcome:
    """The text `METER 37000123457`: this phone's payment that waits for a meter (the newest, or the one with this
    receipt, which counts as a try) belongs to that one. Asks for YES or NO.
    """
    if receipt:
        return claim_by_receipt(receipt=receipt, phone_e164=phone_e164, drn=drn, actor=actor, now=now)
    found = find_suspense_of_payer(msisdn_sha256(phone_e164))
    if found is None:
        return ClaimOutcome(ClaimWord.NOT_FOUND)
    return _propose(lock_payments([found.pk])[0], phone_e164, drn, actor, now)


def _propose(payment: Payment, phone_e164: str, drn: str | None, actor: str, now: datetime) -> ClaimOutcome:
    """The caller holds the payment's lock. Idempotent by payment and meter while the question is open."""
    if payment.frozen_reason:
        return ClaimOutcome(ClaimWord.ON_HOLD)
    if payment.state != PaymentState.SUSPENSE or payment.meter_id:
        return ClaimOutcome(ClaimWord.BEING_MADE, payment_id=payment.pk)
    if not drn:
        return ClaimOutcome(ClaimWord.NEEDS_METER)
    meter = find_meters([drn])[drn]
    if meter is None or meter.site.currency != payment.currency:
        return ClaimOutcome(ClaimWord.METER_UNKNOWN)
    if not can_vend(meter):
        return ClaimOutcome(ClaimWord.METER_BLOCKED)
    known = find_open_claim(payment.pk)
    if known and (known.kind, known.meter_id) == (SUSPENSE, meter.pk) and known.expires_at > now:
        return ClaimOutcome(ClaimWord.ASKED)
    return _ask(payment, get_meter(meter.pk), phone_e164, actor, now)


def _ask(payment: Payment, meter: Meter, phone_e164: str, actor: str, now: datetime) -> ClaimOutcome:
    phone_sha256 = msisdn_sha256(phone_e164)
    if count_claims(phone_sha256, since=now - timedelta(days=1)) >= METERS_A_DAY:
        return ClaimOutcome(ClaimWord.TOO_MANY)
    claim = open_claim(
        kind=SUSPENSE,
        payment_id=payment.pk,
        meter_id=meter.pk,
        phone_sha256=phone_sha256,
        patience=ANSWER_PATIENCE,
        actor=actor,
        now=now,
    )
    message_ids = queue_question(claim=claim, payment=payment, meter=meter, phone_e164=phone_e164, actor=actor, now=now)
    return ClaimOutcome(ClaimWord.ASKED, message_ids=tuple(message_ids))


@transaction.atomic
def answer_claim(*, phone_e164: str, is_yes: bool, actor: str, now: datetime) -> ClaimOutcome:
    """YES or NO to the newest question that this phone was asked. YES gives the payment its meter, and the flow does
    the rest; the caller may wake it. A payment that was settled meanwhile stays as it is.
    """
    found = find_asked_claim(msisdn_sha256(phone_e164), since=now - LATE_ANSWER)
    if found is None:
        return ClaimOutcome(ClaimWord.NOTHING_ASKED)
    payment = lock_payments([found.payment_id])[0]
    claim = lock_claim(found.pk)
    if claim.state not in (ClaimState.OPEN, ClaimState.EXPIRED):  # answered twice at the same moment
        return ClaimOutcome(ClaimWord.SETTLED)
    if payment.state != PaymentState.SUSPENSE or payment.meter_id:
        move_claim(claim=claim, state=ClaimState.REFUSED, why="settled", actor=actor, now=now)
        return ClaimOutcome(ClaimWord.SETTLED)
    if payment.frozen_reason:
        return ClaimOutcome(ClaimWord.ON_HOLD)
    subject, outcome = f"payment:{payment.pk}", "closed by itself: the customer has answered"
    close_cases(subject=subject, reason=CLAIM_UNANSWERED, outcome=outcome, actor=actor, now=now)
    if not is_yes:
        move_claim(claim=claim, state=ClaimState.REFUSED, why="", actor=actor, now=now)
        return ClaimOutcome(ClaimWord.REFUSED)
    move_claim(claim=claim, state=ClaimState.ACCEPTED, why="", actor=actor, now=now)
    assign_meter(payment_id=payment.pk, meter_id=claim.meter_id, actor=actor, now=now)
    return ClaimOutcome(ClaimWord.ACCEPTED, payment_id=payment.pk)


@transaction.atomic
def claim_wrong_meter(*, receipt: str, phone_e164: str, right_drn: str, actor: str, now: datetime) -> ClaimOutcome:
    """A customer paid for the wrong meter. A code that is not out is stopped, one that is cannot be called back; staff
    decide either way (case `wrong_meter`), and the phone is told so. Own payments only; counts as a try.

    Locks: the meter, then the payment, then the sale.
    """
    named = name_payment(receipt=receipt, phone_e164=phone_e164, actor=actor, now=now)
    if isinstance(named, ClaimWord):
        return ClaimOutcome(named)
    right = find_meters([right_drn])[right_drn]
    if right is None or right.site.currency != named.currency:
        return ClaimOutcome(ClaimWord.METER_UNKNOWN)
    wrong = named.meter or find_meters([named.account_text])[named.account_text]
    if wrong is not None:
        wrong = lock_meters([wrong.pk])[wrong.pk]
    payment = lock_payments([named.pk])[0]
    if payment.state == PaymentState.SUSPENSE:
        return _propose(payment, phone_e164, right_drn, actor, now)
    if payment.state not in (PaymentState.CONFIRMED, PaymentState.ALLOCATED):
        return ClaimOutcome(_word_of_ended(payment))
    if wrong is None or payment.meter_id not in (None, wrong.pk):  # being placed at this moment
        return ClaimOutcome(ClaimWord.BEING_MADE, payment_id=payment.pk)
    if wrong.pk == right.pk:
        return ClaimOutcome(ClaimWord.SAME_METER)
    return reroute(payment=payment, wrong=wrong, right=right, phone_e164=phone_e164, actor=actor, now=now)


@transaction.atomic
def settle_claims(*, payment_id: int, is_accepted: bool, actor: str, now: datetime) -> int:
    """Staff have decided: the open claim about this payment is ACCEPTED (its money was moved) or REFUSED; returns how
    many. The caller holds the payment's lock.
    """
    found = find_open_claim(payment_id)
    if found is None:
        return 0
    state = ClaimState.ACCEPTED if is_accepted else ClaimState.REFUSED
    move_claim(claim=lock_claim(found.pk), state=state, why="staff", actor=actor, now=now)
    return 1


@transaction.atomic
def call_me(*, phone_e164: str, about: str, actor: str, now: datetime) -> int:
    """A customer wants to be called; returns the case. Idempotent by `about` while it is open: a row of ours by which
    staff find the number ("payment:12", "ussd_session:3"). Raises `CallSubjectInvalid`.
    """
    if not _SUBJECT.fullmatch(about):
        raise CallSubjectInvalid("a call back is about a row of ours", field="about")
    details = {"phone": mask(phone_e164), "phone_id": find_phone_id(phone_e164)}
    due_at = now + CALL_DUE
    return open_case(reason=CALL_ME, subject=about, details=details, due_at=due_at, actor=actor, now=now).pk


@transaction.atomic
def expire_claims(*, now: datetime, actor: str = _ACTOR, limit: int = 200) -> int:
    """Questions that nobody answered for 24 hours: EXPIRED, and a case to call where the money still waits."""
    claims = lock_unanswered_claims(now=now, limit=limit)
    drafts = []
    for claim in claims:
        move_claim(claim=claim, state=ClaimState.EXPIRED, why="", actor=actor, now=now)
        if claim.payment.state == PaymentState.SUSPENSE and not claim.payment.meter_id:
            details = {"claim_id": claim.pk, "meter_id": claim.meter_id}
            subject = f"payment:{claim.payment_id}"
            drafts.append(CaseDraft(CLAIM_UNANSWERED, subject, now + CALL_DUE, details))
    open_cases(drafts=drafts, actor=actor, now=now)
    return len(claims)
