"""Status, reversal and balance: taken now, answered later at the address that the request names, once, no retry."""

import hmac
import random
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.simulator.answers import HttpAnswer, json_answer
from gateway.simulator.callbacks import Callbacks
from gateway.simulator.certificate import Seal
from gateway.simulator.daraja import MerchantKeys, bad_field, request_id
from gateway.simulator.money_book import BookError, MoneyBook, Receipt, minor_text

SUCCESS_TEXT = "The service request is processed successfully."
_ORGANISATION, _REVERSED_ORGANISATION = "4", "11"
_BAD_INITIATOR = BookError("2001", "The initiator information is invalid.")
_NO_SUCH_PAYMENT = BookError("2032", "The transaction could not be found.")
_URL = re.compile(r"https?://[^\s/]+/\S+")
_TIMED_OUT_TEXT = "The service request has timed out."
_TIMED_OUT_CODE = "1037"

Parameters = list[dict[str, Any]]


@dataclass(frozen=True)
class Question:
    """A request that was taken. `label` names what it is about in the fault plan."""

    conversation_id: str
    originator_id: str
    result_url: str
    timeout_url: str
    initiator_is_known: bool
    label: str


class LaterAnswers:
    """The merchant's API operator at work."""

    def __init__(
        self, keys: MerchantKeys, book: MoneyBook, callbacks: Callbacks, seal: Seal, chance: random.Random
    ) -> None:
        self._keys, self._book, self._callbacks, self._seal, self._chance = keys, book, callbacks, seal, chance

    def ask_status(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """`POST /mpesa/transactionstatus/v1/query`. Raises `DarajaError` for a bad field."""
        _check(asked, "CommandID", "TransactionStatusQuery")
        _check(asked, "IdentifierType", _ORGANISATION)
        _check(asked, "PartyA", self._keys.short_code)
        number = str(asked.get("TransactionID", ""))
        question = self._take(asked, number)
        paid = self._book.find(number)
        if paid is None:
            return self._answer(question, lambda: self._failed(question, _NO_SUCH_PAYMENT))
        return self._answer(question, lambda: self._status(question, paid, str(asked.get("Occasion") or "")))

    def ask_reversal(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """`POST /mpesa/reversal/v1/request`. Raises `DarajaError`; the money moves before the result does."""
        _check(asked, "CommandID", "TransactionReversal")
        _check(asked, "RecieverIdentifierType", _REVERSED_ORGANISATION)
        _check(asked, "ReceiverParty", self._keys.short_code)
        amount = str(asked.get("Amount", ""))
        if not re.fullmatch(r"[0-9]{1,7}", amount):
            raise bad_field("Amount")
        question = self._take(asked, str(asked.get("TransactionID", "")))
        return self._answer(question, lambda: self._reverse(question, str(asked.get("TransactionID", "")), int(amount)))

    def ask_balance(self, asked: Mapping[str, Any]) -> HttpAnswer:
        """`POST /mpesa/accountbalance/v1/query`. Raises `DarajaError` for a bad field."""
        _check(asked, "CommandID", "AccountBalance")
        _check(asked, "IdentifierType", _ORGANISATION)
        _check(asked, "PartyA", self._keys.short_code)
        question = self._take(asked, "balance")
        return self._answer(question, lambda: self._balance(question))

    def tell_reversal(self, payment_receipt: str, result_url: str) -> None:
        """The result of a reversal that nobody asked for by the API, at an address of the merchant's."""
        paid, reversal = self._book.find(payment_receipt), self._book.find_reversal(payment_receipt)
        if paid is None or reversal is None:
            raise _NO_SUCH_PAYMENT
        question = self._question({"ResultURL": result_url, "QueueTimeOutURL": result_url}, paid.label, is_known=True)
        self._callbacks.post("result", result_url, self._reversed(question, payment_receipt), paid.label)

    def _take(self, asked: Mapping[str, Any], subject: str) -> Question:
        for field in ("ResultURL", "QueueTimeOutURL"):
            if not _URL.fullmatch(str(asked.get(field, ""))):
                raise bad_field(field)
        if not 1 <= len(str(asked.get("Remarks", ""))) <= 100:
            raise bad_field("Remarks")
        paid = self._book.find(subject)
        password = self._seal.open(str(asked.get("SecurityCredential", "")))
        is_known = bool(self._keys.initiator_name) and asked.get("Initiator") == self._keys.initiator_name
        is_known = is_known and hmac.compare_digest(password.encode(), self._keys.initiator_password.encode())
        return self._question(asked, paid.label if paid else subject, is_known=is_known)

    def _question(self, asked: Mapping[str, Any], label: str, *, is_known: bool) -> Question:
        day = self._book.now().strftime("%Y%m%d")
        conversation_id = f"AG_{day}_{self._chance.getrandbits(80):020x}"
        originator_id = request_id(self._chance)
        return Question(
            conversation_id, originator_id, str(asked["ResultURL"]), str(asked["QueueTimeOutURL"]), is_known, label
        )

    def _answer(self, question: Question, work: Callable[[], dict[str, Any]]) -> HttpAnswer:
        """Work, post the result, and say that the request was taken."""
        result = work() if question.initiator_is_known else self._failed(question, _BAD_INITIATOR)
        faults = self._callbacks.faults
        if faults.happens(faults.results_timed_out_percent, "timed out", question.label, question.conversation_id):
            timed_out = self._failed(question, BookError(_TIMED_OUT_CODE, _TIMED_OUT_TEXT))
            self._callbacks.post("result", question.timeout_url, timed_out, question.label)
        else:
            self._callbacks.post("result", question.result_url, result, question.label)
        return json_answer(
            {
                "OriginatorConversationID": question.originator_id,
                "ConversationID": question.conversation_id,
                "ResponseCode": "0",
                "ResponseDescription": "Accept the service request successfully.",
            }
        )

    def _status(self, question: Question, paid: Receipt, occasion: str) -> dict[str, Any]:
        """As published: one name twice, an entry without its value, everything a text."""
        parameters: Parameters = [
            {"Key": "DebitPartyName", "Value": _party(paid)},
            {"Key": "DebitPartyName", "Value": f"{self._keys.short_code} - Merchant"},
            {"Key": "OriginatorConversationID", "Value": question.originator_id},
            {"Key": "InitiatedTime", "Value": paid.paid_at},
            {"Key": "DebitAccountType", "Value": "MMF Account For Customer"},
            {"Key": "DebitPartyCharges", "Value": ""},
            {"Key": "TransactionReason"},
            {"Key": "ReasonType", "Value": "Pay Bill Online"},
            {"Key": "TransactionStatus", "Value": "Completed"},
            {"Key": "FinalisedTime", "Value": paid.paid_at},
            {"Key": "Amount", "Value": str(paid.amount)},
            {"Key": "ConversationID", "Value": question.conversation_id},
            {"Key": "ReceiptNo", "Value": paid.receipt},
        ]
        occasion_item = {"Key": "Occasion", "Value": occasion} if occasion else {"Key": "Occasion"}
        facts = {"TransactionID": paid.receipt, "ReferenceData": {"ReferenceItem": occasion_item}}
        return self._result(question, facts, parameters)

    def _reverse(self, question: Question, payment_receipt: str, amount: int) -> dict[str, Any]:
        try:
            self._book.reverse(payment_receipt, by="merchant", amount=amount)
        except BookError as refusal:
            return self._failed(question, refusal)
        return self._reversed(question, payment_receipt)

    def _reversed(self, question: Question, payment_receipt: str) -> dict[str, Any]:
        """As published: amounts and times are numbers here."""
        paid, reversal = self._book.find(payment_receipt), self._book.find_reversal(payment_receipt)
        if paid is None or reversal is None:
            raise _NO_SUCH_PAYMENT
        balance = minor_text(self._book.balance_minor)
        parameters: Parameters = [
            {"Key": "DebitAccountBalance", "Value": f"Utility Account|KES|{balance}|{balance}|0.00|0.00"},
            {"Key": "Amount", "Value": float(reversal.amount)},
            {"Key": "TransCompletedTime", "Value": int(reversal.reversed_at)},
            {"Key": "OriginalTransactionID", "Value": payment_receipt},
            {"Key": "Charge", "Value": 0.0},
            {"Key": "CreditPartyPublicName", "Value": _party(paid)},
            {"Key": "DebitPartyPublicName", "Value": f"{self._keys.short_code} - Merchant"},
        ]
        facts = {"TransactionID": reversal.receipt, "ReferenceData": _timeout_reference(question)}
        return self._result(question, facts, parameters)

    def _balance(self, question: Question) -> dict[str, Any]:
        """As published: here the codes are texts."""
        held, nothing = minor_text(self._book.balance_minor), minor_text(0)
        accounts = {"Working": nothing, "Float": nothing, "Utility": held, "Charges Paid": nothing}
        accounts["Organization Settlement"] = nothing
        told = "&".join(f"{name} Account|KES|{amount}|{amount}|0.00|0.00" for name, amount in accounts.items())
        parameters: Parameters = [
            {"Key": "AccountBalance", "Value": told},
            {"Key": "BOCompletedTime", "Value": self._book.stamp()},
        ]
        facts = {"TransactionID": self._book.next_number(), "ReferenceData": _timeout_reference(question)}
        value = self._result(question, facts, parameters)
        value["Result"] |= {"ResultType": "0", "ResultCode": "0", "ResultDesc": SUCCESS_TEXT.rstrip(".")}
        return value

    def _result(self, question: Question, facts: Mapping[str, Any], parameters: Parameters) -> dict[str, Any]:
        return {
            "Result": {
                "ResultType": 0,
                "ResultCode": 0,
                "ResultDesc": SUCCESS_TEXT,
                "OriginatorConversationID": question.originator_id,
                "ConversationID": question.conversation_id,
                "ResultParameters": {"ResultParameter": parameters},
                **facts,
            }
        }

    def _failed(self, question: Question, refusal: BookError) -> dict[str, Any]:
        """A refusal has no parameters, and its transaction id ends with noughts."""
        return {
            "Result": {
                "ResultType": 0,
                "ResultCode": int(refusal.code) if refusal.code.isdecimal() else refusal.code,
                "ResultDesc": str(refusal),
                "OriginatorConversationID": question.originator_id,
                "ConversationID": question.conversation_id,
                "TransactionID": f"{self._book.next_number()[:3]}0000000",
                "ReferenceData": _timeout_reference(question),
            }
        }


def _check(asked: Mapping[str, Any], field: str, expected: str) -> None:
    if str(asked.get(field, "")) != expected:
        raise bad_field(field)


def _party(paid: Receipt) -> str:
    return f"{paid.msisdn} - {paid.payer_name}"


def _timeout_reference(question: Question) -> dict[str, Any]:
    return {"ReferenceItem": {"Key": "QueueTimeoutURL", "Value": question.timeout_url}}
