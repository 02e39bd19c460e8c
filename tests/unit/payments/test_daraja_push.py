"""What we ask of Daraja: a token once, a prompt, and what every answer means."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.payments.ports import PushOutcome, PushRequest, PushResult
from gateway.payments.providers.daraja import PUSH_PATH
from tests.support.daraja import ACCEPTED, NOW, OAUTH_PATH, PROMPT, Shelf, provider
from tests.support.payloads import json_payload, payload
from tests.support.vendor_stub import Act, Drip, Hang, Received, Reset, Say, VendorStub, closed_address, deaf_address

# Prompts out


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with VendorStub() as vendor:
        vendor.always(OAUTH_PATH, Say(payload("daraja/oauth_response.json")))
        yield vendor


def _error(code: str) -> str:
    return json.dumps(json_payload("daraja/api_error.json") | {"errorCode": code})


def test_push_request_as_published(stub: VendorStub) -> None:
    stub.next(PUSH_PATH, ACCEPTED)
    result = provider(stub.url + "/").push(PROMPT, now=NOW)
    assert result == PushResult(PushOutcome.ACCEPTED, "ws_CO_1007202409152617172396192", "0")
    oauth, push = stub.received
    assert (oauth.method, oauth.path, oauth.query) == ("GET", OAUTH_PATH, "grant_type=client_credentials")
    assert oauth.headers["Authorization"] == "Basic " + base64.b64encode(b"consumer:hush").decode()
    assert (push.method, push.path) == ("POST", PUSH_PATH)
    assert push.headers["Authorization"] == "Bearer c9SQxWWhmdVRlyh0zh8gZDTkubVF"
    sent = json.loads(push.body)
    assert sent == {
        "BusinessShortCode": "600966",
        "Password": base64.b64encode(b"600966pass20261104003005").decode(),
        "Timestamp": "20261104003005",
        "TransactionType": "CustomerPayBillOnline",
        "Amount": "200",
        "PartyA": "254708374149",
        "PartyB": "600966",
        "PhoneNumber": "254708374149",
        "CallBackURL": PROMPT.callback_url,
        "AccountReference": "37000123457",
        "TransactionDesc": "Electricity",
    }
    assert set(sent) == set(json_payload("daraja/stk_request.json"))
    assert len(sent["TransactionDesc"]) <= 13


def test_push_fresh_token_shared_a_little_shorter_than_it_lives(stub: VendorStub) -> None:
    stub.always(PUSH_PATH, ACCEPTED)
    shelf = Shelf()
    for _ in range(3):
        assert provider(stub.url, shelf).push(PROMPT, now=NOW).outcome is PushOutcome.ACCEPTED
    assert shelf.puts == [("c9SQxWWhmdVRlyh0zh8gZDTkubVF", 3359)]
    assert len(stub.received_at(OAUTH_PATH)) == 1


@pytest.mark.parametrize(
    ("expires_in", "lifetime_seconds"),
    [("3599", 3359), ("180", 1), (None, 3359), ("soon", 3359), (10**18, 3359), (-1, 3359)],
)
def test_push_odd_token_lifetime_bounded(stub: VendorStub, expires_in: object, lifetime_seconds: int) -> None:
    stub.next(OAUTH_PATH, Say(json.dumps({"access_token": "t", "expires_in": expires_in})))
    stub.next(PUSH_PATH, ACCEPTED)
    shelf = Shelf()
    provider(stub.url, shelf).push(PROMPT, now=NOW)
    assert shelf.puts == [("t", lifetime_seconds)]


@pytest.mark.parametrize(
    "refusal",
    [Say("", 401), Say(_error("404.001.03"), 404), Say(_error("404.001.03"), 401), Say(_error("400.003.01"), 400)],
)
def test_push_stale_token_refreshed_once(stub: VendorStub, refusal: Act) -> None:
    stub.next(PUSH_PATH, refusal, ACCEPTED)
    shelf = Shelf("old")
    assert provider(stub.url, shelf).push(PROMPT, now=NOW).outcome is PushOutcome.ACCEPTED
    assert [request.headers["Authorization"] for request in stub.received_at(PUSH_PATH)] == [
        "Bearer old",
        "Bearer c9SQxWWhmdVRlyh0zh8gZDTkubVF",
    ]
    assert shelf.token == "c9SQxWWhmdVRlyh0zh8gZDTkubVF"


def test_push_token_replaced_by_another_worker_used_without_a_new_one(stub: VendorStub) -> None:
    shelf = Shelf("old")

    def replaced_meanwhile(request: Received) -> Act:
        shelf.token = "theirs"
        return Say(_error("404.001.03"), 404)

    stub.next(PUSH_PATH, replaced_meanwhile, ACCEPTED)
    assert provider(stub.url, shelf).push(PROMPT, now=NOW).outcome is PushOutcome.ACCEPTED
    assert stub.received_at(PUSH_PATH)[1].headers["Authorization"] == "Bearer theirs"
    assert stub.received_at(OAUTH_PATH) == []


def test_push_token_refused_twice_unavailable(stub: VendorStub) -> None:
    stub.always(PUSH_PATH, Say(_error("404.001.03"), 404))
    result = provider(stub.url, Shelf("old")).push(PROMPT, now=NOW)
    assert result == PushResult(PushOutcome.UNAVAILABLE, code="404.001.03")
    assert len(stub.received_at(PUSH_PATH)) == 2


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Say(_error("400.008.01"), 400), "oauth_400.008.01"),
        (Say("", 401), "oauth_http_401"),
        (Say("", 503), "oauth_http_503"),
        (Say("<html>"), "oauth_http_200"),
        (Say("{}"), "oauth_http_200"),
        (Say(json.dumps({"access_token": "a\nb"})), "oauth_http_200"),
        (Say("", 302, headers={"Location": "/elsewhere"}), "oauth_http_302"),
        (Hang(), "oauth_read_timeout"),
        (Reset(), "oauth_connection_lost"),
        (Drip(10_000, 0.05), "oauth_answer_too_slow"),
    ],
)
def test_push_without_token_unavailable_and_no_prompt(stub: VendorStub, answer: Act, code: str) -> None:
    stub.next(OAUTH_PATH, answer)
    assert provider(stub.url).push(PROMPT, now=NOW) == PushResult(PushOutcome.UNAVAILABLE, code=code)
    assert stub.received_at(PUSH_PATH) == []


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (Say(_error("400.002.02"), 400), PushOutcome.REFUSED, "400.002.02"),
        (Say(_error("400.002.02"), 500), PushOutcome.REFUSED, "400.002.02"),
        (Say(_error("404.001.01"), 404), PushOutcome.REFUSED, "404.001.01"),
        (Say("blocked", 403, "text/html"), PushOutcome.REFUSED, "http_403"),
        (Say(json.dumps({"ResponseCode": "1"})), PushOutcome.REFUSED, "1"),
        (Say(_error("500.003.02"), 500), PushOutcome.UNAVAILABLE, "500.003.02"),
        (Say(_error("500.003.03"), 500), PushOutcome.UNAVAILABLE, "500.003.03"),
        (Say(_error("500.001.1001"), 500), PushOutcome.UNAVAILABLE, "500.001.1001"),
        (Say(_error("500.003.02"), 200), PushOutcome.UNAVAILABLE, "500.003.02"),
        (Say("", 429), PushOutcome.UNAVAILABLE, "http_429"),
        (Say(_error("429.001"), 429), PushOutcome.UNAVAILABLE, "429.001"),
        (Say("", 307, headers={"Location": "/elsewhere"}), PushOutcome.UNAVAILABLE, "http_307"),
        (Say("", 303, headers={"Location": "/elsewhere"}), PushOutcome.AMBIGUOUS, "http_303"),
        (Say("", 408), PushOutcome.AMBIGUOUS, "http_408"),
        (Say("", 500), PushOutcome.AMBIGUOUS, "http_500"),
        (Say(_error("500.002.1001"), 500), PushOutcome.AMBIGUOUS, "500.002.1001"),
        (Say("<html>", 502, "text/html"), PushOutcome.AMBIGUOUS, "http_502"),
        (Say("", 503), PushOutcome.AMBIGUOUS, "http_503"),
        (Say("", 504), PushOutcome.AMBIGUOUS, "http_504"),
        (Say("<html>", 200, "text/html"), PushOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say("[]"), PushOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say("{}"), PushOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say(json.dumps({"ResponseCode": "0"})), PushOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say('{"a"', promised_octets=99), PushOutcome.AMBIGUOUS, "connection_lost"),
        (Hang(), PushOutcome.AMBIGUOUS, "read_timeout"),
        (Reset(), PushOutcome.AMBIGUOUS, "connection_lost"),
        (Drip(10_000, 0.05), PushOutcome.AMBIGUOUS, "answer_too_slow"),
    ],
)
def test_push_each_answer_has_its_outcome(stub: VendorStub, answer: Act, outcome: PushOutcome, code: str) -> None:
    stub.next(PUSH_PATH, answer)
    assert provider(stub.url).push(PROMPT, now=NOW) == PushResult(outcome, code=code)
    assert len(stub.received_at(PUSH_PATH)) == 1


def test_push_number_in_answer_read_like_text(stub: VendorStub) -> None:
    stub.next(PUSH_PATH, Say(json.dumps({"ResponseCode": 0, "CheckoutRequestID": "ws_CO_1"}), 202, "text/plain"))
    assert provider(stub.url).push(PROMPT, now=NOW) == PushResult(PushOutcome.ACCEPTED, "ws_CO_1", "0")


def test_push_nobody_there_unavailable() -> None:
    result = provider(closed_address(), Shelf("t")).push(PROMPT, now=NOW)
    assert result == PushResult(PushOutcome.UNAVAILABLE, code="connect_failed")


def test_push_connect_deadline_unavailable() -> None:
    with deaf_address() as address:
        result = provider(address, Shelf("t")).push(PROMPT, now=NOW)
    assert result == PushResult(PushOutcome.UNAVAILABLE, code="connect_timeout")


def test_push_without_address_unavailable() -> None:
    assert provider("").push(PROMPT, now=NOW) == PushResult(PushOutcome.UNAVAILABLE, code="oauth_request_invalid")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "UGX"}, "currency"),
        ({"amount_minor": 20050}, "amount"),
        ({"amount_minor": 0}, "amount"),
        ({"amount_minor": -100}, "amount"),
        ({"account_reference": ""}, "account_reference"),
        ({"account_reference": "1234567890123"}, "account_reference"),
        ({"phone_e164": "0708374149"}, "phone"),
        ({"phone_e164": ""}, "phone"),
    ],
)
def test_push_what_daraja_cannot_do_refused_unasked(stub: VendorStub, changes: dict[str, Any], code: str) -> None:
    request = PushRequest(**{**PROMPT.__dict__, **changes})
    assert provider(stub.url).push(request, now=NOW) == PushResult(PushOutcome.REFUSED, code=code)
    assert stub.received == []
