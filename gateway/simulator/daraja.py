"""Daraja's door for merchants: access tokens, and the checks that a push has to pass. No money moves here."""

import base64
import binascii
import hmac
import json
import random
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.simulator.answers import HttpAnswer, json_answer

TOKEN_SECONDS = 3599
_TRANSACTION_TYPES = ("CustomerPayBillOnline", "CustomerBuyGoodsOnline")
LOWEST_AMOUNT, HIGHEST_AMOUNT = 1, 250_000


class DarajaError(Exception):
    """A request that the API refuses, with the status and the code that it answers."""

    def __init__(self, status: int, error_code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.error_code = status, error_code

    def answer(self, request_id: str) -> HttpAnswer:
        """The error body of every Daraja API."""
        body = {"requestId": request_id, "errorCode": self.error_code, "errorMessage": str(self)}
        return json_answer(body, self.status)


def bad_field(field: str) -> DarajaError:
    """What every Daraja API says of a field that it does not like."""
    return DarajaError(400, "400.002.02", f"Bad Request - Invalid {field}")


@dataclass(frozen=True)
class PushOrder:
    """A push that passed the checks: `amount` in whole units of the currency, `msisdn` twelve digits."""

    msisdn: str
    amount: int
    account: str
    callback_url: str


@dataclass(frozen=True)
class MerchantKeys:
    """What Daraja gave the merchant. Without an initiator it can ask for no status, balance or reversal."""

    consumer_key: str
    consumer_secret: str
    short_code: str
    passkey: str
    initiator_name: str = ""
    initiator_password: str = ""


def request_id(chance: random.Random) -> str:
    """A name for one request, as Daraja's gateway gives them."""
    bits = f"{chance.getrandbits(112):028x}"
    return f"{bits[:4]}-{bits[4:8]}-{bits[8:12]}-{bits[12:]}"


class AccessTokens:
    """One valid access token at a time: each request for a new one ends the one before."""

    def __init__(self, keys: MerchantKeys, chance: random.Random) -> None:
        pair = f"{keys.consumer_key}:{keys.consumer_secret}".encode()
        self._basic = "Basic " + base64.b64encode(pair).decode()
        self._chance = chance
        self._token, self._ends_at = "", 0.0
        self._lock = threading.Lock()

    def issue(self, headers: Mapping[str, str], query: Mapping[str, str]) -> HttpAnswer:
        """`GET /oauth/v1/generate?grant_type=client_credentials` with Basic credentials."""
        if query.get("grant_type") != "client_credentials":
            raise DarajaError(400, "400.008.02", "Invalid grant type passed")
        if not hmac.compare_digest(headers.get("authorization", "").encode(), self._basic.encode()):
            raise DarajaError(400, "400.008.01", "Invalid Authentication passed")
        with self._lock:
            self._token = f"{self._chance.getrandbits(140):035x}"
            self._ends_at = time.monotonic() + TOKEN_SECONDS
            return json_answer({"access_token": self._token, "expires_in": TOKEN_SECONDS})

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises `DarajaError` unless the newest token is shown and still good."""
        with self._lock:
            shown = headers.get("authorization", "").encode()
            is_good = self._token and hmac.compare_digest(shown, f"Bearer {self._token}".encode())
            if not is_good or time.monotonic() > self._ends_at:
                raise DarajaError(401, "404.001.03", "Invalid Access Token")


def read_object(body: bytes) -> dict[str, Any]:
    """The JSON object in a request. Raises `DarajaError`."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise DarajaError(400, "400.002.05", "Invalid Request Payload")
    return value


def check_password(order: Mapping[str, Any], keys: MerchantKeys) -> None:
    """Short code, time stamp and password of a push or a query. Raises `DarajaError`."""
    if str(order.get("BusinessShortCode", "")) != keys.short_code:
        raise bad_field("BusinessShortCode")
    timestamp = str(order.get("Timestamp", ""))
    if not re.fullmatch(r"20[0-9]{12}", timestamp):
        raise bad_field("Timestamp")
    try:
        password = base64.b64decode(str(order.get("Password", "")), validate=True)
    except binascii.Error:
        raise bad_field("Password") from None
    if not hmac.compare_digest(password, f"{keys.short_code}{keys.passkey}{timestamp}".encode()):
        raise DarajaError(500, "500.001.1001", "Wrong credentials")


def check_push(order: Mapping[str, Any], keys: MerchantKeys) -> PushOrder:
    """The fields of `POST /mpesa/stkpush/v1/processrequest`. Raises `DarajaError` naming the first bad one."""
    check_password(order, keys)
    if order.get("TransactionType") not in _TRANSACTION_TYPES:
        raise bad_field("TransactionType")
    amount = str(order.get("Amount", ""))
    if not re.fullmatch(r"[0-9]{1,6}", amount) or not LOWEST_AMOUNT <= int(amount) <= HIGHEST_AMOUNT:
        raise bad_field("Amount")
    msisdn = str(order.get("PhoneNumber", ""))
    if not re.fullmatch(r"254[0-9]{9}", msisdn):
        raise bad_field("PhoneNumber")
    if str(order.get("PartyA", "")) != msisdn:
        raise bad_field("PartyA")
    if str(order.get("PartyB", "")) != keys.short_code:
        raise bad_field("PartyB")
    callback_url = str(order.get("CallBackURL", ""))
    if not re.fullmatch(r"https?://[^\s/]+/\S+", callback_url):
        raise bad_field("CallBackURL")
    account = str(order.get("AccountReference", ""))
    if not 1 <= len(account) <= 12:
        raise bad_field("AccountReference")
    if not 1 <= len(str(order.get("TransactionDesc", ""))) <= 13:
        raise bad_field("TransactionDesc")
    return PushOrder(msisdn, int(amount), account, callback_url)
