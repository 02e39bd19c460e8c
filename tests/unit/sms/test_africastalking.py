"""Africa's Talking's own SMS wire. What every SMS provider must do is in `tests/contracts/test_sms_provider.py`."""

import json
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlencode

import pytest
from africastalking.SMS import SMSService

from gateway.http.inbound import InboundRequest, UnreadableCallback
from gateway.http.outbound import Deadlines
from gateway.sms.ports import DeliveryReport, InboundSms, ReportStatus, SendOutcome, SendRequest, SendResult
from gateway.sms.providers.africastalking import AfricasTalkingProvider
from tests.support.payloads import http_payload, json_payload, payload
from tests.support.vendor_stub import Act, Drip, Hang, Reset, Say, VendorStub, closed_address, deaf_address

PATH = "/version1/messaging"
PHONE = "+254700072929"
ENQUEUED = payload("africastalking/sms_send_response_recorded_enqueued.json")
REQUEST = SendRequest(PHONE, "1234 5678 9012 3456 7890\nUnits 6.4")


@pytest.fixture
def stub() -> Iterator[VendorStub]:
    with VendorStub() as vendor:
        yield vendor


def _provider(
    base_url: str = "http://127.0.0.1:9", *, sender_id: str = "", username: str = "jua"
) -> AfricasTalkingProvider:
    return AfricasTalkingProvider(
        base_url=base_url,
        username=username,
        api_key="atsk_secret",
        sender_id=sender_id,
        deadlines=Deadlines(connect_seconds=0.3, read_seconds=0.2, total_seconds=0.6),
    )


def _recipient(**changes: object) -> str:
    document = json.loads(ENQUEUED)
    document["SMSMessageData"]["Recipients"][0].update(changes)
    return json.dumps(document)


def _form(fields: dict[str, str]) -> InboundRequest:
    return InboundRequest("POST", "application/x-www-form-urlencoded", urlencode(fields).encode())


def _recorded(name: str, **changes: str) -> InboundRequest:
    return _form(dict(parse_qsl(payload(f"africastalking/{name}").decode().strip(), keep_blank_values=True)) | changes)


# Sending


def test_send_request_is_the_official_clients(stub: VendorStub) -> None:
    stub.next(PATH, Say(ENQUEUED, 201))
    result = _provider(stub.url + "/", sender_id="TOKENS").send(REQUEST)
    assert result == SendResult(SendOutcome.ACCEPTED, "ATXid_af55810d4d7c07ed9ad5f887096487ea", "102", "KES 0.8000")
    (received,) = stub.received
    assert (received.method, received.path) == ("POST", PATH)
    assert received.form == {
        "username": "jua",
        "to": PHONE,
        "message": REQUEST.text,
        "bulkSMSMode": "1",
        "from": "TOKENS",
    }
    captured = dict(parse_qsl(payload("africastalking/sms_send_request.form").decode().strip()))
    assert set(captured) - set(received.form) == {"enqueue"}
    assert received.headers["apiKey"] == "atsk_secret"
    assert received.headers["Accept"] == "application/json"
    assert received.headers["User-Agent"].startswith("africastalking-python/")
    assert received.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_send_without_sender_id_leaves_the_field_out(stub: VendorStub) -> None:
    stub.next(PATH, Say(ENQUEUED, 201))
    _provider(stub.url).send(REQUEST)
    assert "from" not in stub.received[0].form


def test_send_sandbox_username_still_goes_to_our_address(stub: VendorStub) -> None:
    stub.next(PATH, Say(ENQUEUED, 201))
    assert _provider(stub.url, username="sandbox").send(REQUEST).outcome is SendOutcome.ACCEPTED


def test_send_accents_and_signs_arrive_whole(stub: VendorStub) -> None:
    stub.next(PATH, Say(ENQUEUED, 201))
    _provider(stub.url).send(SendRequest(PHONE, "caf\u00e9 & 100% + \u1200"))
    assert stub.received[0].form["message"] == "caf\u00e9 & 100% + \u1200"


@pytest.mark.parametrize(
    "content_type", ["application/json", "application/json; charset=utf-8", "text/plain", "text/html", ""]
)
def test_send_answer_read_under_any_content_type(stub: VendorStub, content_type: str) -> None:
    stub.next(PATH, Say(ENQUEUED, 201, content_type))
    assert _provider(stub.url).send(REQUEST).provider_message_id == "ATXid_af55810d4d7c07ed9ad5f887096487ea"


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        (100, SendOutcome.ACCEPTED),
        (101, SendOutcome.ACCEPTED),
        ("102", SendOutcome.ACCEPTED),
        (401, SendOutcome.STOPPED),
        (402, SendOutcome.STOPPED),
        (403, SendOutcome.PERMANENT),
        (404, SendOutcome.PERMANENT),
        (405, SendOutcome.STOPPED),
        (406, SendOutcome.PERMANENT),
        (407, SendOutcome.PERMANENT),
        (409, SendOutcome.PERMANENT),
        (500, SendOutcome.TRANSIENT),
        (501, SendOutcome.TRANSIENT),
        ("502", SendOutcome.TRANSIENT),
        (408, SendOutcome.AMBIGUOUS),
        (0, SendOutcome.AMBIGUOUS),
        (999, SendOutcome.AMBIGUOUS),
    ],
)
def test_send_each_status_code_has_its_outcome(stub: VendorStub, code: object, outcome: SendOutcome) -> None:
    message_id = "ATXid_1" if outcome is SendOutcome.ACCEPTED else "None"
    stub.next(PATH, Say(_recipient(statusCode=code, messageId=message_id), 201))
    result = _provider(stub.url).send(REQUEST)
    assert (result.outcome, result.code) == (outcome, str(code))
    assert result.provider_message_id == ("ATXid_1" if outcome is SendOutcome.ACCEPTED else "")


@pytest.mark.parametrize("message_id", ["None", "", None, 7, "ATXid 1", "x" * 40, "AT" + "x" * 99])
def test_send_accepted_without_an_id_ambiguous(stub: VendorStub, message_id: object) -> None:
    stub.next(PATH, Say(_recipient(messageId=message_id), 201))
    assert _provider(stub.url).send(REQUEST) == SendResult(SendOutcome.AMBIGUOUS, code="message_id_missing")


@pytest.mark.parametrize("number", ["+254700072930", "+254711XXXYYY", "", None, 254700072929])
def test_send_answer_about_another_number_ambiguous(stub: VendorStub, number: object) -> None:
    stub.next(PATH, Say(_recipient(number=number), 201))
    assert _provider(stub.url).send(REQUEST) == SendResult(SendOutcome.AMBIGUOUS, code="number_differs")


def test_send_number_without_plus_is_ours(stub: VendorStub) -> None:
    stub.next(PATH, Say(_recipient(number="254700072929"), 201))
    assert _provider(stub.url).send(REQUEST).outcome is SendOutcome.ACCEPTED


@pytest.mark.parametrize("cost", [None, 0.8, []])
def test_send_odd_cost_left_out(stub: VendorStub, cost: object) -> None:
    stub.next(PATH, Say(_recipient(cost=cost), 201))
    result = _provider(stub.url).send(REQUEST)
    assert (result.outcome, result.cost) == (SendOutcome.ACCEPTED, "")


@pytest.mark.parametrize(
    ("message", "outcome", "code"),
    [
        ("InvalidSenderId", SendOutcome.STOPPED, "InvalidSenderId"),
        ("InsufficientBalance", SendOutcome.STOPPED, "InsufficientBalance"),
        ("RiskHold", SendOutcome.STOPPED, "RiskHold"),
        ("Something else!", SendOutcome.TRANSIENT, "Something_else_"),
        ("", SendOutcome.TRANSIENT, "refused"),
        (None, SendOutcome.TRANSIENT, "refused"),
    ],
)
def test_send_no_recipients_is_a_refusal_of_all(
    stub: VendorStub, message: object, outcome: SendOutcome, code: str
) -> None:
    document = json_payload("africastalking/sms_send_response_invalid_sender.json")
    document["SMSMessageData"]["Message"] = message
    stub.next(PATH, Say(json.dumps(document), 201))
    assert _provider(stub.url).send(REQUEST) == SendResult(outcome, code=code)


def test_send_recorded_unauthorised_stopped(stub: VendorStub) -> None:
    status, content_type, body = http_payload("africastalking/sms_send_response_unauthorised.http")
    stub.next(PATH, Say(body, status, content_type))
    assert _provider(stub.url).send(REQUEST) == SendResult(SendOutcome.STOPPED, code="http_401")


@pytest.mark.parametrize(
    ("answer", "outcome", "code"),
    [
        (Say("", 302, headers={"Location": "/elsewhere"}), SendOutcome.STOPPED, "http_302"),
        (Say("", 400), SendOutcome.STOPPED, "http_400"),
        (Say("", 404), SendOutcome.STOPPED, "http_404"),
        (Say("", 408), SendOutcome.AMBIGUOUS, "http_408"),
        (Say("", 429), SendOutcome.TRANSIENT, "http_429"),
        (Say("", 500), SendOutcome.AMBIGUOUS, "http_500"),
        (Say("", 502), SendOutcome.AMBIGUOUS, "http_502"),
        (Say("", 503), SendOutcome.TRANSIENT, "http_503"),
        (Say("", 504), SendOutcome.AMBIGUOUS, "http_504"),
        (Say("", 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say("<AfricasTalkingResponse/>", 201, "application/xml"), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say("[]", 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say("{}", 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say('{"SMSMessageData": {}}', 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say('{"SMSMessageData": {"Recipients": {}}}', 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say('{"SMSMessageData": {"Recipients": [1]}}', 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say('{"SMSMessageData": {"Recipients": [{}, {}]}}', 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say(_recipient(statusCode="sent"), 201), SendOutcome.AMBIGUOUS, "answer_unreadable"),
        (Say('{"SMS', 201, promised_octets=99), SendOutcome.AMBIGUOUS, "connection_lost"),
        (Hang(), SendOutcome.AMBIGUOUS, "read_timeout"),
        (Reset(), SendOutcome.AMBIGUOUS, "connection_lost"),
        (Drip(10_000, 0.05), SendOutcome.AMBIGUOUS, "answer_too_slow"),
    ],
)
def test_send_each_bad_answer_has_its_outcome(stub: VendorStub, answer: Act, outcome: SendOutcome, code: str) -> None:
    stub.next(PATH, answer)
    assert _provider(stub.url).send(REQUEST) == SendResult(outcome, code=code)
    assert len(stub.received) == 1


def test_send_nobody_there_transient() -> None:
    assert _provider(closed_address()).send(REQUEST) == SendResult(SendOutcome.TRANSIENT, code="connect_failed")


def test_send_connect_deadline_transient() -> None:
    with deaf_address() as address:
        assert _provider(address).send(REQUEST) == SendResult(SendOutcome.TRANSIENT, code="connect_timeout")


def test_send_without_address_stopped() -> None:
    assert _provider("").send(REQUEST) == SendResult(SendOutcome.STOPPED, code="request_invalid")


@pytest.mark.parametrize("phone", ["", "0700072929", "254700072929", "+2547", "+254700072929\n", "+25470007292x"])
def test_send_number_not_e164_permanent_unasked(stub: VendorStub, phone: str) -> None:
    result = _provider(stub.url).send(SendRequest(phone, "hello"))
    assert result == SendResult(SendOutcome.PERMANENT, code="number_invalid")
    assert stub.received == []


@pytest.mark.parametrize("text", ["", "lone \ud800"])
def test_send_text_that_no_wire_carries_permanent_unasked(stub: VendorStub, text: str) -> None:
    result = _provider(stub.url).send(SendRequest(PHONE, text))
    assert result == SendResult(SendOutcome.PERMANENT, code="text_unsendable")
    assert stub.received == []


def test_official_client_still_has_what_we_replace() -> None:
    client = SMSService("jua", "key")
    assert client._baseUrl == "https://api.africastalking.com/version1"
    assert callable(client._make_request)


# Delivery reports


def test_parse_report_recorded_success_delivered() -> None:
    assert _provider().parse_report(_recorded("delivery_report.form")) == DeliveryReport(
        provider_message_id="ATXid_520e732ea1191c1f03a7d9bea3a91006",
        status=ReportStatus.DELIVERED,
        phone_e164="+254720123123",
        raw_status="Success",
    )


def test_parse_report_recorded_failure_with_reason() -> None:
    report = _provider().parse_report(_recorded("delivery_report_failed.form"))
    assert (report.status, report.failure_reason) == (ReportStatus.FAILED, "DeliveryFailure")


def test_parse_report_recorded_minimal_without_phone() -> None:
    request = InboundRequest("POST", "", payload("africastalking/delivery_report_minimal.form"))
    report = _provider().parse_report(request)
    assert (report.status, report.raw_status, report.phone_e164) == (ReportStatus.FAILED, "Expired", "")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Sent", ReportStatus.SENT),
        ("Submitted", ReportStatus.SUBMITTED),
        ("Buffered", ReportStatus.BUFFERED),
        ("Success", ReportStatus.DELIVERED),
        ("Failed", ReportStatus.FAILED),
        ("Rejected", ReportStatus.FAILED),
        ("Expired", ReportStatus.FAILED),
        ("AbsentSubscriber", ReportStatus.FAILED),
        ("success", ReportStatus.UNKNOWN),
        ("Teleported", ReportStatus.UNKNOWN),
    ],
)
def test_parse_report_each_status_word(word: str, status: ReportStatus) -> None:
    report = _provider().parse_report(_form({"id": "ATXid_1", "status": word}))
    assert (report.status, report.raw_status) == (status, word)


def test_parse_report_plus_lost_in_the_form_phone_still_read() -> None:
    request = InboundRequest("POST", "", b"id=ATXid_1&status=Sent&phoneNumber=+254720123123")
    assert _provider().parse_report(request).phone_e164 == "+254720123123"


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"id": "ATXid_1"},
        {"status": "Sent"},
        {"id": "", "status": "Sent"},
        {"id": "a b", "status": "Sent"},
        {"id": "x" * 101, "status": "Sent"},
        {"id": "ATXid_1", "status": ""},
        {"id": "a\0", "status": "Sent"},
    ],
)
def test_parse_report_without_id_or_status_refused(fields: dict[str, str]) -> None:
    with pytest.raises(UnreadableCallback):
        _provider().parse_report(_form(fields))


# Texts from customers


def test_parse_inbound_recorded() -> None:
    assert _provider().parse_inbound(_recorded("inbound_sms.form")) == InboundSms(
        "ec9adc86-51d5-4bc8-8eb0-d8ab0bb53dc3", "+254791541111", "21512", "Msg"
    )


def test_parse_inbound_long_text_cut_and_blank_text_kept() -> None:
    assert len(_provider().parse_inbound(_recorded("inbound_sms.form", text="x" * 1700)).text) == 1600
    assert _provider().parse_inbound(_recorded("inbound_sms.form", text="")).text == ""


@pytest.mark.parametrize(
    "changes", [{"id": ""}, {"from": ""}, {"from": "MPESA"}, {"from": "21512"}, {"from": "2547 ***** 126"}]
)
def test_parse_inbound_without_id_or_phone_refused(changes: dict[str, str]) -> None:
    with pytest.raises(UnreadableCallback):
        _provider().parse_inbound(_recorded("inbound_sms.form", **changes))


@pytest.mark.parametrize("missing", ["id", "from", "text"])
def test_parse_inbound_field_missing_refused(missing: str) -> None:
    fields = {"id": "1", "from": "+254791541111", "text": "CODE"}
    del fields[missing]
    with pytest.raises(UnreadableCallback):
        _provider().parse_inbound(_form(fields))
