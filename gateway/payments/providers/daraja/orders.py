"""What we write to Daraja: addresses and bodies, and what it would refuse anyway. Pure.

Amounts go out as whole shillings in text. `objection_to_...` is one word for what is wrong, or nothing.
"""

import base64
import re
from datetime import datetime

from gateway.payments.ports import PushRequest, ResultAddresses, ReversalRequest
from gateway.payments.providers.daraja.fields import NAIROBI, RECEIPT
from vending.kernel.money import digits_of

TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 - an address
PUSH_PATH = "/mpesa/stkpush/v1/processrequest"
QUERY_PATH = "/mpesa/stkpushquery/v1/query"
STATUS_PATH = "/mpesa/transactionstatus/v1/query"
REVERSAL_PATH = "/mpesa/reversal/v1/request"
REGISTER_PATH = "/mpesa/c2b/v2/registerurl"
PULL_REGISTER_PATH = "/pulltransactions/v1/register"
PULL_PATH = "/pulltransactions/v1/query"

_PHONE = re.compile(r"\+[1-9][0-9]{7,14}")
_PULL_TIME = "%Y-%m-%d %H:%M:%S"
_LONGEST_REFERENCE = 12
_LONGEST_REMARKS = 100
_DESCRIPTION = "Electricity"
# Daraja refuses an address of ours that has one of these anywhere.
_REFUSED_WORDS = ("mpesa", "m-pesa", "safaricom", "exe", "cmd", "sql", "query")


def objection_to_push(request: PushRequest, currency: str) -> str:
    if reason := _objection_to_money(request.amount_minor, request.currency, currency):
        return reason
    if not 1 <= len(request.account_reference) <= _LONGEST_REFERENCE:
        return "account_reference"
    return "" if _PHONE.fullmatch(request.phone_e164) else "phone"


def objection_to_reversal(request: ReversalRequest, currency: str) -> str:
    if reason := _objection_to_money(request.amount_minor, request.currency, currency):
        return reason
    return "" if is_receipt(request.receipt) else "receipt"


def objection_to_address(base_url: str) -> str:
    return "address_word" if any(word in base_url.lower() for word in _REFUSED_WORDS) else ""


def is_receipt(receipt: str) -> bool:
    return RECEIPT.fullmatch(receipt) is not None


def push_body(request: PushRequest, *, short_code: str, passkey: str, now: datetime) -> dict[str, object]:
    msisdn = request.phone_e164.removeprefix("+")
    return {
        **_password(short_code, passkey, now),
        "TransactionType": "CustomerPayBillOnline",
        "Amount": _whole_units(request.amount_minor, request.currency),
        "PartyA": msisdn,
        "PartyB": short_code,
        "PhoneNumber": msisdn,
        "CallBackURL": request.callback_url,
        "AccountReference": request.account_reference,
        "TransactionDesc": _DESCRIPTION,
    }


def query_body(checkout_id: str, *, short_code: str, passkey: str, now: datetime) -> dict[str, object]:
    return {**_password(short_code, passkey, now), "CheckoutRequestID": checkout_id}


def status_body(receipt: str, addresses: ResultAddresses, *, short_code: str) -> dict[str, object]:
    """Without the initiator and the sealed password: whoever sends it adds them."""
    return {
        "CommandID": "TransactionStatusQuery",
        "TransactionID": receipt,
        "PartyA": short_code,
        "IdentifierType": "4",
        **_addresses(addresses),
        "Remarks": "Status",
        "Occasion": "Status",
    }


def reversal_body(request: ReversalRequest, *, short_code: str) -> dict[str, object]:
    """Without the initiator, as above."""
    return {
        "CommandID": "TransactionReversal",
        "TransactionID": request.receipt,
        "Amount": _whole_units(request.amount_minor, request.currency),
        "ReceiverParty": short_code,
        "RecieverIdentifierType": "11",  # misspelt by Daraja, and refused when spelt right
        **_addresses(request.addresses),
        "Remarks": request.remarks[:_LONGEST_REMARKS] or "Reversal",
    }


def register_body(base_url: str, *, short_code: str, response_type: str) -> dict[str, object]:
    return {
        "ShortCode": short_code,
        "ResponseType": response_type,
        "ConfirmationURL": f"{base_url}/confirmation/",
        "ValidationURL": f"{base_url}/validation/",
    }


def register_pull_body(base_url: str, *, short_code: str, nominated_number: str) -> dict[str, object]:
    return {
        "ShortCode": short_code,
        "RequestType": "Pull",
        "NominatedNumber": nominated_number,
        "CallBackURL": f"{base_url}/pull/",
    }


def pull_body(starts_at: datetime, ends_at: datetime, offset: int, *, short_code: str) -> dict[str, object]:
    return {
        "ShortCode": short_code,
        "StartDate": starts_at.astimezone(NAIROBI).strftime(_PULL_TIME),
        "EndDate": ends_at.astimezone(NAIROBI).strftime(_PULL_TIME),
        "OffSetValue": str(offset),
    }


def _password(short_code: str, passkey: str, now: datetime) -> dict[str, object]:
    timestamp = now.astimezone(NAIROBI).strftime("%Y%m%d%H%M%S")
    password = base64.b64encode(f"{short_code}{passkey}{timestamp}".encode()).decode("ascii")
    return {"BusinessShortCode": short_code, "Password": password, "Timestamp": timestamp}


def _addresses(addresses: ResultAddresses) -> dict[str, object]:
    return {"ResultURL": addresses.result_url, "QueueTimeOutURL": addresses.timeout_url}


def _whole_units(amount_minor: int, currency: str) -> str:
    return str(amount_minor // 10 ** digits_of(currency))


def _objection_to_money(amount_minor: int, currency: str, own_currency: str) -> str:
    if currency != own_currency:
        return "currency"
    return "amount" if amount_minor <= 0 or amount_minor % 10 ** digits_of(own_currency) else ""
