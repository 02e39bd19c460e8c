"""Mobile money put together: the merchant's API, the customer's side of it, and the operator's portal.

Speaks Daraja's wire. Every shilling that moved has one receipt here, so a test can count on the operator's side.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gateway.simulator.answers import HttpAnswer
from gateway.simulator.c2b import PayBill, PayBillOutcome
from gateway.simulator.callbacks import Callbacks
from gateway.simulator.certificate import Seal
from gateway.simulator.daraja import (
    HIGHEST_AMOUNT,
    LOWEST_AMOUNT,
    AccessTokens,
    DarajaError,
    MerchantKeys,
    read_object,
    request_id,
)
from gateway.simulator.faults import FaultPlan
from gateway.simulator.later_answers import LaterAnswers
from gateway.simulator.money_book import MoneyBook
from gateway.simulator.phones import Phone, Phones
from gateway.simulator.portal import Portal
from gateway.simulator.postman import Postman
from gateway.simulator.prompts import Prompts
from gateway.simulator.pull_list import PullList
from gateway.simulator.wire import ProductLine

Work = Callable[[Mapping[str, Any]], HttpAnswer]


class MobileMoney:
    """The operator, as one merchant and its customers meet it."""

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
        self.seal = Seal()
        self.book = MoneyBook(keys.short_code, clock=clock, chance=chance)
        self.callbacks = Callbacks(line, postman, faults)
        self.pay_bills = PayBill(self.book, self.callbacks, phones, chance)
        self._prompts = Prompts(
            keys, self.book, self.callbacks, self.pay_bills, phones=phones, postman=postman, chance=chance
        )
        answers = LaterAnswers(keys, self.book, self.callbacks, self.seal, chance)
        pull_list = PullList(self.book, faults, chance)
        self.portal = Portal(self.book, self.callbacks, answers)
        self._faults, self._chance, self._calls = faults, chance, 0
        self._api: dict[str, Work] = {
            "/mpesa/stkpush/v1/processrequest": self._prompts.process,
            "/mpesa/stkpushquery/v1/query": self._prompts.query,
            "/mpesa/c2b/v1/registerurl": lambda asked: self.pay_bills.register(asked, "v1"),
            "/mpesa/c2b/v2/registerurl": lambda asked: self.pay_bills.register(asked, "v2"),
            "/mpesa/c2b/v1/simulate": self.pay_bills.simulate,
            "/mpesa/c2b/v2/simulate": self.pay_bills.simulate,
            "/mpesa/transactionstatus/v1/query": answers.ask_status,
            "/mpesa/reversal/v1/request": answers.ask_reversal,
            "/mpesa/accountbalance/v1/query": answers.ask_balance,
            "/pulltransactions/v1/register": pull_list.register,
            "/pulltransactions/v1/query": pull_list.query,
        }

    # The merchant's side

    @property
    def addresses(self) -> tuple[str, ...]:
        """Every path that takes a request with an access token; all of them POST."""
        return tuple(self._api)

    def issue_token(self, headers: Mapping[str, str], query: Mapping[str, str]) -> HttpAnswer:
        """`GET /oauth/v1/generate`: each new token ends the one before."""
        return self._answered(lambda: self.tokens.issue(headers, query))

    def call(self, path: str, headers: Mapping[str, str], body: bytes) -> HttpAnswer:
        """One request to the API. What the fault plan breaks is not done."""

        def work() -> HttpAnswer:
            if broken := self._strike():
                return broken
            self.tokens.check(headers)
            return self._api[path](read_object(body))

        return self._answered(work)

    def _strike(self) -> HttpAnswer | None:
        """What the plan makes of this request before the API sees it: a gateway's own words, not Daraja's."""
        self._calls += 1
        if self._faults.happens(self._faults.api_slow_percent, "slow", self._calls):
            time.sleep(self._faults.api_slow_seconds)
        if self._faults.happens(self._faults.api_error_percent, "error", self._calls):
            return HttpAnswer(500, "Internal Server Error", "text/plain")
        return None

    def _answered(self, act: Callable[[], HttpAnswer]) -> HttpAnswer:
        try:
            return act()
        except DarajaError as refusal:
            return refusal.answer(request_id(self._chance))

    # The customer's side

    def answer_prompt(self, phone: Phone, pin: str) -> int:
        """Type the PIN into the prompt; the result code is returned. Raises `PhoneError` without a prompt."""
        return self._prompts.answer(phone, pin)

    def cancel_prompt(self, phone: Phone) -> int:
        """Raises `PhoneError` without a prompt."""
        return self._prompts.cancel(phone)

    def pay_bill(self, phone: Phone, *, business: str, account: str, amount: str, pin: str) -> PayBillOutcome:
        """Pay from the phone's own menu."""
        if business != self.keys.short_code:
            return PayBillOutcome(False, "Failed. There is no such business number.")
        if not amount.isascii() or not amount.isdigit() or not LOWEST_AMOUNT <= int(amount) <= HIGHEST_AMOUNT:
            return PayBillOutcome(False, "Failed. Type an amount in whole shillings.")
        if pin != phone.pin:
            return PayBillOutcome(False, "Failed. You have entered the wrong PIN.")
        return self.pay_bills.pay(phone, account=account, amount=int(amount))

    def receipts(self) -> list[dict[str, Any]]:
        """Every receipt, oldest first: the operator's own books."""
        return [asdict(receipt) for receipt in self.book.receipts()]
