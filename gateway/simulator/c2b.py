"""Pay-bill: the addresses that a merchant registers, the question before money moves, the confirmation after it."""

import hashlib
import random
import re
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.simulator.answers import HttpAnswer, json_answer
from gateway.simulator.callbacks import SENDER, Callbacks
from gateway.simulator.daraja import HIGHEST_AMOUNT, LOWEST_AMOUNT, DarajaError, bad_field
from gateway.simulator.faults import VALIDATION_DEFAULTS
from gateway.simulator.money_book import MoneyBook, Receipt, minor_text
from gateway.simulator.phones import Phone, PhoneError, Phones

VALIDATION_SECONDS = 8
_LONGEST_ACCOUNT = 20
# As the register page lists them; an address with one of these is refused.
FORBIDDEN_WORDS = ("mpesa", "m-pesa", "safaricom", "exe", "exec", "cmd", "sql", "query")


@dataclass(frozen=True)
class Registered:
    """What one short code has registered. `version` is v1 or v2."""

    confirmation_url: str
    validation_url: str
    response_type: str
    version: str


@dataclass(frozen=True)
class PayBillOutcome:
    """What the phone's menu says at the end. `result_code` is the product's own when it refused the account."""

    is_paid: bool
    text: str
    receipt: str = ""
    result_code: str = ""


class PayBill:
    """The road of a payment that the customer starts in the operator's own menu."""

    def __init__(self, book: MoneyBook, callbacks: Callbacks, phones: Phones, chance: random.Random) -> None:
        self._book, self._callbacks, self._phones, self._chance = book, callbacks, phones, chance
        self._faults = callbacks.faults
        self._lock = threading.Lock()
        self._tries: Counter[str] = Counter()
        self.registered: Registered | None = None

    # The merchant's side

    def register(self, asked: Mapping[str, Any], version: str) -> HttpAnswer:
        """`POST /mpesa/c2b/<version>/registerurl`. In production once for a short code. Raises `DarajaError`."""
        if str(asked.get("ShortCode", "")) != self._book.short_code:
            raise bad_field("ShortCode")
        response_type = asked.get("ResponseType")
        if response_type not in VALIDATION_DEFAULTS:
            raise bad_field("ResponseType")
        urls = [self._checked_url(asked, field) for field in ("ConfirmationURL", "ValidationURL")]
        with self._lock:
            if self.registered and self._faults.is_production:
                raise DarajaError(500, "500.003.1001", "Urls are already registered")
            self.registered = Registered(urls[0], urls[1], str(response_type), version)
        return self._accepted("Success")

    def simulate(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """`POST /mpesa/c2b/<version>/simulate`: a customer pays, in the sandbox only. Raises `DarajaError`."""
        if self._faults.is_production:
            raise DarajaError(404, "404.003.01", "Resource not found")
        if str(asked.get("ShortCode", "")) != self._book.short_code:
            raise bad_field("ShortCode")
        if asked.get("CommandID") not in ("CustomerPayBillOnline", "CustomerBuyGoodsOnline"):
            raise bad_field("CommandID")
        amount = str(asked.get("Amount", ""))
        if not re.fullmatch(r"[0-9]{1,6}", amount) or not LOWEST_AMOUNT <= int(amount) <= HIGHEST_AMOUNT:
            raise bad_field("Amount")
        try:
            phone = self._phones.get(str(asked.get("Msisdn", "")))
        except PhoneError:
            raise bad_field("Msisdn") from None
        self.pay(phone, account=str(asked.get("BillRefNumber") or ""), amount=int(amount))
        return self._accepted("Accept the service request successfully.")

    def _checked_url(self, asked: Mapping[str, Any], field: str) -> str:
        url = str(asked.get(field, ""))
        scheme = "https" if self._faults.checks_addresses else "https?"
        if not re.fullmatch(rf"{scheme}://[^\s/]+(/\S*)?", url):
            raise bad_field(field)
        if self._faults.checks_addresses and any(word in url.lower() for word in FORBIDDEN_WORDS):
            raise bad_field(field)
        return url

    def _accepted(self, description: str) -> HttpAnswer:
        """The vendor's own spelling of the first name."""
        identifier = f"{self._chance.getrandbits(64):016x}"
        return json_answer(
            {
                "OriginatorCoversationID": f"{identifier[:4]}-{identifier[4:8]}-{identifier[8:]}",
                "ResponseCode": "0",
                "ResponseDescription": description,
            }
        )

    # The customer's side

    def pay(self, phone: Phone, *, account: str, amount: int) -> PayBillOutcome:
        """The product is asked first, then money moves, then it is told."""
        account = account[:_LONGEST_ACCOUNT]
        if phone.balance_minor < amount * 100:
            return PayBillOutcome(False, "Failed. You do not have enough money.")
        number = self._book.next_number()
        answer = {"ResultCode": "0"} if self._is_unasked(phone) else self._validate(phone, number, account, amount)
        if answer.get("ResultCode") not in (0, "0"):
            code = str(answer.get("ResultCode", ""))
            return PayBillOutcome(False, "Failed. The business did not accept this account.", result_code=code)
        with self._book.lock:
            if phone.balance_minor < amount * 100:
                return PayBillOutcome(False, "Failed. You do not have enough money.")
            receipt = self._book.move(phone, "pay_bill", amount, account, number)
        self.confirm(receipt, str(answer.get("ThirdPartyTransID") or ""))
        return PayBillOutcome(True, "Sent. A message confirms it.", receipt.receipt, "0")

    def _is_unasked(self, phone: Phone) -> bool:
        with self._lock:
            self._tries[phone.msisdn] += 1
            count = self._tries[phone.msisdn]
        return self._faults.happens(self._faults.unasked_percent, "unasked", phone.msisdn, count)

    def _validate(self, phone: Phone, number: str, account: str, amount: int) -> dict[str, Any]:
        asked = Receipt(number, "pay_bill", phone.e164, amount, account, self._book.stamp(), phone.first_name)
        registered = self.registered
        url = registered.validation_url if registered else self._hook("validation")
        fields = self._fields(asked, amount=amount, org_balance="", third_party_id="")
        answer = self._callbacks.line.post_json(SENDER, url, fields, timeout_seconds=VALIDATION_SECONDS)
        if answer.status != 200 or "ResultCode" not in answer.json():
            default = registered.response_type if registered else self._faults.validation_default
            return {"ResultCode": "0" if default == "Completed" else "no answer"}
        return answer.json()

    def confirm(self, receipt: Receipt, third_party_id: str) -> None:
        """Tell the product that money has moved, by whichever road it did."""
        url = self.registered.confirmation_url if self.registered else self._hook("confirmation")
        fields = self._fields(
            receipt,
            amount=self._callbacks.told_amount(receipt),
            org_balance=minor_text(self._book.balance_minor),
            third_party_id=third_party_id,
        )
        self._callbacks.post_about(receipt, "confirmation", url, fields)

    def _hook(self, door: str) -> str:
        return self._callbacks.line.hook_url("payments", "daraja", door)

    def _fields(self, receipt: Receipt, *, amount: int, org_balance: str, third_party_id: str) -> dict[str, str]:
        """A C2B notification."""
        return {
            "TransactionType": "Pay Bill",
            "TransID": receipt.receipt,
            "TransTime": receipt.paid_at,
            "TransAmount": f"{amount}.00",
            "BusinessShortCode": self._book.short_code,
            "BillRefNumber": receipt.account,
            "InvoiceNumber": "",
            "OrgAccountBalance": org_balance,
            "ThirdPartyTransID": third_party_id,
            "MSISDN": self._msisdn(receipt.msisdn),
            "FirstName": receipt.payer_name,
            "MiddleName": "",
            "LastName": "",
        }

    def _msisdn(self, msisdn: str) -> str:
        """The payer's number is never clear: hashed by v1 (and by both since July 2024), masked by v2."""
        is_v2 = self.registered is not None and self.registered.version == "v2"
        form = self._faults.msisdn_form or ("masked" if is_v2 else "hashed")
        if form == "masked":
            return f"{msisdn[:4]} ***** {msisdn[-3:]}"
        return msisdn if form == "clear" else hashlib.sha256(msisdn.encode()).hexdigest()
