"""What every mobile money operator must do: run over the real adapter against a loopback server, and over the fake."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

import pytest

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.http.outbound import Deadlines
from gateway.payments.ports import (
    Door,
    Outcome,
    Payer,
    PaymentProvider,
    PushOutcome,
    PushRequest,
    Verdict,
)
from gateway.payments.providers.daraja import PUSH_PATH, DarajaProvider
from tests.support.fake_payment_provider import FakePaymentProvider, c2b_request, stk_request
from tests.support.vendor_stub import Act, Hang, Say, VendorStub

NOW = datetime(2026, 11, 3, 12, 0, tzinfo=UTC)
PHONE = "+254708374149"
OWN_SHORT_CODE = "400200"
PROMPT = PushRequest(PHONE, 20000, "KES", "37000123457", "http://127.0.0.1/hooks/payments/x/y/stk/")


class World(Protocol):
    """One provider and the other side of its wire."""

    provider: PaymentProvider

    def answer_next(self, outcome: PushOutcome) -> None: ...

    def pushed(self) -> list[str]: ...

    def c2b(self, door: Door, *, receipt: str, amount: str, account: str, payer: str) -> InboundRequest: ...

    def stk(self, checkout_id: str, outcome: Outcome, *, receipt: str, amount: str) -> InboundRequest: ...


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


class KnownToken:
    """A token cache that always has one."""

    def get(self) -> str | None:
        return "token"

    def put(self, token: str, lifetime_seconds: int) -> None:
        """Kept nowhere: it has one."""


class DarajaWorld:
    CODES = {Outcome.PAID: 0, Outcome.NOT_PAID: 1032, Outcome.UNKNOWN: 9999}

    def __init__(self, stub: VendorStub) -> None:
        self.stub = stub
        self.provider: PaymentProvider = DarajaProvider(
            base_url=stub.url,
            consumer_key="key",
            consumer_secret="hush",
            short_code=OWN_SHORT_CODE,
            passkey="pass",
            token_cache=KnownToken(),
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

    def _json(self, document: dict[str, object]) -> InboundRequest:
        return InboundRequest("POST", "application/json", json.dumps(document).encode())


@pytest.fixture(params=["daraja", "fake"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    with VendorStub() as stub:
        yield DarajaWorld(stub)


def test_parse_confirmation_is_money_that_moved(world: World) -> None:
    request = world.c2b(Door.CONFIRMATION, receipt="RKL51ZDR4F", amount="200.00", account="37000123457", payer=PHONE)
    claim = world.provider.parse(Door.CONFIRMATION, request)
    assert (claim.provider, claim.door, claim.outcome) == (world.provider.name, Door.CONFIRMATION, Outcome.PAID)
    assert (claim.receipt, claim.amount_minor, claim.currency) == ("RKL51ZDR4F", 20000, world.provider.currency)
    assert (claim.account_text, claim.payer) == ("37000123457", Payer(e164=PHONE))
    assert world.provider.is_own_short_code(claim.short_code)


def test_parse_validation_is_no_money_yet(world: World) -> None:
    request = world.c2b(Door.VALIDATION, receipt="RKL51ZDR4F", amount="200.00", account="37000123457", payer=PHONE)
    claim = world.provider.parse(Door.VALIDATION, request)
    assert (claim.outcome, claim.receipt, claim.amount_minor) == (Outcome.UNKNOWN, "", 20000)
    assert claim.account_text == "37000123457"


def test_parse_stk_paid_has_receipt_and_amount(world: World) -> None:
    claim = world.provider.parse(Door.STK, world.stk("ws_CO_1", Outcome.PAID, receipt="NLJ7RT61SV", amount="200"))
    assert (claim.outcome, claim.checkout_id, claim.receipt) == (Outcome.PAID, "ws_CO_1", "NLJ7RT61SV")
    assert (claim.amount_minor, claim.currency, claim.payer) == (20000, "KES", Payer(e164=PHONE))


@pytest.mark.parametrize("outcome", [Outcome.NOT_PAID, Outcome.UNKNOWN])
def test_parse_stk_not_paid_has_no_receipt_and_no_amount(world: World, outcome: Outcome) -> None:
    claim = world.provider.parse(Door.STK, world.stk("ws_CO_1", outcome, receipt="", amount="0"))
    assert (claim.outcome, claim.checkout_id, claim.receipt, claim.amount_minor) == (outcome, "ws_CO_1", "", 0)
    assert claim.result_code != ""


@pytest.mark.parametrize(("receipt", "amount"), [("", "200"), ("RKL51ZDR4F", "0"), ("RKL51ZDR4F", "-1"), ("A", "x")])
def test_parse_money_without_receipt_or_amount_refused(world: World, receipt: str, amount: str) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse(Door.STK, world.stk("ws_CO_1", Outcome.PAID, receipt=receipt, amount=amount))
    request = world.c2b(Door.CONFIRMATION, receipt=receipt, amount=amount, account="1", payer=PHONE)
    with pytest.raises(UnreadableCallback):
        world.provider.parse(Door.CONFIRMATION, request)


def test_parse_stk_without_checkout_id_refused(world: World) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse(Door.STK, world.stk("", Outcome.NOT_PAID, receipt="", amount="0"))


@pytest.mark.parametrize("door", list(Door))
@pytest.mark.parametrize("body", [b"", b"\xff", b"null", b"[]", b"{}", b'{"Body": 1}', b"[" * 60000, b"a=1&b=2"])
def test_parse_other_shapes_refused(world: World, door: Door, body: bytes) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse(door, InboundRequest("POST", "application/json", body))


def test_answer_each_door_and_verdict_is_a_json_200(world: World) -> None:
    assert world.provider.doors == frozenset(Door)
    for door in world.provider.doors:
        for verdict in Verdict:
            reply = world.provider.answer(door, verdict)
            assert (reply.status, reply.content_type) == (200, "application/json")
            assert json.loads(reply.body) != {}


def test_answer_validation_accept_differs_from_each_refusal(world: World) -> None:
    bodies = [world.provider.answer(Door.VALIDATION, verdict).body for verdict in Verdict]
    assert len(set(bodies)) == len(Verdict)


def test_answer_moved_money_is_the_same_whatever_the_verdict(world: World) -> None:
    for door in (Door.CONFIRMATION, Door.STK):
        assert len({world.provider.answer(door, verdict).body for verdict in Verdict}) == 1


def test_is_own_short_code_only_ours(world: World) -> None:
    assert world.provider.is_own_short_code(OWN_SHORT_CODE)
    assert not world.provider.is_own_short_code("400201")
    assert not world.provider.is_own_short_code("")


@pytest.mark.parametrize("outcome", list(PushOutcome))
def test_push_each_outcome_asked_once_and_told(world: World, outcome: PushOutcome) -> None:
    world.answer_next(outcome)
    result = world.provider.push(PROMPT, now=NOW)
    assert result.outcome is outcome
    assert bool(result.checkout_id) == (outcome is PushOutcome.ACCEPTED)
    assert result.code != ""
    assert world.pushed() == ["37000123457"]


def test_push_two_prompts_two_checkouts(world: World) -> None:
    checkout_ids = set()
    for _ in range(2):
        world.answer_next(PushOutcome.ACCEPTED)
        checkout_ids.add(world.provider.push(PROMPT, now=NOW).checkout_id)
    assert len(checkout_ids) == 2
