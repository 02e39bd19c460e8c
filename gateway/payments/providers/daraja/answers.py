"""What comes by the result and the time-out door: answers to status questions and to reversals. Pure.

`ResultParameter` is a list, or one object where there is only one; names come twice and values are missing. A value
that decides may come twice only if it is the same. An answer does not name its question: a reversal shows by the
payment it gave back, by a code that only reversals have, or by the address that its `ReferenceData` repeats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gateway.http.bodies import as_object, as_text, as_word, read_json_object
from gateway.http.inbound import UnreadableCallback
from gateway.payments.ports import Door, Outcome, Payer, ProviderAnswer
from gateway.payments.providers.daraja.codes import DONE, ORDER_REFUSALS, REVERSAL_RESULTS, status_outcome
from gateway.payments.providers.daraja.fields import (
    CODE,
    ID,
    read_amount_minor,
    read_moment,
    read_payer,
    read_receipt,
)

_TIMED_OUT = "timeout"
_REVERSAL_ADDRESS = "/reversalresults/"
_Facts = Mapping[str, Sequence[object]]


def read_answer(door: Door, body: bytes, *, provider: str, currency: str) -> ProviderAnswer:
    """Raises `UnreadableCallback`, also when an answer with success lacks what it must have or contradicts itself."""
    document = read_json_object(body)
    # The time-out is published without a sample: some get the result's frame, some its fields alone.
    result = as_object(document.get("Result")) if door is Door.RESULT or "Result" in document else document
    if door is Door.TIMEOUT:
        return _timed_out(result, provider)
    answer = ProviderAnswer(
        provider=provider,
        conversation_id=as_word(result.get("ConversationID"), ID),
        originator_id=_optional_id(result.get("OriginatorConversationID")),
        outcome=Outcome.UNKNOWN,
        result_code=as_word(result.get("ResultCode"), CODE),
    )
    if answer.result_code != DONE:
        return replace(answer, outcome=_refusal(answer.result_code, result))
    facts = _facts(result)
    answer = replace(answer, amount_minor=_amount_minor(facts, currency), currency=currency)
    if original := _only(facts, "OriginalTransactionID"):
        return replace(
            answer,
            outcome=Outcome.PAID,
            receipt=read_receipt(result.get("TransactionID")),
            original_receipt=read_receipt(original),
            paid_at=read_moment(_first(facts, "TransCompletedTime")),
        )
    receipt = _only(facts, "ReceiptNo")
    return replace(
        answer,
        outcome=_status(facts),
        receipt=read_receipt(receipt) if receipt is not None else "",
        payer=_payer(facts),
        paid_at=read_moment(_first(facts, "FinalisedTime")),
    )


def _timed_out(result: Mapping[str, object], provider: str) -> ProviderAnswer:
    conversation_id = _optional_id(result.get("ConversationID"))
    originator_id = _optional_id(result.get("OriginatorConversationID"))
    if not conversation_id and not originator_id:
        raise UnreadableCallback("a time-out of nothing")
    code = _TIMED_OUT if result.get("ResultCode") is None else as_word(result.get("ResultCode"), CODE)
    return ProviderAnswer(provider, conversation_id, originator_id, Outcome.UNKNOWN, code)


def _refusal(result_code: str, result: Mapping[str, object]) -> Outcome:
    if result_code in REVERSAL_RESULTS:
        return REVERSAL_RESULTS[result_code]
    if result_code in ORDER_REFUSALS and _is_of_reversal(result):
        return Outcome.NOT_PAID
    return Outcome.UNKNOWN


def _is_of_reversal(result: Mapping[str, object]) -> bool:
    reference = result.get("ReferenceData")
    items = reference.get("ReferenceItem") if isinstance(reference, dict) else None
    values = [item.get("Value") for item in _listed(items) if isinstance(item, dict)]
    return any(isinstance(value, str) and _REVERSAL_ADDRESS in value.lower() for value in values)


def _status(facts: _Facts) -> Outcome:
    word = _only(facts, "TransactionStatus")
    return status_outcome(word) if isinstance(word, str) else Outcome.UNKNOWN


def _amount_minor(facts: _Facts, currency: str) -> int:
    amount = _only(facts, "Amount")
    return 0 if amount is None else read_amount_minor(amount, currency)


def _payer(facts: _Facts) -> Payer:
    """`254708374149 - John Doe`; the other party is a short code and its name."""
    for value in facts.get("DebitPartyName", ()):
        payer = read_payer(value.partition(" - ")[0]) if isinstance(value, str) else Payer()
        if payer != Payer():
            return payer
    return Payer()


def _facts(result: Mapping[str, object]) -> _Facts:
    """The values of each name, in order. An answer that says no has no parameters at all."""
    parameters = result.get("ResultParameters")
    if parameters is None:
        return {}
    facts: dict[str, list[object]] = {}
    for item in _listed(as_object(parameters).get("ResultParameter")):
        fields = as_object(item)
        name = fields.get("Key")
        if not isinstance(name, str):
            raise UnreadableCallback("a parameter without a name")
        if fields.get("Value") is not None:
            facts.setdefault(name, []).append(fields["Value"])
    return facts


def _only(facts: _Facts, name: str) -> object:
    """The value of a name that decides: None where there is none. Raises when it comes twice with two meanings."""
    values = facts.get(name, ())
    if any(value != values[0] for value in values):
        raise UnreadableCallback("an answer contradicts itself")
    return values[0] if values else None


def _first(facts: _Facts, name: str) -> object:
    return next(iter(facts.get(name, ())), None)


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _optional_id(value: object) -> str:
    return "" if value is None or as_text(value) == "" else as_word(value, ID)
