"""Payments as Daraja posts them: C2B validations and confirmations, and what became of a prompt. Pure.

Callbacks are unsigned claims. Order, unknown fields and number-or-text are not minded, because Daraja changes them from
one account to the next.
"""

from collections.abc import Mapping

from gateway.http.bodies import as_object, as_word
from gateway.http.inbound import UnreadableCallback
from gateway.payments.ports import Door, Outcome, PaymentClaim
from gateway.payments.providers.daraja.codes import prompt_outcome
from gateway.payments.providers.daraja.fields import (
    CODE,
    ID,
    SHORT_CODE,
    read_account_text,
    read_amount_minor,
    read_moment,
    read_payer,
    read_receipt,
)


def read_c2b(door: Door, document: Mapping[str, object], *, provider: str, currency: str) -> PaymentClaim:
    """A validation is an unknown outcome without receipt: nothing has moved yet."""
    is_paid = door is Door.CONFIRMATION
    return PaymentClaim(
        provider=provider,
        door=door,
        outcome=Outcome.PAID if is_paid else Outcome.UNKNOWN,
        receipt=read_receipt(document.get("TransID")) if is_paid else "",
        amount_minor=read_amount_minor(document.get("TransAmount"), currency),
        currency=currency,
        short_code=as_word(document.get("BusinessShortCode"), SHORT_CODE),
        account_text=read_account_text(document.get("BillRefNumber")),
        payer=read_payer(document.get("MSISDN")),
        paid_at=read_moment(document.get("TransTime")),
    )


def read_stk(document: Mapping[str, object], *, provider: str, currency: str) -> PaymentClaim:
    callback = as_object(as_object(document.get("Body")).get("stkCallback"))
    checkout_id = as_word(callback.get("CheckoutRequestID"), ID)
    result_code = as_word(callback.get("ResultCode"), CODE)
    outcome = prompt_outcome(result_code)
    if outcome is not Outcome.PAID:
        return PaymentClaim(
            provider, Door.STK, outcome, checkout_id=checkout_id, result_code=result_code, currency=currency
        )
    # Only a success has metadata.
    facts = _metadata(callback)
    return PaymentClaim(
        provider=provider,
        door=Door.STK,
        outcome=outcome,
        receipt=read_receipt(facts.get("MpesaReceiptNumber")),
        checkout_id=checkout_id,
        result_code=result_code,
        amount_minor=read_amount_minor(facts.get("Amount"), currency),
        currency=currency,
        payer=read_payer(facts.get("PhoneNumber")),
        paid_at=read_moment(facts.get("TransactionDate")),
    )


def _metadata(callback: Mapping[str, object]) -> dict[str, object]:
    """The metadata's items by name. One item alone may come without its list; some have no value."""
    items = as_object(callback.get("CallbackMetadata")).get("Item")
    facts: dict[str, object] = {}
    for item in items if isinstance(items, list) else [items]:
        fields = as_object(item)
        name = fields.get("Name")
        if not isinstance(name, str) or name in facts:
            raise UnreadableCallback("metadata without a name, or with one name twice")
        facts[name] = fields.get("Value")
    return facts
