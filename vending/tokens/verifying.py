"""Verify before send: stored digits, decoded, against the facts of the token as the database has them now.

Nothing that the encoder was given or gave comes in here but the digits and the TID that were stored. Nothing is
written.
"""

from collections.abc import Collection, Mapping

from fleet.meters.models import Meter
from vending.kernel.errors import DomainError
from vending.security.answers import check_complete
from vending.security.ports import DecodedToken, MeterKeyFacts, SecurityModule, VendingKeyExpired, VerifyRequest
from vending.sts.currency import ELECTRICITY_CURRENCY
from vending.sts.errors import TokenCrcWrong, TokenMalformed, UnsupportedToken
from vending.sts.frame import CREDIT_CLASS
from vending.tokens.errors import VerifyFailed
from vending.tokens.models import Token

# What a refusal to decode says of the token itself, as the field that is wrong. Any other refusal (key stopped,
# missing, damaged, not active, no key-encryption key, tables or module away, ...) says nothing of it: held, not a lie.
_WRONG_FIELD: Mapping[type[DomainError], str] = {
    TokenMalformed: "digits",
    TokenCrcWrong: "crc",
    UnsupportedToken: "subclass",
    VendingKeyExpired: "tid",
}


def verify_tokens(token_ids: Collection[int], module: SecurityModule) -> dict[int, DomainError | None]:
    """For each of these tokens None, if a meter with its facts reads in the digits what was ordered.

    Else `VerifyFailed`, which names the fields that differ and no value, or what kept the module from decoding it.
    `SecurityModuleUnavailable` if the module can decode nothing at all.
    """
    rows = Token.objects.select_related("meter", "vending_key").defer("vending_key__sealed")
    tokens = list(rows.filter(pk__in=token_ids).order_by("pk"))
    answers = (
        module.verify([VerifyRequest(key_facts_of(token, token.meter), token.digits) for token in tokens])
        if tokens
        else []
    )
    check_complete(module, asked=len(tokens), answers=answers)
    pairs = zip(tokens, answers, strict=True)
    return {token.pk: _verdict(token, answer, module.unread_fields) for token, answer in pairs}


def key_facts_of(token: Token, meter: Meter) -> MeterKeyFacts:
    """The key of the token's meter as it was when the token was ordered; a later key change does not touch it."""
    vending_key = token.vending_key
    return MeterKeyFacts(
        meter_pan=meter.meter_pan,
        ea=meter.ea,
        sgc=vending_key.sgc,
        krn=vending_key.krn,
        kt=vending_key.kt,
        ti=token.ti,
    )


def _verdict(token: Token, answer: DecodedToken | DomainError, unread_fields: Collection[str]) -> DomainError | None:
    if not isinstance(answer, DomainError):
        wrong = _differences(token, answer, unread_fields)
    elif type(answer) in _WRONG_FIELD:
        wrong = [_WRONG_FIELD[type(answer)]]
    else:
        return answer
    return VerifyFailed(f"token {token.pk}: {', '.join(wrong)}", field=wrong[0]) if wrong else None


def _differences(token: Token, decoded: DecodedToken, unread_fields: Collection[str]) -> list[str]:
    ordered = {
        "token_class": CREDIT_CLASS,
        "subclass": token.subclass,
        "tid": token.tid,
        "amount_field": token.amount_field,
    }
    if token.subclass < ELECTRICITY_CURRENCY:  # credit in money has no room for random bits
        ordered["rnd"] = token.rnd
    told = ordered.keys() - unread_fields
    return [name for name, value in ordered.items() if name in told and getattr(decoded, name, None) != value]
