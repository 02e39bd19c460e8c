"""Pushes: a request to pay that lies over a phone's screen until it is answered, and the word of what became of it."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.simulator.answers import HttpAnswer, json_answer, silence
from gateway.simulator.c2b import PayBill
from gateway.simulator.callbacks import Callbacks
from gateway.simulator.daraja import (
    DarajaError,
    MerchantKeys,
    PushOrder,
    bad_field,
    check_password,
    check_push,
    request_id,
)
from gateway.simulator.money_book import MoneyBook, Receipt
from gateway.simulator.phones import Phone, PhoneError, Phones, Prompt
from gateway.simulator.postman import Postman

PAID, NO_BALANCE, EXPIRED, CANCELLED, WRONG_PIN = 0, 1, 1019, 1032, 2001
RESULT_TEXTS = {
    PAID: "The service request is processed successfully.",
    NO_BALANCE: "The balance is insufficient for the transaction.",
    EXPIRED: "Transaction has expired.",
    CANCELLED: "Request cancelled by user",
    WRONG_PIN: "The initiator information is invalid.",
}


@dataclass
class Push:
    """One push and what became of it; `result_code` is empty while the prompt is open."""

    order: PushOrder
    merchant_id: str
    checkout_id: str
    result_code: int | None = None


class Prompts:
    """Every push of one merchant. The book's lock holds pushes too; no callback is posted under it."""

    def __init__(
        self,
        keys: MerchantKeys,
        book: MoneyBook,
        callbacks: Callbacks,
        pay_bill: PayBill,
        *,
        phones: Phones,
        postman: Postman,
        chance: random.Random,
    ) -> None:
        self._keys, self._book, self._callbacks, self._pay_bill = keys, book, callbacks, pay_bill
        self._phones, self._postman, self._chance = phones, postman, chance
        self._faults = callbacks.faults
        self._pushes: dict[str, Push] = {}
        self._answered: Counter[str] = Counter()

    def process(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """0 in the answer means that the prompt was sent, no more. Raises `DarajaError`."""
        order = check_push(asked, self._keys)
        with self._book.lock:
            fault = self._faults.take_push_answer()
            if fault == "error":
                raise DarajaError(500, "500.003.02", "Spike arrest violation")
            if fault == "silence" and not self._faults.silence_delivers:
                return silence(self._faults.silence_seconds)
            push = self._open(order)
        return silence(self._faults.silence_seconds) if fault == "silence" else _push_answer(push)

    def query(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """An error body while the customer has not answered. Raises `DarajaError`."""
        check_password(asked, self._keys)
        with self._book.lock:
            push = self._pushes.get(str(asked.get("CheckoutRequestID", "")))
            if push is None:
                raise bad_field("CheckoutRequestID")
            if push.result_code is None:
                raise DarajaError(500, "500.001.1001", "The transaction is being processed")
            return _query_answer(push, push.result_code)

    def _open(self, order: PushOrder) -> Push:
        phone = self._phones.get(order.msisdn)
        if phone.prompt is not None:
            raise DarajaError(500, "500.001.1001", "Unable to lock subscriber, a transaction is already in process")
        checkout_id = self._new_checkout_id(order)
        push = Push(order, request_id(self._chance), checkout_id)
        self._pushes[checkout_id] = push
        phone.prompt = Prompt(checkout_id, order.amount, order.account, self._keys.short_code)
        self._postman.post(lambda: self._finish(phone, checkout_id, EXPIRED), after_seconds=self._faults.prompt_seconds)
        if self._faults.prompt_answer_seconds:
            self._postman.post(
                lambda: self._finish(phone, checkout_id, self._own_answer(order)),
                after_seconds=self._faults.prompt_answer_seconds,
            )
        return push

    def _own_answer(self, order: PushOrder) -> int:
        """What this customer does with this prompt without being told."""
        self._answered[order.msisdn] += 1
        name = ("cancelled", order.msisdn, self._answered[order.msisdn])
        return CANCELLED if self._faults.happens(self._faults.prompts_cancelled_percent, *name) else PAID

    def _new_checkout_id(self, order: PushOrder) -> str:
        stamp = self._book.now().strftime("%d%m%Y%H%M%S")
        while True:
            checkout_id = f"ws_CO_{stamp}{self._chance.randrange(1000):03d}{order.msisdn[3:]}"
            if checkout_id not in self._pushes:
                return checkout_id

    def answer(self, phone: Phone, pin: str) -> int:
        """Type the PIN into the prompt; the result code is returned. Raises `PhoneError` without a prompt."""
        return self._finish_open(phone, PAID if pin == phone.pin else WRONG_PIN)

    def cancel(self, phone: Phone) -> int:
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
        with self._book.lock:
            push = self._pushes[checkout_id]
            if push.result_code is not None:
                return None
            phone.prompt = None
            receipt = None
            if code == PAID and phone.balance_minor < push.order.amount * 100:
                code = NO_BALANCE
            if code == PAID:
                receipt = self._book.move(phone, "stk", push.order.amount, push.order.account)
            push.result_code = code
        self._post_result(push, code, receipt)
        if receipt and self._faults.stk_confirms:
            self._pay_bill.confirm(receipt, "")
        return code

    def _post_result(self, push: Push, code: int, receipt: Receipt | None) -> None:
        result: dict[str, Any] = {
            "MerchantRequestID": push.merchant_id,
            "CheckoutRequestID": push.checkout_id,
            "ResultCode": code,
            "ResultDesc": RESULT_TEXTS[code],
        }
        value = {"Body": {"stkCallback": result}}
        if receipt is None:
            self._callbacks.post("stk", push.order.callback_url, value, push.checkout_id)
            return
        items = {  # the metadata is absent on failure
            "Amount": float(self._callbacks.told_amount(receipt)),
            "MpesaReceiptNumber": receipt.receipt,
            "TransactionDate": int(receipt.paid_at),
            "PhoneNumber": int(push.order.msisdn),
        }
        result["CallbackMetadata"] = {"Item": [{"Name": name, "Value": item} for name, item in items.items()]}
        self._callbacks.post_about(receipt, "stk", push.order.callback_url, value)


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
