"""What every SMS provider must do: run over the real adapter against a loopback server, and over the fake."""

import json
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlencode

import pytest

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.http.outbound import Deadlines
from gateway.sms.ports import ReportStatus, SendOutcome, SendRequest, SmsProvider
from gateway.sms.providers.africastalking import AfricasTalkingProvider
from tests.support.fake_sms_provider import FakeSmsProvider, inbound_request, report_request
from tests.support.vendor_stub import Act, Reset, Say, VendorStub

PHONE = "+254711000111"


class World(Protocol):
    """One provider and the other side of its wire."""

    provider: SmsProvider

    def answer_next(self, outcome: SendOutcome) -> None: ...

    def sent(self) -> list[tuple[str, str]]: ...

    def report(self, provider_message_id: str, status: ReportStatus) -> InboundRequest: ...

    def inbound(self, provider_id: str, from_e164: str, text: str) -> InboundRequest: ...


class FakeWorld:
    def __init__(self) -> None:
        self.fake = FakeSmsProvider()
        self.provider: SmsProvider = self.fake

    def answer_next(self, outcome: SendOutcome) -> None:
        self.fake.answer_next(outcome)

    def sent(self) -> list[tuple[str, str]]:
        return [(request.to_e164, request.text) for request in self.fake.requests]

    def report(self, provider_message_id: str, status: ReportStatus) -> InboundRequest:
        return report_request(provider_message_id, status, PHONE)

    def inbound(self, provider_id: str, from_e164: str, text: str) -> InboundRequest:
        return inbound_request(provider_id, from_e164, text)


class AfricasTalkingWorld:
    PATH = "/version1/messaging"
    CODES = {SendOutcome.TRANSIENT: 500, SendOutcome.PERMANENT: 403, SendOutcome.STOPPED: 405}
    WORDS = {
        ReportStatus.UNKNOWN: "Teleported",
        ReportStatus.SENT: "Sent",
        ReportStatus.SUBMITTED: "Submitted",
        ReportStatus.BUFFERED: "Buffered",
        ReportStatus.FAILED: "Failed",
        ReportStatus.DELIVERED: "Success",
    }

    def __init__(self, stub: VendorStub) -> None:
        self.stub = stub
        self.provider: SmsProvider = AfricasTalkingProvider(
            base_url=stub.url, username="jua", api_key="key", deadlines=Deadlines(1, 1, 2)
        )

    def answer_next(self, outcome: SendOutcome) -> None:
        self.stub.next(self.PATH, self._act(outcome))

    def _act(self, outcome: SendOutcome) -> Act:
        if outcome is SendOutcome.AMBIGUOUS:
            return Reset()
        message_id = f"ATXid_{len(self.stub.received)}" if outcome is SendOutcome.ACCEPTED else "None"
        recipient = {"statusCode": self.CODES.get(outcome, 101), "number": PHONE, "messageId": message_id}
        return Say(json.dumps({"SMSMessageData": {"Message": "Sent", "Recipients": [recipient]}}), 201)

    def sent(self) -> list[tuple[str, str]]:
        return [(request.form["to"], request.form["message"]) for request in self.stub.received]

    def report(self, provider_message_id: str, status: ReportStatus) -> InboundRequest:
        return self._form({"id": provider_message_id, "status": self.WORDS[status], "phoneNumber": PHONE})

    def inbound(self, provider_id: str, from_e164: str, text: str) -> InboundRequest:
        return self._form({"id": provider_id, "from": from_e164, "to": "21512", "text": text})

    def _form(self, fields: dict[str, str]) -> InboundRequest:
        return InboundRequest("POST", "application/x-www-form-urlencoded", urlencode(fields).encode())


@pytest.fixture(params=["africastalking", "fake"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    if request.param == "fake":
        yield FakeWorld()
        return
    with VendorStub() as stub:
        yield AfricasTalkingWorld(stub)


def test_send_any_outcome_asked_once_and_told(world: World) -> None:
    for count, outcome in enumerate(SendOutcome, start=1):
        world.answer_next(outcome)
        result = world.provider.send(SendRequest(PHONE, f"text {count}"))
        assert result.outcome is outcome
        assert bool(result.provider_message_id) == (outcome is SendOutcome.ACCEPTED)
        assert result.code != ""
        assert len(world.sent()) == count
        assert world.sent()[-1] == (PHONE, f"text {count}")


def test_send_two_texts_two_ids(world: World) -> None:
    ids = set()
    for text in ("one", "two"):
        world.answer_next(SendOutcome.ACCEPTED)
        ids.add(world.provider.send(SendRequest(PHONE, text)).provider_message_id)
    assert len(ids) == 2


@pytest.mark.parametrize("status", list(ReportStatus))
def test_parse_report_each_status_told(world: World, status: ReportStatus) -> None:
    report = world.provider.parse_report(world.report("ATXid_1", status))
    assert (report.provider_message_id, report.status, report.phone_e164) == ("ATXid_1", status, PHONE)
    assert report.raw_status != ""


def test_parse_report_without_id_refused(world: World) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse_report(world.report("", ReportStatus.SENT))


def test_parse_inbound_told_as_sent(world: World) -> None:
    sms = world.provider.parse_inbound(world.inbound("id-1", PHONE, "CODE 37000123457"))
    assert (sms.provider_id, sms.from_e164, sms.to, sms.text) == ("id-1", PHONE, "21512", "CODE 37000123457")


@pytest.mark.parametrize(("provider_id", "phone"), [("", PHONE), ("id-1", "")])
def test_parse_inbound_without_id_or_sender_refused(world: World, provider_id: str, phone: str) -> None:
    with pytest.raises(UnreadableCallback):
        world.provider.parse_inbound(world.inbound(provider_id, phone, "CODE"))


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"{}", b"id=1&id=2", b"&&&"])
def test_parse_other_shapes_refused(world: World, body: bytes) -> None:
    request = InboundRequest("POST", "application/x-www-form-urlencoded", body)
    with pytest.raises(UnreadableCallback):
        world.provider.parse_report(request)
    with pytest.raises(UnreadableCallback):
        world.provider.parse_inbound(request)
