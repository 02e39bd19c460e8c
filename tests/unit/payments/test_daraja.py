"""Daraja's own wire. What every mobile money operator must do is in `tests/contracts/test_payment_provider.py`."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.http.outbound import Deadlines
from gateway.payments.ports import Door, Outcome, Payer, PaymentClaim, PushOutcome, PushRequest, PushResult, Verdict
from gateway.payments.providers.daraja import PUSH_PATH, DarajaProvider
from tests.support.payloads import json_payload, payload
from tests.support.vendor_stub import Act, Drip, Hang, Received, Reset, Say, VendorStub, closed_address, deaf_address

NOW = datetime(2026, 11, 3, 21, 30, 5, tzinfo=UTC)
OAUTH_PATH = "/oauth/v1/generate"
HASH = "bbff37cea44ac0b2d964ee0dfb8d2df8513dc7ba1b36129a929fc3fbd6dd4af4"
PROMPT = PushRequest(
    phone_e164="+254708374149",
    amount_minor=20000,
    currency="KES",
    account_reference="37000123457",
    callback_url="https://tokeni.example/hooks/payments/daraja/s/stk/",
)
ACCEPTED = Say(payload("daraja/stk_response.json"))


class Shelf:
    """A token cache in memory that remembers what it was given."""

    def __init__(self, token: str | None = None) -> None:
        self.token = token
        self.puts: list[tuple[str, int]] = []

    def get(self) -> str | None:
        return self.token

    def put(self, token: str, lifetime_seconds: int) -> None:
        self.token = token
        self.puts.append((token, lifetime_seconds))


def _provider(base_url: str = "http://127.0.0.1:9", shelf: Shelf | None = None) -> DarajaProvider:
    return DarajaProvider(
        base_url=base_url,
        consumer_key="consumer",
        consumer_secret="hush",
        short_code="600966",
        passkey="pass",
        token_cache=shelf or Shelf(),
        deadlines=Deadlines(connect_seconds=0.3, read_seconds=0.2, total_seconds=0.6),
    )


def _request(document: object) -> InboundRequest:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return InboundRequest("POST", "application/json", body)


def _parse(door: Door, document: object) -> PaymentClaim:
    return _provider().parse(door, _request(document))


def _c2b(**changes: object) -> dict[str, object]:
    return {**json_payload("daraja/c2b_confirmation.json"), **changes}


def _stk(result_code: object = 0, **changes: object) -> dict[str, Any]:
    """The published success with other values; a value of `...` takes its item away."""
    document: dict[str, Any] = json_payload("daraja/stk_callback_success.json")
    callback = document["Body"]["stkCallback"]
    callback["ResultCode"] = result_code
    values = {item["Name"]: item["Value"] for item in callback["CallbackMetadata"]["Item"]} | changes
    items = [{"Name": name, "Value": value} for name, value in values.items() if value is not ...]
    callback["CallbackMetadata"]["Item"] = items
    return document


# Callbacks in: the published samples


def test_parse_published_confirmation_claims_money() -> None:
    assert _parse(Door.CONFIRMATION, payload("daraja/c2b_confirmation.json")) == PaymentClaim(
        provider="daraja",
        door=Door.CONFIRMATION,
        outcome=Outcome.PAID,
        receipt="RKL51ZDR4F",
        amount_minor=500,
        currency="KES",
        short_code="600966",
        account_text="Sample Transaction",
        payer=Payer(masked="2547 ***** 126"),
        paid_at=datetime(2023, 11, 21, 9, 13, 25, tzinfo=UTC),
    )


def test_parse_published_confirmation_with_hashed_payer_keeps_hash() -> None:
    claim = _parse(Door.CONFIRMATION, payload("daraja/c2b_confirmation_hashed_msisdn.json"))
    assert claim.payer == Payer(sha256=HASH)


def test_parse_older_confirmation_keeps_masked_payer_and_whole_amount() -> None:
    claim = _parse(Door.CONFIRMATION, payload("daraja/c2b_confirmation_older_doc.json"))
    assert (claim.receipt, claim.amount_minor, claim.payer) == ("RKTQDM7W6S", 1000, Payer(masked="25470****149"))


def test_parse_published_validation_claims_nothing_moved() -> None:
    claim = _parse(Door.VALIDATION, payload("daraja/c2b_validation.json"))
    assert (claim.outcome, claim.receipt, claim.amount_minor) == (Outcome.UNKNOWN, "", 500)
    assert (claim.short_code, claim.account_text) == ("600966", "Sample Transaction")


def test_parse_published_stk_success_claims_money() -> None:
    assert _parse(Door.STK, payload("daraja/stk_callback_success.json")) == PaymentClaim(
        provider="daraja",
        door=Door.STK,
        outcome=Outcome.PAID,
        receipt="NLJ7RT61SV",
        checkout_id="ws_CO_191220191020363925",
        result_code="0",
        amount_minor=100,
        currency="KES",
        payer=Payer(e164="+254708374149"),
        paid_at=datetime(2019, 12, 19, 7, 21, 15, tzinfo=UTC),
    )


def test_parse_published_stk_cancellation_claims_no_money() -> None:
    claim = _parse(Door.STK, payload("daraja/stk_callback_cancelled.json"))
    assert (claim.outcome, claim.result_code, claim.checkout_id) == (
        Outcome.NOT_PAID,
        "1032",
        "ws_CO_21072024125243250722943992",
    )
    assert (claim.receipt, claim.amount_minor, claim.payer) == ("", 0, Payer())


# Callbacks in: what varies


@pytest.mark.parametrize(
    ("value", "amount_minor"),
    [("5.00", 500), ("5", 500), (5, 500), (" 200.00 ", 20000), ("0.01", 1), ("250000", 25_000_000), ("5.0000", 500)],
)
def test_parse_amount_as_text_or_number_exact(value: object, amount_minor: int) -> None:
    assert _parse(Door.CONFIRMATION, _c2b(TransAmount=value)).amount_minor == amount_minor


def test_parse_amount_with_point_as_json_number_exact() -> None:
    body = json.dumps(_c2b(TransAmount="@")).replace('"@"', "0.29").encode()
    assert _parse(Door.CONFIRMATION, body).amount_minor == 29


@pytest.mark.parametrize(
    "literal",
    [
        "null",
        "true",
        "[]",
        "{}",
        '""',
        '" "',
        '"-5.00"',
        "-5",
        "0",
        '"0"',
        '"0.00"',
        '"5.001"',
        "5.001",
        '"1e3"',
        '"+5"',
        '"1_000"',
        '"1,000.00"',
        '"NaN"',
        '"Infinity"',
        "1e30",
        "1e-30",
        "5.00000000000000000000000000000000001",
        "1" * 40,
        '"' + "1" * 40 + '"',
        '"\\u0665"',
        '"\\uff15"',
        '"5\\u0000"',
        "12345678901234567",
    ],
)
def test_parse_amount_that_is_none_refused(literal: str) -> None:
    body = json.dumps(_c2b(TransAmount="@")).replace('"@"', literal).encode()
    for door in (Door.CONFIRMATION, Door.VALIDATION):
        with pytest.raises(UnreadableCallback):
            _parse(door, body)


@pytest.mark.parametrize(
    ("value", "receipt"), [(" rkl51zdr4f ", "RKL51ZDR4F"), (123456, "123456"), ("A" * 32, "A" * 32)]
)
def test_parse_receipt_normalised(value: object, receipt: str) -> None:
    assert _parse(Door.CONFIRMATION, _c2b(TransID=value)).receipt == receipt


# The last three become ASCII letters under upper(), and so somebody else's receipt.
@pytest.mark.parametrize(
    "value", [None, "", "  ", "A" * 33, "RKL 51", "RKL-51", True, [], "RKL\u017f", "\u0131", "\ufb01"]
)
def test_parse_receipt_that_is_none_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        _parse(Door.CONFIRMATION, _c2b(TransID=value))
    with pytest.raises(UnreadableCallback):
        _parse(Door.STK, _stk(MpesaReceiptNumber=value))


@pytest.mark.parametrize("value", [600966, "600966", " 600966 ", 600966.0])
def test_parse_short_code_as_text_or_number_is_own(value: object) -> None:
    claim = _parse(Door.CONFIRMATION, _c2b(BusinessShortCode=value))
    assert _provider().is_own_short_code(claim.short_code)


@pytest.mark.parametrize("value", [None, "", "60 0966", "abc", True, {}, "\u0666\u0660\u0660", 600966.5, "9" * 21])
def test_parse_short_code_that_is_none_refused(value: object) -> None:
    with pytest.raises(UnreadableCallback):
        _parse(Door.CONFIRMATION, _c2b(BusinessShortCode=value))


def test_is_own_short_code_another_or_none_false() -> None:
    assert not any(_provider().is_own_short_code(code) for code in ("600967", "0600966", ""))


@pytest.mark.parametrize(
    ("value", "account_text"),
    [
        ("  Meter 37000-123457 ", "  Meter 37000-123457 "),
        (37000123457, "37000123457"),
        (None, ""),
        ("x" * 101, "x" * 100),
        ("a\0b\ud800", "a\ufffdb\ufffd"),
    ],
)
def test_parse_account_text_kept_as_typed(value: object, account_text: str) -> None:
    assert _parse(Door.CONFIRMATION, _c2b(BillRefNumber=value)).account_text == account_text


def test_parse_account_text_missing_empty() -> None:
    document = _c2b()
    del document["BillRefNumber"]
    assert _parse(Door.CONFIRMATION, document).account_text == ""


@pytest.mark.parametrize(
    ("value", "payer"),
    [
        ("254708374149", Payer(e164="+254708374149")),
        (254708374149, Payer(e164="+254708374149")),
        ("+254708374149", Payer(e164="+254708374149")),
        ("0708374149", Payer(e164="+254708374149")),
        (HASH.upper(), Payer(sha256=HASH)),
        ("2547 ***** 126", Payer(masked="2547 ***** 126")),
        ("", Payer()),
        (None, Payer()),
        ("600000", Payer()),
        ([], Payer()),
        ({"a": 1}, Payer()),
        (True, Payer()),
        ("*" * 40, Payer()),
    ],
)
def test_parse_payer_in_each_form_or_nobody(value: object, payer: Payer) -> None:
    assert _parse(Door.CONFIRMATION, _c2b(MSISDN=value)).payer == payer


@pytest.mark.parametrize(
    "value", [None, "", "2023", "20231321121325", "00000101000000", "2023112112132x", True, 1.5, []]
)
def test_parse_unreadable_time_is_left_out_and_money_stays(value: object) -> None:
    claim = _parse(Door.CONFIRMATION, _c2b(TransTime=value))
    assert (claim.outcome, claim.amount_minor, claim.paid_at) == (Outcome.PAID, 500, None)


def test_parse_first_hour_of_history_no_error() -> None:
    assert _parse(Door.CONFIRMATION, _c2b(TransTime="00010101000000")).paid_at is None


def test_parse_order_and_unknown_fields_not_minded() -> None:
    document = dict(reversed(_c2b(Extra={"deep": [1]}).items()))
    assert _parse(Door.CONFIRMATION, document) == _parse(Door.CONFIRMATION, _c2b())


@pytest.mark.parametrize("code", [0, "0", 0.0, " 0 "])
def test_parse_stk_zero_in_each_form_paid(code: object) -> None:
    assert _parse(Door.STK, _stk(code)).outcome is Outcome.PAID


@pytest.mark.parametrize(
    "code",
    [1, 2, 3, 4, 8, 17, 1019, 1025, 1032, 1037, 2001, 2028, 8006, "SFC_IC0003", "1", "2001"],
)
def test_parse_stk_known_failure_not_paid(code: object) -> None:
    document = _stk(code)
    del document["Body"]["stkCallback"]["CallbackMetadata"]
    claim = _parse(Door.STK, document)
    assert (claim.outcome, claim.result_code) == (Outcome.NOT_PAID, str(code))


@pytest.mark.parametrize("code", [5, 9999, "4999", "00", "-1", "500.001.1001"])
def test_parse_stk_other_code_unknown_even_with_metadata(code: object) -> None:
    claim = _parse(Door.STK, _stk(code))
    assert (claim.outcome, claim.receipt, claim.amount_minor) == (Outcome.UNKNOWN, "", 0)


@pytest.mark.parametrize("code", [None, "", True, False, [], {}, "a b", "x" * 33, "\u0660"])
def test_parse_stk_unreadable_code_refused(code: object) -> None:
    with pytest.raises(UnreadableCallback):
        _parse(Door.STK, _stk(code))


@pytest.mark.parametrize("name", ["Amount", "MpesaReceiptNumber"])
def test_parse_stk_success_without_what_matters_refused(name: str) -> None:
    for value in (..., None, "", True):
        with pytest.raises(UnreadableCallback):
            _parse(Door.STK, _stk(**{name: value}))


def test_parse_stk_success_with_only_what_matters_paid() -> None:
    claim = _parse(Door.STK, _stk(TransactionDate=..., PhoneNumber=..., Balance=None))
    assert (claim.outcome, claim.payer, claim.paid_at) == (Outcome.PAID, Payer(), None)


@pytest.mark.parametrize(
    "metadata", [None, [], {}, {"Item": None}, {"Item": [1]}, {"Item": [{"Value": 1}]}, {"Item": []}]
)
def test_parse_stk_success_with_odd_metadata_refused(metadata: object) -> None:
    document = _stk()
    document["Body"]["stkCallback"]["CallbackMetadata"] = metadata
    with pytest.raises(UnreadableCallback):
        _parse(Door.STK, document)


def test_parse_stk_metadata_name_twice_refused() -> None:
    document = _stk()
    document["Body"]["stkCallback"]["CallbackMetadata"]["Item"].append({"Name": "Amount", "Value": 9000})
    with pytest.raises(UnreadableCallback):
        _parse(Door.STK, document)


@pytest.mark.parametrize("checkout_id", [None, "", "a b", "x" * 101, [], True, "ws_\u0660"])
def test_parse_stk_without_checkout_id_refused(checkout_id: object) -> None:
    document = _stk()
    document["Body"]["stkCallback"]["CheckoutRequestID"] = checkout_id
    with pytest.raises(UnreadableCallback):
        _parse(Door.STK, document)


@pytest.mark.parametrize("document", [{}, {"Body": None}, {"Body": []}, {"Body": {"stkCallback": "x"}}])
def test_parse_stk_other_shape_refused(document: object) -> None:
    with pytest.raises(UnreadableCallback):
        _parse(Door.STK, document)


def test_parse_confirmation_with_name_twice_refused() -> None:
    body = payload("daraja/c2b_confirmation.json").replace(b"{", b'{"TransAmount": "9000.00",', 1)
    with pytest.raises(UnreadableCallback):
        _parse(Door.CONFIRMATION, body)


# Answers


def test_answer_validation_accepted_as_published() -> None:
    published = json_payload("daraja/c2b_validation_reply_accept.json")
    del published["ThirdPartyTransID"]
    reply = _provider().answer(Door.VALIDATION, Verdict.ACCEPT)
    assert json.loads(reply.body) == published
    assert (reply.status, reply.content_type) == (200, "application/json")


@pytest.mark.parametrize(
    ("verdict", "code"),
    [
        (Verdict.BAD_ACCOUNT, "C2B00012"),
        (Verdict.BAD_AMOUNT, "C2B00013"),
        (Verdict.BAD_SHORT_CODE, "C2B00015"),
        (Verdict.OTHER, "C2B00016"),
    ],
)
def test_answer_validation_rejected_with_its_code(verdict: Verdict, code: str) -> None:
    reply = _provider().answer(Door.VALIDATION, verdict)
    assert json.loads(reply.body) == json_payload("daraja/c2b_validation_reply_reject.json") | {"ResultCode": code}
    assert reply.status == 200


@pytest.mark.parametrize("door", [Door.CONFIRMATION, Door.STK])
@pytest.mark.parametrize("verdict", list(Verdict))
def test_answer_moved_money_never_refused(door: Door, verdict: Verdict) -> None:
    reply = _provider().answer(door, verdict)
    assert json.loads(reply.body) == json_payload("daraja/c2b_confirmation_reply.json")


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
    result = _provider(stub.url + "/").push(PROMPT, now=NOW)
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
        assert _provider(stub.url, shelf).push(PROMPT, now=NOW).outcome is PushOutcome.ACCEPTED
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
    _provider(stub.url, shelf).push(PROMPT, now=NOW)
    assert shelf.puts == [("t", lifetime_seconds)]


@pytest.mark.parametrize(
    "refusal",
    [Say("", 401), Say(_error("404.001.03"), 404), Say(_error("404.001.03"), 401), Say(_error("400.003.01"), 400)],
)
def test_push_stale_token_refreshed_once(stub: VendorStub, refusal: Act) -> None:
    stub.next(PUSH_PATH, refusal, ACCEPTED)
    shelf = Shelf("old")
    assert _provider(stub.url, shelf).push(PROMPT, now=NOW).outcome is PushOutcome.ACCEPTED
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
    assert _provider(stub.url, shelf).push(PROMPT, now=NOW).outcome is PushOutcome.ACCEPTED
    assert stub.received_at(PUSH_PATH)[1].headers["Authorization"] == "Bearer theirs"
    assert stub.received_at(OAUTH_PATH) == []


def test_push_token_refused_twice_unavailable(stub: VendorStub) -> None:
    stub.always(PUSH_PATH, Say(_error("404.001.03"), 404))
    result = _provider(stub.url, Shelf("old")).push(PROMPT, now=NOW)
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
    assert _provider(stub.url).push(PROMPT, now=NOW) == PushResult(PushOutcome.UNAVAILABLE, code=code)
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
    assert _provider(stub.url).push(PROMPT, now=NOW) == PushResult(outcome, code=code)
    assert len(stub.received_at(PUSH_PATH)) == 1


def test_push_number_in_answer_read_like_text(stub: VendorStub) -> None:
    stub.next(PUSH_PATH, Say(json.dumps({"ResponseCode": 0, "CheckoutRequestID": "ws_CO_1"}), 202, "text/plain"))
    assert _provider(stub.url).push(PROMPT, now=NOW) == PushResult(PushOutcome.ACCEPTED, "ws_CO_1", "0")


def test_push_nobody_there_unavailable() -> None:
    result = _provider(closed_address(), Shelf("t")).push(PROMPT, now=NOW)
    assert result == PushResult(PushOutcome.UNAVAILABLE, code="connect_failed")


def test_push_connect_deadline_unavailable() -> None:
    with deaf_address() as address:
        result = _provider(address, Shelf("t")).push(PROMPT, now=NOW)
    assert result == PushResult(PushOutcome.UNAVAILABLE, code="connect_timeout")


def test_push_without_address_unavailable() -> None:
    assert _provider("").push(PROMPT, now=NOW) == PushResult(PushOutcome.UNAVAILABLE, code="oauth_request_invalid")


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
    assert _provider(stub.url).push(request, now=NOW) == PushResult(PushOutcome.REFUSED, code=code)
    assert stub.received == []
