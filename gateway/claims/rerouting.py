"""Paid to a meter that exists and is the wrong one (journey A4): what can still be stopped is stopped, and a person
decides. Parts of an act: whoever calls holds the locks of the meter and the payment.
"""

from datetime import datetime, timedelta

from fleet.cases.services import open_case
from fleet.meters.models import Meter
from gateway.claims.letters import queue_case_notice
from gateway.claims.moving import open_claim
from gateway.claims.outcomes import ClaimOutcome, ClaimWord
from gateway.claims.queries import find_open_claim, find_sale
from gateway.http.phones import msisdn_sha256
from gateway.payments.doubts import WRONG_METER
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.services import freeze_payment
from vending.vends.lifecycle import VendState
from vending.vends.services import hold_vend

STOPPED_DUE = timedelta(hours=24)
# Its owner has to be found and asked.
SENT_DUE = timedelta(days=3)


def reroute(
    *, payment: Payment, wrong: Meter, right: Meter, phone_e164: str, actor: str, now: datetime
) -> ClaimOutcome:
    """Stop the sale if its code is not out, open the claim and the case `wrong_meter`, and say so by SMS. Idempotent by
    payment and right meter while the claim is open.
    """
    word = _stop(payment, actor, now)
    known = find_open_claim(payment.pk)
    if known and (known.kind, known.meter_id) == (WRONG_METER, right.pk):
        return ClaimOutcome(word)
    due = SENT_DUE if word == ClaimWord.ALREADY_SENT else STOPPED_DUE
    claim = open_claim(
        kind=WRONG_METER,
        payment_id=payment.pk,
        meter_id=right.pk,
        phone_sha256=msisdn_sha256(phone_e164),
        patience=due,
        actor=actor,
        now=now,
    )
    details = {"claim_id": claim.pk, "wrong_meter": wrong.drn, "right_meter": right.drn, "code": word.value}
    case = open_case(
        reason=WRONG_METER,
        subject=f"payment:{payment.pk}",
        details=details,
        due_at=now + due,
        actor=actor,
        now=now,
    )
    message_ids = queue_case_notice(
        template="wrong_meter_case" if word == ClaimWord.ALREADY_SENT else "wrong_meter_held",
        claim=claim,
        payment=payment,
        wrong=wrong,
        case=case,
        phone_e164=phone_e164,
        actor=actor,
    )
    return ClaimOutcome(word, message_ids=tuple(message_ids), case_id=case.pk)


def _stop(payment: Payment, actor: str, now: datetime) -> ClaimWord:
    """Keep the code from being made or sent. What waits in the wallet of the wrong meter cannot be stopped."""
    if payment.state == PaymentState.CONFIRMED:
        freeze_payment(payment_id=payment.pk, reason=WRONG_METER, actor=actor, now=now)
        return ClaimWord.STOPPED
    vend = find_sale(payment.pk)
    if vend is None:
        return ClaimWord.FOR_STAFF
    # Asked of the row under its lock: the code may have been made since it was read.
    if hold_vend(vend_id=vend.pk, reason=WRONG_METER, actor=actor, now=now):
        # Else whatever lets frozen sales go on would find nothing frozen about this one.
        freeze_payment(payment_id=payment.pk, reason=WRONG_METER, actor=actor, now=now)
        return ClaimWord.STOPPED
    vend.refresh_from_db(fields=["state"])
    return ClaimWord.ALREADY_SENT if vend.state == VendState.ISSUED else ClaimWord.STOPPED
