"""Step 3 and the check of step 4: digits from the security module, stored, then read back and decoded before anything
is sent.

No transaction is open while the module works. What is compared comes from the database and from the stored digits
alone, never from what was handed to the module.
"""

from collections.abc import Sequence

from gateway.failpoints import Failpoint, reach
from vending.kernel.errors import DomainError
from vending.security.ports import (
    CreditRequest,
    DecodedToken,
    MeterKeyFacts,
    SecurityModule,
    SecurityModuleUnavailable,
    VerifyRequest,
)
from vending.sts.amounts import tenths_of
from vending.tokens.models import Token
from vending.tokens.services import store_digits
from vending.vends.errors import VerifyFailed
from vending.vends.models import Vend
from vending.vends.queries import list_vends_with_tokens

Outcomes = dict[int, DomainError | None]


def issue(vend_ids: Sequence[int], module: SecurityModule) -> Outcomes:
    """For each of these vends that has a token: None when its stored digits are right, else what stands in the way."""
    vends = [vend for vend in list_vends_with_tokens(vend_ids) if hasattr(vend.authority, "token")]
    if not vends:
        return {}
    try:
        outcomes = _make(vends, module)
        reach(Failpoint.DIGITS_STORED)
        return outcomes | _verify([vend.pk for vend in vends if outcomes[vend.pk] is None], module)
    except SecurityModuleUnavailable as error:
        return dict.fromkeys((vend.pk for vend in vends), error)


def _make(vends: Sequence[Vend], module: SecurityModule) -> Outcomes:
    """Ask for the digits of those that have none, and store them."""
    outcomes: Outcomes = {vend.pk: None for vend in vends}
    bare = [vend for vend in vends if not vend.authority.token.digits]
    if not bare:
        return outcomes
    answers = module.credit([_credit_request(vend) for vend in bare])
    reach(Failpoint.MODULE_ANSWERED)
    digits_of = {}
    for vend, answer in zip(bare, answers, strict=True):
        if isinstance(answer, DomainError):
            outcomes[vend.pk] = answer
        else:
            digits_of[vend.authority.token.pk] = answer
    store_digits(digits_of=digits_of)
    return outcomes


def _verify(vend_ids: Sequence[int], module: SecurityModule) -> Outcomes:
    """Read the vends again and decode what is stored for them."""
    vends = list_vends_with_tokens(vend_ids)
    requests = [VerifyRequest(_key_facts(vend), vend.authority.token.digits) for vend in vends]
    answers = module.verify(requests) if requests else []
    return {vend.pk: _difference(vend, answer) for vend, answer in zip(vends, answers, strict=True)}


def _difference(vend: Vend, answer: DecodedToken | DomainError) -> DomainError | None:
    """The error of a token that is not what was sold, field by field."""
    if isinstance(answer, DomainError):
        return answer if answer.retryable else VerifyFailed(f"vend {vend.pk}: {answer.code}", field="digits")
    token: Token = vend.authority.token
    sold = {
        "token_class": 0,
        "subclass": token.subclass,
        "tid": token.tid,
        "rnd": token.rnd,
        "amount_field": token.amount_field,
    }
    wrong = [name for name, value in sold.items() if getattr(answer, name) != value]
    if tenths_of(answer.amount_field) != vend.energy_kwh_tenths:
        wrong.append("energy_kwh_tenths")
    return VerifyFailed(f"vend {vend.pk}: {', '.join(wrong)}", field=wrong[0]) if wrong else None


def _credit_request(vend: Vend) -> CreditRequest:
    token = vend.authority.token
    return CreditRequest(
        request_id=f"token-{token.pk}",
        meter=_key_facts(vend),
        subclass=token.subclass,
        tid=token.tid,
        rnd=token.rnd,
        amount_field=token.amount_field,
    )


def _key_facts(vend: Vend) -> MeterKeyFacts:
    token, meter = vend.authority.token, vend.meter
    vending_key = token.vending_key
    return MeterKeyFacts(
        meter_pan=meter.meter_pan,
        ea=meter.ea,
        sgc=vending_key.sgc,
        krn=vending_key.krn,
        kt=vending_key.kt,
        ti=token.ti,
    )
