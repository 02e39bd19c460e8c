"""Mobile money: wallets, pushes that a customer answers on the phone, pay-bill from the phone's menu, the callbacks.

Speaks Daraja's wire. Every shilling that moved has one receipt here, so a test can count on the operator's side.
"""

import hashlib
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from gateway.simulator.answers import HttpAnswer, json_answer, silence
from gateway.simulator.daraja import (
    HIGHEST_AMOUNT,
    LOWEST_AMOUNT,
    AccessTokens,
    DarajaError,
    MerchantKeys,
    PushOrder,
    check_password,
    check_push,
    read_object,
)
from gateway.simulator.faults import FaultPlan
from gateway.simulator.phones import Phone, PhoneError, Phones, Prompt
from gateway.simulator.postman import Postman
from gateway.simulator.wire import ProductLine

SENDER = "mobile money"
OWN_SENDER_ID = "MPESA"
NAIROBI = timezone(timedelta(hours=3), "EAT")
VALIDATION_SECONDS = 8
_LETTERS, _SIGNS = "ABCDEFGHJKLMNPQRSTUVWXYZ", "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
PAID, NO_BALANCE, EXPIRED, CANCELLED, WRONG_PIN = 0, 1, 1019, 1032, 2001
RESULT_TEXTS = {
    PAID: "The service request is processed successfully.",
    NO_BALANCE: "The balance is insufficient for the transaction.",
    EXPIRED: "Transaction has expired.",
    CANCELLED: "Request cancelled by user",
    WRONG_PIN: "The initiator information is invalid.",
}


@dataclass(frozen=True)
class Receipt:
    """Money that moved, once: `road` is stk or pay_bill."""

    receipt: str
    road: str
    phone: str
    amount: int
    account: str
    paid_at: str


@dataclass
class Push:
    """One push and what became of it; `result_code` is empty while the prompt is open."""

    order: PushOrder
    merchant_id: str
    checkout_id: str
    result_code: int | None = None


@dataclass(frozen=True)
class PayBillOutcome:
    """What the phone's menu says at the end. `result_code` is the product's own when it refused the account."""

    is_paid: bool
    text: str
    receipt: str = ""
    result_code: str = ""


class MobileMoney:
    """The operator. One lock holds wallets, pushes and receipts; no callback is posted under it."""

    def __init__(
        self,
        keys: MerchantKeys,
        line: ProductLine,
        postman: Postman,
        phones: Phones,
        faults: FaultPlan,
        *,
        clock: Callable[[], datetime],
        chance: random.Random,
    ) -> None:
        self.keys = keys
        self.tokens = AccessTokens(keys, chance)
        self._line, self._postman, self._phones, self._faults = line, postman, phones, faults
        self._clock, self._chance = clock, chance
        self._lock = threading.RLock()
        self._pushes: dict[str, Push] = {}
        self._receipts: dict[str, Receipt] = {}
        self._org_balance_minor = 0

    # The merchant's side

    def issue_token(self, headers: Mapping[str, str], query: Mapping[str, str]) -> HttpAnswer:
        return self._answered(lambda: self.tokens.issue(headers, query))

    def process_push(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """`POST /mpesa/stkpush/v1/processrequest`: 0 in the answer means that the prompt was sent, no more."""

        def process() -> HttpAnswer:
            self.tokens.check(headers)
            order = check_push(read_object(body), self.keys)
            with self._lock:
                fault = self._faults.take_push_answer()
                if fault == "error":
                    raise DarajaError(500, "500.003.02", "Spike arrest violation")
                if fault == "silence" and not self._faults.silence_delivers:
                    return silence(self._faults.silence_seconds)
                push = self._open_prompt(order)
            return silence(self._faults.silence_seconds) if fault == "silence" else _push_answer(push)

        return self._answered(process)

    def query_push(self, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """`POST /mpesa/stkpushquery/v1/query`: an error body while the customer has not answered."""

        def query() -> HttpAnswer:
            self.tokens.check(headers)
            asked = read_object(body)
            check_password(asked, self.keys)
            with self._lock:
                push = self._pushes.get(str(asked.get("CheckoutRequestID", "")))
                if push is None:
                    raise DarajaError(400, "400.002.02", "Bad Request - Invalid CheckoutRequestID")
                if push.result_code is None:
                    raise DarajaError(500, "500.001.1001", "The transaction is being processed")
                return _query_answer(push, push.result_code)

        return self._answered(query)

    def _answered(self, act: Callable[[], HttpAnswer]) -> HttpAnswer:
        try:
            return act()
        except DarajaError as refusal:
            return refusal.answer(self._request_id())

    def _open_prompt(self, order: PushOrder) -> Push:
        phone = self._phones.get(order.msisdn)
        if phone.prompt is not None:
            raise DarajaError(500, "500.001.1001", "Unable to lock subscriber, a transaction is already in process")
        stamp = self._now().strftime("%d%m%Y%H%M%S")
        checkout_id = f"ws_CO_{stamp}{self._chance.randrange(1000):03d}{order.msisdn[3:]}"
        while checkout_id in self._pushes:
            checkout_id = f"ws_CO_{stamp}{self._chance.randrange(1000):03d}{order.msisdn[3:]}"
        push = Push(order, self._request_id(), checkout_id)
        self._pushes[checkout_id] = push
        phone.prompt = Prompt(checkout_id, order.amount, order.account, self.keys.short_code)
        self._postman.post(lambda: self._finish(phone, checkout_id, EXPIRED), after_seconds=self._faults.prompt_seconds)
        return push

    # The customer's side

    def answer_prompt(self, phone: Phone, pin: str) -> int:
        """Type the PIN into the prompt; the result code is returned. Raises `PhoneError` without a prompt."""
        return self._finish_open(phone, PAID if pin == phone.pin else WRONG_PIN)

    def cancel_prompt(self, phone: Phone) -> int:
        """Raises `PhoneError` without a prompt."""
        return self._finish_open(phone, CANCELLED)

    def _finish_open(self, phone: Phone, code: int) -> int:
        prompt = phone.prompt
        final = self._finish(phone, prompt.checkout_id, code) if prompt else None
        if final is None:
            raise PhoneError("no request to pay is open on this phone")
        return final

    def _finish(self, phone: Phone, checkout_id: str, code: int) -> int | None:
        """Close one prompt, once; who comes second finds it closed and gets None."""
        with self._lock:
            push = self._pushes[checkout_id]
            if push.result_code is not None:
                return None
            phone.prompt = None
            receipt = None
            if code == PAID and phone.balance_minor < push.order.amount * 100:
                code = NO_BALANCE
            if code == PAID:
                receipt = self._move(phone, "stk", push.order.amount, push.order.account)
            push.result_code = code
        self._post_push_result(push, code, receipt)
        if receipt and self._faults.stk_confirms:
            self._post_confirmation(phone, receipt, "")
        return code

    def pay_bill(self, phone: Phone, *, business: str, account: str, amount: str, pin: str) -> PayBillOutcome:
        """Pay from the phone's own menu: the product is asked first, then money moves, then it is told."""
        if business != self.keys.short_code:
            return PayBillOutcome(False, "Failed. There is no such business number.")
        if not amount.isascii() or not amount.isdigit() or not LOWEST_AMOUNT <= int(amount) <= HIGHEST_AMOUNT:
            return PayBillOutcome(False, "Failed. Type an amount in whole shillings.")
        if pin != phone.pin:
            return PayBillOutcome(False, "Failed. You have entered the wrong PIN.")
        if phone.balance_minor < int(amount) * 100:
            return PayBillOutcome(False, "Failed. You do not have enough money.")
        receipt_number = self._receipt_number()
        answer = self._validate(phone, receipt_number, account[:20], int(amount))
        if answer.get("ResultCode") not in (0, "0"):
            code = str(answer.get("ResultCode", ""))
            return PayBillOutcome(False, "Failed. The business did not accept this account.", result_code=code)
        with self._lock:
            if phone.balance_minor < int(amount) * 100:
                return PayBillOutcome(False, "Failed. You do not have enough money.")
            receipt = self._move(phone, "pay_bill", int(amount), account[:20], receipt_number)
        self._post_confirmation(phone, receipt, str(answer.get("ThirdPartyTransID") or ""))
        return PayBillOutcome(True, "Sent. A message confirms it.", receipt.receipt, "0")

    def _validate(self, phone: Phone, receipt_number: str, account: str, amount: int) -> dict[str, Any]:
        now = self._now().strftime("%Y%m%d%H%M%S")
        asked = Receipt(receipt_number, "pay_bill", phone.e164, amount, account, now)
        url = self._line.hook_url("payments", "daraja", "validation")
        fields = self._c2b_fields(phone, asked, org_balance="", third_party_id="")
        answer = self._line.post_json(SENDER, url, fields, timeout_seconds=VALIDATION_SECONDS)
        if answer.status != 200 or "ResultCode" not in answer.json():
            accepts = self._faults.validation_default == "Completed"
            return {"ResultCode": "0" if accepts else "no answer"}
        return answer.json()

    # Money and callbacks

    def _move(self, phone: Phone, road: str, amount: int, account: str, number: str = "") -> Receipt:
        now = self._now()
        stamp = now.strftime("%Y%m%d%H%M%S")
        receipt = Receipt(number or self._receipt_number(), road, phone.e164, amount, account, stamp)
        self._receipts[receipt.receipt] = receipt
        phone.balance_minor -= amount * 100
        self._org_balance_minor += amount * 100
        left = f"{phone.balance_minor // 100}.{phone.balance_minor % 100:02d}"
        phone.receive(
            OWN_SENDER_ID,
            f"{receipt.receipt} Confirmed. Ksh{amount}.00 sent to business {self.keys.short_code} "
            f"for account {account}. New balance is Ksh{left}.",
            self._clock(),
        )
        return receipt

    def _post_push_result(self, push: Push, code: int, receipt: Receipt | None) -> None:
        result: dict[str, Any] = {
            "MerchantRequestID": push.merchant_id,
            "CheckoutRequestID": push.checkout_id,
            "ResultCode": code,
            "ResultDesc": RESULT_TEXTS[code],
        }
        if receipt:  # the metadata is absent on failure
            items = {
                "Amount": float(receipt.amount),
                "MpesaReceiptNumber": receipt.receipt,
                "TransactionDate": int(receipt.paid_at),
                "PhoneNumber": int(push.order.msisdn),
            }
            result["CallbackMetadata"] = {"Item": [{"Name": name, "Value": value} for name, value in items.items()]}
        self._post("stk", push.order.callback_url, {"Body": {"stkCallback": result}})

    def _post_confirmation(self, phone: Phone, receipt: Receipt, third_party_id: str) -> None:
        balance = f"{self._org_balance_minor // 100}.{self._org_balance_minor % 100:02d}"
        fields = self._c2b_fields(phone, receipt, org_balance=balance, third_party_id=third_party_id)
        self._post("confirmation", self._line.hook_url("payments", "daraja", "confirmation"), fields)

    def _post(self, kind: str, url: str, value: Mapping[str, Any]) -> None:
        if kind in self._faults.callbacks_lost:
            return
        for _ in range(self._faults.callback_copies):
            self._postman.post(
                lambda: self._line.post_json(SENDER, url, value), after_seconds=self._faults.callback_delay_seconds
            )

    def _c2b_fields(self, phone: Phone, receipt: Receipt, *, org_balance: str, third_party_id: str) -> dict[str, str]:
        """A C2B notification. The payer's number is hashed, as Safaricom has sent it since July 2024."""
        return {
            "TransactionType": "Pay Bill",
            "TransID": receipt.receipt,
            "TransTime": receipt.paid_at,
            "TransAmount": f"{receipt.amount}.00",
            "BusinessShortCode": self.keys.short_code,
            "BillRefNumber": receipt.account,
            "InvoiceNumber": "",
            "OrgAccountBalance": org_balance,
            "ThirdPartyTransID": third_party_id,
            "MSISDN": hashlib.sha256(phone.msisdn.encode()).hexdigest(),
            "FirstName": phone.first_name,
            "MiddleName": "",
            "LastName": "",
        }

    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt, oldest first: the operator's own books."""
        with self._lock:
            return [asdict(receipt) for receipt in self._receipts.values()]

    def _now(self) -> datetime:
        return self._clock().astimezone(NAIROBI)

    def _receipt_number(self) -> str:
        while True:
            number = "".join(self._chance.choices(_LETTERS, k=3) + self._chance.choices(_SIGNS, k=7))
            if number not in self._receipts:
                return number

    def _request_id(self) -> str:
        bits = f"{self._chance.getrandbits(112):028x}"
        return f"{bits[:4]}-{bits[4:8]}-{bits[8:12]}-{bits[12:]}"


def _push_answer(push: Push) -> HttpAnswer:
    return json_answer(
        {
            "MerchantRequestID": push.merchant_id,
            "CheckoutRequestID": push.checkout_id,
            "ResponseCode": "0",
            "ResponseDescription": "Success. Request accepted for processing",
            "CustomerMessage": "Success. Request accepted for processing",
        }
    )


def _query_answer(push: Push, code: int) -> HttpAnswer:
    return json_answer(
        {
            "ResponseCode": "0",
            "ResponseDescription": "The service request has been accepted successfully",
            "MerchantRequestID": push.merchant_id,
            "CheckoutRequestID": push.checkout_id,
            "ResultCode": str(code),
            "ResultDesc": RESULT_TEXTS[code],
        }
    )
