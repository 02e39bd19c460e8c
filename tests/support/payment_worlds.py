"""Mobile money operators and the other side of their wire: the real adapter at a loopback server, and the fake."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from Crypto.PublicKey import RSA

from gateway.http.inbound import InboundRequest
from gateway.http.outbound import Deadlines
from gateway.payments.ports import Door, Outcome, PaymentProvider, PromptStatus, PushOutcome
from gateway.payments.providers.daraja import PUSH_PATH, DarajaProvider, Initiator
from gateway.payments.providers.daraja.orders import PULL_PATH, QUERY_PATH, REVERSAL_PATH, STATUS_PATH
from tests.support.fake_payment_provider import (
    FakePaymentProvider,
    answer_request,
    c2b_request,
    list_request,
    listed_payment,
    stk_request,
)
from tests.support.vendor_stub import Act, Hang, Received, Say, VendorStub

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
STARTS_AT = NOW - timedelta(hours=2)
PHONE = "+254708374149"
OWN_SHORT_CODE = "400200"
CHECKOUT = "ws_CO_191220191020363925"
RSA_KEY = RSA.generate(2048).public_key().export_key()
WORLDS = ("daraja", "fake")


class World(Protocol):
    """One provider and the other side of its wire."""

    provider: PaymentProvider

    def answer_next(self, outcome: PushOutcome) -> None: ...

    def pushed(self) -> list[str]: ...

    def c2b(self, door: Door, *, receipt: str, amount: str, account: str, payer: str) -> InboundRequest: ...

    def stk(self, checkout_id: str, outcome: Outcome, *, receipt: str, amount: str) -> InboundRequest: ...

    def prompt_is(self, outcome: Outcome) -> None: ...

    def ask_next(self, outcome: PushOutcome) -> None: ...

    def asked(self) -> list[str]: ...

    def status_answer(self, conversation_id: str, outcome: Outcome, *, receipt: str, amount: str) -> InboundRequest: ...

    def reversal_answer(
        self, conversation_id: str, *, receipt: str, original_receipt: str, amount: str
    ) -> InboundRequest: ...

    def lists(self, *payments: tuple[str, str]) -> None: ...

    def is_silent(self) -> None: ...

    def posted_list(self, *payments: tuple[str, str]) -> InboundRequest: ...


class FakeWorld:
    def __init__(self) -> None:
        self.fake = FakePaymentProvider()
        self.provider: PaymentProvider = self.fake

    def answer_next(self, outcome: PushOutcome) -> None:
        self.fake.answer_next(outcome)

    def pushed(self) -> list[str]:
        return [request.account_reference for request in self.fake.pushes]

    def c2b(self, door: Door, *, receipt: str, amount: str, account: str, payer: str) -> InboundRequest:
        return c2b_request(door, receipt=receipt, amount=amount, account=account, payer=payer)

    def stk(self, checkout_id: str, outcome: Outcome, *, receipt: str, amount: str) -> InboundRequest:
        return stk_request(checkout_id, outcome, receipt=receipt, amount=amount, payer=PHONE)

    def prompt_is(self, outcome: Outcome) -> None:
        self.fake.prompts[CHECKOUT] = PromptStatus(outcome, f"told_{outcome}")

    def ask_next(self, outcome: PushOutcome) -> None:
        self.fake.ask_next(outcome)

    def asked(self) -> list[str]:
        return [receipt for receipt, _ in self.fake.status_asks] + [ask.receipt for ask in self.fake.reversal_asks]

    def status_answer(self, conversation_id: str, outcome: Outcome, *, receipt: str, amount: str) -> InboundRequest:
        return answer_request(conversation_id, outcome, receipt=receipt, amount=amount, payer=PHONE)

    def reversal_answer(
        self, conversation_id: str, *, receipt: str, original_receipt: str, amount: str
    ) -> InboundRequest:
        return answer_request(
            conversation_id, Outcome.PAID, receipt=receipt, original_receipt=original_receipt, amount=amount
        )

    def lists(self, *payments: tuple[str, str]) -> None:
        self.fake.listed = [
            listed_payment(receipt, int(amount) * 100, "37000123457", paid_at=STARTS_AT, payer=PHONE)
            for receipt, amount in payments
        ]

    def is_silent(self) -> None:
        self.fake.pull_failure = "told_silent"

    def posted_list(self, *payments: tuple[str, str]) -> InboundRequest:
        rows = [{"receipt": receipt, "amount": amount, "account": "37000123457"} for receipt, amount in payments]
        return list_request(*rows)


class KnownToken:
    """A token cache that always has one."""

    def get(self) -> str | None:
        return "token"

    def put(self, token: str, lifetime_seconds: int) -> None:
        """Kept nowhere: it has one."""

    def try_lock(self) -> bool:
        return True

    def unlock(self) -> None:
        """There is no lock."""


class DarajaWorld:
    CODES = {Outcome.PAID: 0, Outcome.NOT_PAID: 1032, Outcome.UNKNOWN: 9999}

    def __init__(self, stub: VendorStub, certificate_file: Path) -> None:
        certificate_file.write_bytes(RSA_KEY)
        self.stub = stub
        self.provider: PaymentProvider = DarajaProvider(
            base_url=stub.url,
            consumer_key="key",
            consumer_secret="hush",
            short_code=OWN_SHORT_CODE,
            passkey="pass",
            token_cache=KnownToken(),
            initiator=Initiator("api", "word", str(certificate_file)),
            nominated_number="0722000000",
            deadlines=Deadlines(1, 0.3, 1),
        )

    def answer_next(self, outcome: PushOutcome) -> None:
        self.stub.next(PUSH_PATH, self._act(outcome))

    def _act(self, outcome: PushOutcome) -> Act:
        if outcome is PushOutcome.AMBIGUOUS:
            return Hang()
        if outcome is PushOutcome.ACCEPTED:
            return Say(json.dumps({"ResponseCode": "0", "CheckoutRequestID": f"ws_CO_{len(self.stub.received)}"}))
        is_refused = outcome is PushOutcome.REFUSED
        return Say(json.dumps({"errorCode": "400.002.02" if is_refused else "500.003.02"}), 400 if is_refused else 500)

    def pushed(self) -> list[str]:
        return [json.loads(request.body)["AccountReference"] for request in self.stub.received_at(PUSH_PATH)]

    def c2b(self, door: Door, *, receipt: str, amount: str, account: str, payer: str) -> InboundRequest:
        return self._json(
            {
                "TransactionType": "Pay Bill",
                "TransID": receipt,
                "TransTime": "20261103150000",
                "TransAmount": amount,
                "BusinessShortCode": OWN_SHORT_CODE,
                "BillRefNumber": account,
                "MSISDN": payer.removeprefix("+"),
            }
        )

    def stk(self, checkout_id: str, outcome: Outcome, *, receipt: str, amount: str) -> InboundRequest:
        values = {"Amount": amount, "MpesaReceiptNumber": receipt, "PhoneNumber": PHONE.removeprefix("+")}
        callback: dict[str, object] = {"CheckoutRequestID": checkout_id, "ResultCode": self.CODES[outcome]}
        if outcome is Outcome.PAID:
            callback["CallbackMetadata"] = {"Item": [{"Name": name, "Value": value} for name, value in values.items()]}
        return self._json({"Body": {"stkCallback": callback}})

    def prompt_is(self, outcome: Outcome) -> None:
        self.stub.next(QUERY_PATH, Say(json.dumps({"ResponseCode": "0", "ResultCode": self.CODES[outcome]})))

    def ask_next(self, outcome: PushOutcome) -> None:
        for path in (STATUS_PATH, REVERSAL_PATH):
            self.stub.next(path, self._taken if outcome is PushOutcome.ACCEPTED else self._act(outcome))

    def _taken(self, request: Received) -> Act:
        ids = {"ConversationID": f"AG_{len(self.stub.received)}", "OriginatorConversationID": "16740-1"}
        return Say(json.dumps({"ResponseCode": "0", **ids}))

    def asked(self) -> list[str]:
        requests = self.stub.received_at(STATUS_PATH) + self.stub.received_at(REVERSAL_PATH)
        return [json.loads(request.body)["TransactionID"] for request in requests]

    def status_answer(self, conversation_id: str, outcome: Outcome, *, receipt: str, amount: str) -> InboundRequest:
        words = {Outcome.PAID: "Completed", Outcome.NOT_PAID: "Cancelled", Outcome.UNKNOWN: "Pending"}
        payer = f"{PHONE.removeprefix('+')} - A Customer"
        values = {"TransactionStatus": words[outcome], "ReceiptNo": receipt, "Amount": amount, "DebitPartyName": payer}
        return self._result(conversation_id, "MBN0000000", values)

    def reversal_answer(
        self, conversation_id: str, *, receipt: str, original_receipt: str, amount: str
    ) -> InboundRequest:
        return self._result(conversation_id, receipt, {"OriginalTransactionID": original_receipt, "Amount": amount})

    def _result(self, conversation_id: str, transaction_id: str, values: dict[str, str]) -> InboundRequest:
        parameters = [{"Key": name, "Value": value} for name, value in values.items()]
        result = {"ResultCode": 0, "ConversationID": conversation_id, "TransactionID": transaction_id}
        return self._json({"Result": result | {"ResultParameters": {"ResultParameter": parameters}}})

    def lists(self, *payments: tuple[str, str]) -> None:
        rows = [self._row(*payment) for payment in payments]

        def page(request: Received) -> Act:
            offset = int(json.loads(request.body)["OffSetValue"])
            found = rows[offset : offset + 2]
            return Say(json.dumps({"ResponseCode": "1000" if found else "1001", "Response": [found]}))

        self.stub.always(PULL_PATH, page)

    def _row(self, receipt: str, amount: str) -> dict[str, str]:
        return {
            "transactionId": receipt,
            "trxDate": "2026-11-03T14:00:00Z",
            "transactiontype": "c2b-pay-bill-debit",
            "billreference": "37000123457",
            "amount": amount,
        }

    def is_silent(self) -> None:
        self.stub.always(PULL_PATH, Hang())

    def posted_list(self, *payments: tuple[str, str]) -> InboundRequest:
        return self._json({"ResponseCode": "1000", "Response": [[self._row(*payment) for payment in payments]]})

    def _json(self, document: dict[str, object]) -> InboundRequest:
        return InboundRequest("POST", "application/json", json.dumps(document).encode())


@contextmanager
def payment_world(name: str, folder: Path) -> Iterator[World]:
    """The world of this name, one of `WORLDS`; `folder` is for files of its own."""
    if name == "fake":
        yield FakeWorld()
        return
    with VendorStub() as stub:
        yield DarajaWorld(stub, folder / "daraja.pem")
