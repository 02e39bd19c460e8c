"""Naming a payment by its receipt: three tries a day a phone, and so many wrong ones an hour in all, for a receipt is
short and guessing is cheap.
"""

from datetime import datetime, timedelta

from fleet.audit.services import Act, record
from fleet.cases.services import CaseDraft, open_cases
from gateway.claims.locks import lock_tries
from gateway.claims.models import ClaimTry
from gateway.claims.outcomes import ClaimWord
from gateway.claims.queries import count_tries, count_wrong_tries, find_phone_id
from gateway.http.phones import mask, msisdn_sha256
from gateway.payments.models import Payment
from gateway.payments.queries import list_payments_of_receipt

TRIES_A_DAY = 3
WRONG_TRIES_AN_HOUR = 60
CLAIM_NEEDS_PERSON, RECEIPTS_GUESSED = "claim_needs_person", "receipts_guessed"
NEEDS_PERSON_DUE = timedelta(hours=24)
_GUESSED_DUE = timedelta(hours=4)
_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


def name_payment(*, receipt: str, phone_e164: str, actor: str, now: datetime) -> Payment | ClaimWord:
    """The payment of this phone with this receipt. NOT_FOUND for any other; if there is one, a person is to look.

    TOO_MANY keeps nothing: whoever goes on guessing fills no table. Runs in the caller's transaction.
    """
    phone_sha256 = msisdn_sha256(phone_e164)
    lock_tries(phone_sha256)
    if count_tries(phone_sha256, since=now - _DAY) >= TRIES_A_DAY:
        return ClaimWord.TOO_MANY
    if count_wrong_tries(since=now - _HOUR) >= WRONG_TRIES_AN_HOUR:
        _call_staff(actor, now)
        return ClaimWord.TOO_MANY
    named = list_payments_of_receipt(receipt)
    own = next((payment for payment in named if payment.payer_sha256 == phone_sha256), None)
    tried = ClaimTry.objects.create(phone_sha256=phone_sha256, at=now, is_right=own is not None)
    details = {"is_right": own is not None, "phone": mask(phone_e164)}
    record(actor=actor, acts=[Act("claim.tried", f"claim_try:{tried.pk}", details)], now=now)
    if own:
        return own
    drafts = [_needs_person(payment, phone_e164, now) for payment in named]
    open_cases(drafts=drafts, actor=actor, now=now)
    return ClaimWord.NOT_FOUND


def _needs_person(payment: Payment, phone_e164: str, now: datetime) -> CaseDraft:
    details = {"phone": mask(phone_e164), "phone_id": find_phone_id(phone_e164)}
    return CaseDraft(CLAIM_NEEDS_PERSON, f"payment:{payment.pk}", now + NEEDS_PERSON_DUE, details)


def _call_staff(actor: str, now: datetime) -> None:
    details = {"wrong_tries": WRONG_TRIES_AN_HOUR}
    open_cases(drafts=[CaseDraft(RECEIPTS_GUESSED, "installation", now + _GUESSED_DUE, details)], actor=actor, now=now)
