"""The SMS centre held to Africa's Talking's own client, to the recorded answers, and to its reports."""

import re
from typing import Any
from urllib.parse import parse_qsl

import africastalking
import pytest
import requests
from africastalking.Service import AfricasTalkingException

from gateway.simulator.sms_centre import STATUS_NAMES
from tests.support.payloads import http_payload, json_payload, payload
from tests.support.running_simulator import Running, wait_for
from tests.support.stub_product import ENVIRONMENT

PHONE = "+254712000001"


@pytest.fixture
def official(running: Running, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Africa's Talking's own client; its base address can be set only behind its back."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    africastalking.initialize(ENVIRONMENT["AFRICASTALKING_USERNAME"], ENVIRONMENT["AFRICASTALKING_API_KEY"])
    sms = africastalking.SMS
    sms._baseUrl = f"{running.url}/version1"
    return sms


def post(running: Running, *, headers: dict[str, str] | None = None, **changes: str) -> requests.Response:
    form = {"username": "stub", "to": PHONE, "message": "Hello", "from": "22384"} | changes
    sent = {"apiKey": ENVIRONMENT["AFRICASTALKING_API_KEY"], "Accept": "application/json"} | (headers or {})
    return requests.post(f"{running.url}/version1/messaging", data=form, headers=sent, timeout=5)


def recorded_form(name: str) -> dict[str, str]:
    return dict(parse_qsl(payload(f"africastalking/{name}").decode().strip()))


def test_official_client_send_is_answered_as_recorded(running: Running, official: Any) -> None:
    answer = official.send("Token 1234", [PHONE], "22384")

    sample = json_payload("africastalking/sms_send_response_recorded_enqueued.json")["SMSMessageData"]
    data = answer["SMSMessageData"]
    assert data.keys() == sample.keys()
    assert data["Message"] == "Sent to 1/1 Total Cost: KES 0.8000 Message parts: 1"
    (recipient,) = data["Recipients"]
    assert recipient.keys() == sample["Recipients"][0].keys()
    assert re.fullmatch("ATXid_[0-9a-f]{32}", recipient.pop("messageId"))
    assert recipient == {"cost": "KES 0.8000", "number": PHONE, "status": "Success", "statusCode": 101}
    assert [text.text for text in running.world.phones.get(PHONE).inbox] == ["Token 1234"]


def test_official_client_enqueued_send_is_queued(running: Running, official: Any) -> None:
    answer = official.send("Token 1234", [PHONE, "+254712000002"], enqueue=True)

    codes = [recipient["statusCode"] for recipient in answer["SMSMessageData"]["Recipients"]]
    assert codes == [102, 102]
    assert answer["SMSMessageData"]["Message"].startswith("Sent to 2/2 Total Cost: KES 1.6000")


def test_official_client_bad_key_is_refused(running: Running, official: Any) -> None:
    official._headers = official._headers | {"apiKey": "another"}

    with pytest.raises(AfricasTalkingException, match="The supplied authentication is invalid"):
        official.send("Token 1234", [PHONE])

    assert running.world.phones.get(PHONE).inbox == []


def test_official_client_unknown_sender_passes_as_success_without_recipients(running: Running, official: Any) -> None:
    sample = json_payload("africastalking/sms_send_response_invalid_sender.json")

    assert official.send("Token 1234", [PHONE], "NOBODY") == sample


def test_send_is_created_with_a_bare_json_type(running: Running) -> None:
    answer = post(running)

    assert (answer.status_code, answer.headers["Content-Type"]) == (201, "application/json")


def test_send_unauthorised_is_plain_text_as_recorded(running: Running) -> None:
    answer = post(running, headers={"apiKey": "another"})

    seen = (answer.status_code, answer.headers["Content-Type"], answer.text)
    assert seen == http_payload("africastalking/sms_send_response_unauthorised.http")
    assert post(running, username="another").status_code == 401


def test_send_without_accept_is_answered_in_xml(running: Running) -> None:
    answer = post(running, headers={"Accept": "*/*"})

    assert answer.headers["Content-Type"] == "application/xml"
    assert "<Recipients><Recipient>" in answer.text


def test_send_without_text_is_a_bad_request(running: Running) -> None:
    assert post(running, message="").status_code == 400


def test_send_to_no_number_is_refused_for_that_recipient_only(running: Running) -> None:
    recipients = post(running, to=f"0712,{PHONE}").json()["SMSMessageData"]["Recipients"]

    assert [(one["statusCode"], one["status"], one["messageId"] == "None") for one in recipients] == [
        (403, "InvalidPhoneNumber", True),
        (101, "Success", False),
    ]


@pytest.mark.parametrize("status_code", [code for code in STATUS_NAMES if code >= 400])
def test_send_with_status_fault_is_accepted_as_a_whole_and_refused_inside(running: Running, status_code: int) -> None:
    running.world.faults.change({"sms_status_code": status_code})

    (recipient,) = post(running).json()["SMSMessageData"]["Recipients"]

    assert recipient["messageId"] == "None"
    assert (recipient["statusCode"], recipient["status"]) == (status_code, STATUS_NAMES[status_code])
    assert running.world.phones.get(PHONE).inbox == []


def test_send_faults_are_answered_in_order(running: Running) -> None:
    seen = []
    for fault in ("error", "unauthorised", "invalid_sender_id"):
        running.world.faults.change({"sms_answer": fault, "sms_answer_count": 1})
        seen.append(post(running).status_code)

    assert seen == [500, 401, 201]
    assert running.world.phones.get(PHONE).inbox == []
    assert post(running).json()["SMSMessageData"]["Recipients"] != []


@pytest.mark.parametrize(("delivers", "texts"), [(True, 1), (False, 0)])
def test_send_into_silence_is_cut_unanswered(running: Running, delivers: bool, texts: int) -> None:
    running.world.faults.change({"sms_answer": "silence", "silence_seconds": 0.05, "silence_delivers": delivers})

    with pytest.raises(requests.ConnectionError):
        post(running)

    assert len(running.world.phones.get(PHONE).inbox) == texts


def test_report_has_the_published_fields(running: Running) -> None:
    message_id = post(running).json()["SMSMessageData"]["Recipients"][0]["messageId"]

    (body,) = wait_for(lambda: running.stub.bodies("report"))
    sample = recorded_form("delivery_report.form")
    fields = dict(parse_qsl(body))
    assert list(fields) == list(sample)
    assert (fields["id"], fields["status"], fields["phoneNumber"]) == (message_id, "Success", PHONE)


def test_report_of_failure_names_a_reason_and_nothing_arrives(running: Running) -> None:
    running.world.faults.change({"sms_report": "Failed"})
    post(running)

    (body,) = wait_for(lambda: running.stub.bodies("report"))
    sample = recorded_form("delivery_report_failed.form")
    assert set(dict(parse_qsl(body))) == set(sample)
    assert running.world.phones.get(PHONE).inbox == []


def test_report_not_taken_is_posted_again(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.simulator.sms_centre._REPORT_RETRY_SECONDS", 0.01)
    running.stub.forced["report"] = [(503, "busy"), (500, "broken")]
    post(running)

    bodies = wait_for(lambda: running.stub.bodies("report")[2:] and running.stub.bodies("report"))

    assert len(set(bodies)) == 1


def test_report_copies_and_losses_follow_the_plan(running: Running) -> None:
    running.world.faults.change({"callbacks_lost": ["report"]})
    post(running)
    running.world.faults.change({"callbacks_lost": [], "sms_report": "none"})
    post(running)
    running.world.faults.change({"sms_report": "Success", "callback_copies": 3})
    post(running)

    bodies = wait_for(lambda: running.stub.bodies("report")[2:] and running.stub.bodies("report"))

    assert (len(bodies), len(set(bodies))) == (3, 1)
    assert running.world.sms.counts == {"requests": 3, "accepted": 3, "delivered": 3}


def test_inbound_has_the_published_fields(running: Running) -> None:
    running.stub.broken = "sms"
    message_id = running.desk.act("phone/send_sms", phone=PHONE, text="CODE")["id"]

    (body,) = wait_for(lambda: running.stub.bodies("inbound"))
    sample = recorded_form("inbound_sms.form")
    fields = dict(parse_qsl(body))
    assert set(fields) == set(sample)
    assert (fields["from"], fields["to"], fields["text"], fields["id"]) == (PHONE, "22384", "CODE", message_id)
