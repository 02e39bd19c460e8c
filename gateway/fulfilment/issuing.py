"""Step 3 and the check of step 4: digits from the security module, stored, then read back and decoded before anything
is sent.

No transaction is open while the module works. What is compared comes from the database and from the stored digits
alone, never from what was handed to the module.
"""

import hashlib
import logging
from collections.abc import Sequence

from gateway.failpoints import Failpoint, reach
from vending.kernel.errors import DomainError
from vending.keys.errors import VendingKeyStopped
from vending.keys.queries import check_may_issue
from vending.security.answers import check_complete, wrong_field_of
from vending.security.ports import CreditRequest, Made, SecurityModule, SecurityModuleUnavailable
from vending.sts.amounts import tenths_of
from vending.sts.base_dates import BaseDate
from vending.sts.tid import moment_of
from vending.tokens.errors import VerifyFailed
from vending.tokens.services import store_digits
from vending.tokens.verifying import key_facts_of, verify_tokens
from vending.vends.models import Vend
from vending.vends.queries import list_sold_tokens, list_vends_with_tokens

logger = logging.getLogger(__name__)

Outcomes = dict[int, DomainError | None]


def issue(vend_ids: Sequence[int], module: SecurityModule) -> Outcomes:
    """For each of these vends that has a token: None when its stored digits are right, else what stands in the way.

    One `VerifyFailed` under a vending key holds every vend of that key in the batch: nobody knows yet what else is
    wrong with it. Idempotent: digits that are stored are never asked for again.
    """
    vends = [vend for vend in list_vends_with_tokens(vend_ids) if hasattr(vend.authority, "token")]
    if not vends:
        return {}
    outcomes = {vend.pk: _refusal_of_key(vend) for vend in vends}
    outcomes |= _make([vend for vend in _open(vends, outcomes) if not vend.authority.token.digits], module)
    reach(Failpoint.DIGITS_STORED)
    outcomes |= _verify(_open(vends, outcomes), module)
    return outcomes | _hold_neighbours(vends, outcomes)


def _open(vends: Sequence[Vend], outcomes: Outcomes) -> list[Vend]:
    return [vend for vend in vends if outcomes[vend.pk] is None]


def _refusal_of_key(vend: Vend) -> DomainError | None:
    """What our own record of the vending key says, whatever the module knows of it: stopped, or not at this TID."""
    token = vend.authority.token
    try:
        check_may_issue(token.vending_key, moment_of(token.tid, BaseDate.of(token.base_date)))
    except DomainError as refusal:
        return refusal
    return None


def _make(vends: Sequence[Vend], module: SecurityModule) -> Outcomes:
    """Get the digits of these, which have none, and store them."""
    if not vends:
        return {}
    try:
        answers = _ask(vends, module)
    except Exception as fault:
        return dict.fromkeys((vend.pk for vend in vends), _as_refusal(fault))
    reach(Failpoint.MODULE_ANSWERED)
    outcomes: Outcomes = {}
    made: dict[int, tuple[str, int | None]] = {}
    for vend in vends:
        answer = answers[vend.pk]
        outcomes[vend.pk] = answer if isinstance(answer, DomainError) else _fault(vend, answer, module)
        if isinstance(answer, Made) and outcomes[vend.pk] is None:
            made[vend.authority.token.pk] = (answer.digits[0], _tid_taken(vend, answer, module))
    refused = store_digits(made=made)
    return outcomes | {vend.pk: refused[pk] for vend in vends if (pk := vend.authority.token.pk) in refused}


def _ask(vends: Sequence[Vend], module: SecurityModule) -> dict[int, Made | DomainError]:
    """What the module made for each. What it may have made before is fetched, not made again: a lost answer has cost a
    certified module a TID and a piece of its limit.
    """
    answers: dict[int, Made | DomainError] = {}
    again = [vend for vend in vends if vend.attempts]  # claimed by a sweep: somebody may have asked before
    if again:
        replayed = module.replay([_request_id(vend) for vend in again])
        check_complete(module, asked=len(again), answers=replayed)
        answers |= {vend.pk: made for vend, made in zip(again, replayed, strict=True) if made}
    rest = [vend for vend in vends if vend.pk not in answers]
    if rest:
        fresh = module.credit([_credit_request(vend) for vend in rest])
        check_complete(module, asked=len(rest), answers=fresh)
        answers |= {vend.pk: answer for vend, answer in zip(rest, fresh, strict=True)}
    return answers


def _as_refusal(fault: Exception) -> DomainError:
    """What a module raises, about all that it was asked for. A fault is a module that does not work: the sales wait,
    with a case if it stays so, and are not tried until they are given up. Its text may hold anything.
    """
    if isinstance(fault, DomainError):
        return fault
    name = type(fault).__name__
    logger.error("security module: a fault, %s", name)  # without its frames, which are the module's
    return SecurityModuleUnavailable(f"a fault of the module: {name}")


def _fault(vend: Vend, made: Made, module: SecurityModule) -> VerifyFailed | None:
    """What is wrong with an answer before it is decoded; it is not stored then."""
    token = vend.authority.token
    wrong = wrong_field_of(made, module, tid=token.tid, check_value=token.vending_key.check_value)
    return VerifyFailed(f"token {token.pk}: {wrong}", field=wrong) if wrong else None


def _tid_taken(vend: Vend, made: Made, module: SecurityModule) -> int | None:
    """None where the module has no choice. One that has, and says nothing, took the TID that it was asked for, which
    may be another token's by now.
    """
    if not module.keeps_own_tids:
        return None
    return vend.authority.token.tid if made.tid is None else made.tid


def _verify(vends: Sequence[Vend], module: SecurityModule) -> Outcomes:
    """Decode what is stored for these, and read again what it was sold for."""
    if not vends:
        return {}
    token_ids = [vend.authority.token.pk for vend in vends]
    try:
        verdicts = verify_tokens(token_ids, module)
    except Exception as fault:
        return dict.fromkeys((vend.pk for vend in vends), _as_refusal(fault))
    sold = list_sold_tokens([vend.pk for vend in vends])
    return {vend.pk: verdicts[vend.authority.token.pk] or _difference(vend) for vend in sold}


def _difference(vend: Vend) -> VerifyFailed | None:
    """A token that is what was ordered may still not be what was sold."""
    token = vend.authority.token
    wrong = [] if token.meter_id == vend.meter_id else ["meter"]
    if token.amount_field >> 16 or tenths_of(token.amount_field) != vend.energy_kwh_tenths:
        wrong.append("energy_kwh_tenths")
    return VerifyFailed(f"vend {vend.pk}: {', '.join(wrong)}", field=wrong[0]) if wrong else None


def _hold_neighbours(vends: Sequence[Vend], outcomes: Outcomes) -> Outcomes:
    lying = {vend.authority.token.vending_key_id for vend in vends if isinstance(outcomes[vend.pk], VerifyFailed)}
    return {vend.pk: _stopped() for vend in _open(vends, outcomes) if vend.authority.token.vending_key_id in lying}


def _stopped() -> VendingKeyStopped:
    return VendingKeyStopped("another token under this vending key did not verify")


def _credit_request(vend: Vend) -> CreditRequest:
    token = vend.authority.token
    return CreditRequest(
        request_id=_request_id(vend),
        meter=key_facts_of(token, vend.meter),
        subclass=token.subclass,
        tid=token.tid,
        rnd=token.rnd,
        amount_field=token.amount_field,
    )


def _request_id(vend: Vend) -> str:
    """The name of a token at the module, from what never changes in its row. Not its number alone: after a restore of
    the database a number comes again for another sale, while the module still remembers the first.
    """
    authority, token = vend.authority, vend.authority.token
    facts = (authority.granted_at.isoformat(), token.meter_id, token.vending_key_id, token.rnd, token.amount_field)
    return f"token-{token.pk}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:16]}"
