"""What a decision at the desk says to the customer's own word about the payment: part of an act, in its transaction."""

from datetime import datetime

from gateway.claims.services import settle_claims
from gateway.desk.acts.base import existing_payment
from gateway.payments.doubts import WRONG_METER
from gateway.payments.services import release_payment


def answer_claim(*, payment_id: int, is_accepted: bool, actor: str, now: datetime) -> None:
    """The open claim, if any, has its answer, and money that was stopped for it goes on. The caller holds the
    payment's lock.
    """
    settle_claims(payment_id=payment_id, is_accepted=is_accepted, actor=actor, now=now)
    if existing_payment(payment_id).frozen_reason == WRONG_METER:
        release_payment(payment_id=payment_id, actor=actor, now=now)
