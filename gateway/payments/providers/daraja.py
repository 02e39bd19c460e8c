"""Safaricom M-Pesa as Daraja carries it: C2B and STK callbacks in, payment prompts out. Knows wire and port only.

Callbacks are unsigned claims. What decides about money is read strictly (receipt, amount, short code, result code);
order, unknown fields and number-or-text are not minded, because Daraja changes them from one account to the next.
"""

import base64
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Protocol

from gateway.http.bodies import as_object, as_text, as_word, read_json_object, storable
from gateway.http.errors import MaybeSent, NotSent, OutboundFailure, PhoneInvalid
from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.http.outbound import Answer, Deadlines, OutboundSession, exchange
from gateway.http.phones import is_hashed, is_masked, wire_to_e164
from gateway.payments.ports import Door, Outcome, Payer, PaymentClaim, PushOutcome, PushRequest, PushResult, Verdict
from vending.kernel.money import MoneyError, digits_of, parse_minor

NAME = "daraja"
TOKEN_PATH = "/oauth/v1/generate?grant_type=client_credentials"  # noqa: S105 - an address
PUSH_PATH = "/mpesa/stkpush/v1/processrequest"

# Kenya keeps no summer time, so a fixed offset is exact and needs no time zone tables on the machine.
NAIROBI = timezone(timedelta(hours=3), "EAT")
REGION = "KE"

# Result codes of an STK callback. What is not here is unknown and is asked until final.
_PAID = "0"
_NOT_PAID = frozenset(
    {
        "1",  # too little money
        "2",  # below the least amount
        "3",  # above the greatest amount
        "4",  # over the payer's daily limit
        "8",  # over the receiving account's limit
        "17",  # the same amount to the same customer within two minutes
        "1019",  # expired
        "1025",  # the prompt could not be pushed
        "1032",  # cancelled by the customer
        "1037",  # phone not reachable
        "2001",  # wrong PIN
        "2028",  # not permitted for this short code
        "8006",  # the caller's credential is locked
        "SFC_IC0003",  # no such operator
    }
)

_REJECTIONS = {
    Verdict.BAD_ACCOUNT: "C2B00012",
    Verdict.BAD_AMOUNT: "C2B00013",
    Verdict.BAD_SHORT_CODE: "C2B00015",
    Verdict.OTHER: "C2B00016",
}

_BAD_TOKEN = frozenset({"401", "404.001.03", "400.003.01"})
# Refused before any prompt: too many requests, quota used up, and the subscriber is busy with another payment.
_TRY_LATER = frozenset({"500.003.02", "500.003.03", "500.001.1001", "http_429"})
_REDIRECTS = frozenset({301, 302, 307, 308})
_UNAUTHORISED = 401
_REQUEST_TIMEOUT = 408

_RECEIPT = re.compile(r"[A-Z0-9]{1,32}")
_SHORT_CODE = re.compile(r"[0-9]{1,20}")
_CHECKOUT_ID = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_CODE = re.compile(r"[A-Za-z0-9_.-]{1,32}")
_AMOUNT = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,8})?")
_LOCAL_TIME = re.compile(r"[0-9]{14}")
_TOKEN = re.compile(r"[!-~]{1,2048}")
_PHONE_DIGITS = re.compile(r"\+[1-9][0-9]{7,14}")
_MOST_DIGITS = 24
_LONGEST_ACCOUNT = 100
_LONGEST_REFERENCE = 12
_DESCRIPTION = "Electricity"
_LIFETIME_SECONDS = 3599
_EARLY_SECONDS = 240


class TokenCache(Protocol):
    """Where workers share the one access token. Never raises: without it each push asks for a token of its own."""

    def get(self) -> str | None: ...

    def put(self, token: str, lifetime_seconds: int) -> None: ...


class DarajaProvider:
    """One short code at Daraja. Amounts are minor units; prompts are for whole shillings."""

    name = NAME
    doors = frozenset({Door.VALIDATION, Door.CONFIRMATION, Door.STK})

    def __init__(
        self,
        *,
        base_url: str,
        consumer_key: str,
        consumer_secret: str,
        short_code: str,
        passkey: str,
        token_cache: TokenCache,
        currency: str = "KES",
        deadlines: Deadlines | None = None,
        session: OutboundSession | None = None,
    ) -> None:
        self.currency = currency
        self._base_url = base_url.rstrip("/")
        self._basic = base64.b64encode(f"{consumer_key}:{consumer_secret}".encode()).decode("ascii")
        self._short_code = short_code
        self._passkey = passkey
        self._token_cache = token_cache
        self._session = session or OutboundSession(deadlines or Deadlines())

    def parse(self, door: Door, request: InboundRequest) -> PaymentClaim:
        """The claim in a callback. A validation is an unknown outcome without receipt: nothing has moved yet.

        Raises `UnreadableCallback` for anything that is not Daraja's shape, and when money is said to have moved
        without a receipt or a positive amount. An unreadable time or payer is left out: the money has moved.
        """
        document = read_json_object(request.body)
        return self._stk_claim(document) if door is Door.STK else self._c2b_claim(door, document)

    def answer(self, door: Door, verdict: Verdict) -> Reply:
        """Only a validation can be refused; the other doors are told that we have it."""
        if door is not Door.VALIDATION:
            return _reply(0, "Success")
        if verdict is Verdict.ACCEPT:
            return _reply("0", "Accepted")
        return _reply(_REJECTIONS[verdict], "Rejected")

    def is_own_short_code(self, short_code: str) -> bool:
        return short_code == self._short_code

    def push(self, request: PushRequest, *, now: datetime) -> PushResult:
        """Ask for a prompt. Refused without asking: another currency, broken shillings, a long reference, no phone.

        UNAVAILABLE means that no prompt can have appeared. Takes at most four requests' deadlines (two when the cached
        access token holds). Not idempotent: Daraja takes no key of ours, so ask again only after UNAVAILABLE.
        """
        if reason := self._objection(request):
            return PushResult(PushOutcome.REFUSED, code=reason)
        body = self._push_body(request, now)
        result, token = self._push_once(body, stale_token="")
        if token and result.code in _BAD_TOKEN:
            result, _ = self._push_once(body, stale_token=token)
        return result

    def _c2b_claim(self, door: Door, document: Mapping[str, object]) -> PaymentClaim:
        is_paid = door is Door.CONFIRMATION
        return PaymentClaim(
            provider=self.name,
            door=door,
            outcome=Outcome.PAID if is_paid else Outcome.UNKNOWN,
            receipt=_receipt(document.get("TransID")) if is_paid else "",
            amount_minor=self._amount_minor(document.get("TransAmount")),
            currency=self.currency,
            short_code=as_word(document.get("BusinessShortCode"), _SHORT_CODE),
            account_text=_account_text(document.get("BillRefNumber")),
            payer=_payer(document.get("MSISDN")),
            paid_at=_moment(document.get("TransTime")),
        )

    def _stk_claim(self, document: Mapping[str, object]) -> PaymentClaim:
        callback = as_object(as_object(document.get("Body")).get("stkCallback"))
        checkout_id = as_word(callback.get("CheckoutRequestID"), _CHECKOUT_ID)
        result_code = as_word(callback.get("ResultCode"), _CODE)
        if result_code != _PAID:
            outcome = Outcome.NOT_PAID if result_code in _NOT_PAID else Outcome.UNKNOWN
            return PaymentClaim(
                self.name, Door.STK, outcome, checkout_id=checkout_id, result_code=result_code, currency=self.currency
            )
        # Only a success has metadata.
        facts = _metadata(callback)
        return PaymentClaim(
            provider=self.name,
            door=Door.STK,
            outcome=Outcome.PAID,
            receipt=_receipt(facts.get("MpesaReceiptNumber")),
            checkout_id=checkout_id,
            result_code=result_code,
            amount_minor=self._amount_minor(facts.get("Amount")),
            currency=self.currency,
            payer=_payer(facts.get("PhoneNumber")),
            paid_at=_moment(facts.get("TransactionDate")),
        )

    def _amount_minor(self, value: object) -> int:
        is_plain_text = not isinstance(value, str) or _AMOUNT.fullmatch(value.strip()) is not None
        # Beyond 28 digits decimal arithmetic rounds, and a rounded amount would pass as an exact one.
        is_short = not isinstance(value, Decimal) or len(value.as_tuple().digits) <= _MOST_DIGITS
        if not is_plain_text or not is_short:
            raise UnreadableCallback("not an amount", field="amount")
        try:
            amount_minor = parse_minor(value.strip() if isinstance(value, str) else value, self.currency)
        except MoneyError:
            raise UnreadableCallback("not an amount", field="amount") from None
        if amount_minor <= 0:
            raise UnreadableCallback("not a payment", field="amount")
        return amount_minor

    def _objection(self, request: PushRequest) -> str:
        if request.currency != self.currency:
            return "currency"
        if request.amount_minor <= 0 or request.amount_minor % 10 ** digits_of(self.currency):
            return "amount"
        if not 1 <= len(request.account_reference) <= _LONGEST_REFERENCE:
            return "account_reference"
        if _PHONE_DIGITS.fullmatch(request.phone_e164) is None:
            return "phone"
        return ""

    def _push_body(self, request: PushRequest, now: datetime) -> dict[str, object]:
        timestamp = now.astimezone(NAIROBI).strftime("%Y%m%d%H%M%S")
        password = base64.b64encode(f"{self._short_code}{self._passkey}{timestamp}".encode()).decode("ascii")
        msisdn = request.phone_e164.removeprefix("+")
        return {
            "BusinessShortCode": self._short_code,
            "Password": password,
            "Timestamp": timestamp,
            "TransactionType": "CustomerPayBillOnline",
            "Amount": str(request.amount_minor // 10 ** digits_of(self.currency)),
            "PartyA": msisdn,
            "PartyB": self._short_code,
            "PhoneNumber": msisdn,
            "CallBackURL": request.callback_url,
            "AccountReference": request.account_reference,
            "TransactionDesc": _DESCRIPTION,
        }

    def _push_once(self, body: Mapping[str, object], *, stale_token: str) -> tuple[PushResult, str]:
        """One try and the access token it was made with, empty when there was none to be had."""
        try:
            token = self._access_token(stale_token)
        except OutboundFailure as failure:
            return PushResult(PushOutcome.UNAVAILABLE, code=f"oauth_{failure.reason}"), ""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            answer = exchange(self._session, "POST", self._base_url + PUSH_PATH, headers=headers, document=body)
        except NotSent as failure:
            return PushResult(PushOutcome.UNAVAILABLE, code=failure.reason), token
        except MaybeSent as failure:
            return PushResult(PushOutcome.AMBIGUOUS, code=failure.reason), token
        return _push_result(answer), token

    def _access_token(self, stale_token: str) -> str:
        """A token other than `stale_token`. If another worker has got one since, theirs is used: a new one kills it."""
        cached = self._token_cache.get()
        if cached and cached != stale_token:
            return cached
        headers = {"Authorization": f"Basic {self._basic}"}
        answer = exchange(self._session, "GET", self._base_url + TOKEN_PATH, headers=headers)
        document = _json_of(answer)
        token = document.get("access_token")
        if answer.status != 200 or not isinstance(token, str) or _TOKEN.fullmatch(token) is None:
            raise NotSent(_error_code(answer, document))  # the prompt, not this question
        self._token_cache.put(token, _lifetime_seconds(document.get("expires_in")))
        return token


def _push_result(answer: Answer) -> PushResult:
    document = _json_of(answer)
    if 200 <= answer.status < 300 and "errorCode" not in document:
        return _accepted_or_not(document)
    code = _error_code(answer, document)
    if code in _TRY_LATER or f"http_{answer.status}" in _TRY_LATER or answer.status in _REDIRECTS:
        return PushResult(PushOutcome.UNAVAILABLE, code=code)
    if code in _BAD_TOKEN or answer.status == _UNAUTHORISED:
        return PushResult(PushOutcome.UNAVAILABLE, code=code if code in _BAD_TOKEN else "401")
    if code.startswith("4") or (400 <= answer.status < 500 and answer.status != _REQUEST_TIMEOUT):
        return PushResult(PushOutcome.REFUSED, code=code)
    # A gateway's 5xx says that it got no good answer from behind, not that nothing behind it acted.
    return PushResult(PushOutcome.AMBIGUOUS, code=code)


def _accepted_or_not(document: Mapping[str, object]) -> PushResult:
    try:
        response_code = as_word(document.get("ResponseCode"), _CODE)
        if response_code != "0":
            return PushResult(PushOutcome.REFUSED, code=response_code)
        checkout_id = as_word(document.get("CheckoutRequestID"), _CHECKOUT_ID)
    except UnreadableCallback:
        return PushResult(PushOutcome.AMBIGUOUS, code="answer_unreadable")
    return PushResult(PushOutcome.ACCEPTED, checkout_id=checkout_id, code=response_code)


def _json_of(answer: Answer) -> dict[str, object]:
    try:
        return read_json_object(answer.body)
    except UnreadableCallback:
        return {}


def _error_code(answer: Answer, document: Mapping[str, object]) -> str:
    try:
        return as_word(document.get("errorCode"), _CODE)
    except UnreadableCallback:
        return f"http_{answer.status}"


def _lifetime_seconds(value: object) -> int:
    """Seconds for which a token may be shared: a little less than Daraja says, so that none expires on its way."""
    try:
        stated = int(as_word(value, _SHORT_CODE))
    except UnreadableCallback:
        stated = _LIFETIME_SECONDS
    return max(1, min(stated, _LIFETIME_SECONDS) - _EARLY_SECONDS)


def _reply(code: int | str, description: str) -> Reply:
    return Reply(json.dumps({"ResultCode": code, "ResultDesc": description}))


def _receipt(value: object) -> str:
    text = as_text(value)
    # Before upper(): it turns some foreign letters into ASCII ones, and two receipts into one.
    if not text.isascii():
        raise UnreadableCallback("not a receipt", field="receipt")
    return as_word(text.upper(), _RECEIPT)


def _account_text(value: object) -> str:
    """As the customer typed it. Buy Goods payments have none."""
    if value is None:
        return ""
    if isinstance(value, str):
        return storable(value, _LONGEST_ACCOUNT)
    return storable(as_text(value), _LONGEST_ACCOUNT)


def _payer(value: object) -> Payer:
    """Who paid, or nobody: a payment between organisations has no person behind it, and no payer stops a payment."""
    try:
        text = as_text(value)
    except UnreadableCallback:
        return Payer()
    if is_hashed(text):
        return Payer(sha256=text.lower())
    if is_masked(text):
        return Payer(masked=text)
    try:
        return Payer(e164=wire_to_e164(text, default_region=REGION))
    except PhoneInvalid:
        return Payer()


def _moment(value: object) -> datetime | None:
    try:
        text = as_word(value, _LOCAL_TIME)
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=NAIROBI).astimezone(UTC)
    except (UnreadableCallback, ValueError, OverflowError):
        return None


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
