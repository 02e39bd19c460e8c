"""Africa's Talking's own USSD wire. What every USSD provider must do is in `tests/contracts/test_ussd_provider.py`."""

from urllib.parse import urlencode

import pytest

from gateway.http.inbound import InboundRequest, Reply, UnreadableCallback
from gateway.ussd.ports import Hop, Screen, SessionEnded
from gateway.ussd.providers.africastalking import LONGEST_TEXT, AfricasTalkingUssd
from tests.support.payloads import payload

PROVIDER = AfricasTalkingUssd()
SESSION = "ATUid_5d3b4c2bc589f4811820a7184eed4df5"
FIELDS = {
    "sessionId": SESSION,
    "phoneNumber": "+254720123123",
    "networkCode": "63902",
    "serviceCode": "*384*123#",
    "text": "1",
}


def _recorded(name: str) -> InboundRequest:
    return InboundRequest("POST", "application/x-www-form-urlencoded", payload(f"africastalking/{name}"))


def _form(fields: dict[str, str]) -> InboundRequest:
    return InboundRequest("POST", "application/x-www-form-urlencoded", urlencode(fields).encode())


@pytest.mark.parametrize(
    ("name", "text"), [("ussd.form", ""), ("ussd_step2.form", "1"), ("ussd_step3.form", "1*14123456789*50")]
)
def test_parse_hop_recorded(name: str, text: str) -> None:
    assert PROVIDER.parse_hop(_recorded(name)) == Hop(SESSION, "+254720123123", "*384*123#", "63902", text)


@pytest.mark.parametrize("raw", ["+254720123123", "%2B254720123123", "254720123123", "0720123123", "%20254720123123"])
def test_parse_hop_phone_with_plus_lost_or_absent_still_read(raw: str) -> None:
    body = f"sessionId=s&phoneNumber={raw}&text=".encode()
    assert PROVIDER.parse_hop(InboundRequest("POST", "", body)).phone_e164 == "+254720123123"


@pytest.mark.parametrize("changes", [{"networkCode": "00000"}, {"networkCode": ""}, {"networkCode": "x" * 99}])
def test_parse_hop_unknown_network_no_error(changes: dict[str, str]) -> None:
    assert PROVIDER.parse_hop(_form(FIELDS | changes)).network_code == changes["networkCode"][:16]


def test_parse_hop_only_what_matters_present_read() -> None:
    hop = PROVIDER.parse_hop(_form({"sessionId": "s", "phoneNumber": "+254720123123", "text": ""}))
    assert hop == Hop("s", "+254720123123", "", "", "")


def test_parse_hop_text_kept_as_joined() -> None:
    assert PROVIDER.parse_hop(_form(FIELDS | {"text": "1**#*\u00e9* 2"})).text == "1**#*\u00e9* 2"
    assert PROVIDER.parse_hop(_form(FIELDS | {"text": "a\0"})).text == "a\ufffd"


def test_parse_hop_more_text_than_anyone_types_is_cut() -> None:
    longest = "1" * LONGEST_TEXT
    for text in (longest, longest + "1", longest * 3):
        assert PROVIDER.parse_hop(_form(FIELDS | {"text": text})).text == longest


@pytest.mark.parametrize("missing", ["sessionId", "phoneNumber", "text"])
def test_parse_hop_field_missing_refused(missing: str) -> None:
    fields = dict(FIELDS)
    del fields[missing]
    with pytest.raises(UnreadableCallback):
        PROVIDER.parse_hop(_form(fields))


@pytest.mark.parametrize(
    "changes",
    [
        {"sessionId": ""},
        {"sessionId": "x" * 129},
        {"sessionId": "a b"},
        {"sessionId": "a\nb"},
        {"sessionId": "\u00e9"},
        {"phoneNumber": ""},
        {"phoneNumber": "2547 ***** 126"},
        {"phoneNumber": "somebody"},
    ],
)
def test_parse_hop_bad_session_or_phone_refused(changes: dict[str, str]) -> None:
    with pytest.raises(UnreadableCallback):
        PROVIDER.parse_hop(_form(FIELDS | changes))


@pytest.mark.parametrize(
    ("name", "is_complete"), [("ussd_notification.form", True), ("ussd_notification_incomplete.form", False)]
)
def test_parse_event_recorded(name: str, is_complete: bool) -> None:
    assert PROVIDER.parse_event(_recorded(name)) == SessionEnded(SESSION, is_complete)


@pytest.mark.parametrize("status", ["Failed", "Incomplete", "Something"])
def test_parse_event_any_other_status_not_complete(status: str) -> None:
    assert PROVIDER.parse_event(_form({"sessionId": "s", "status": status})) == SessionEnded("s", False)


@pytest.mark.parametrize(
    "fields", [{}, {"sessionId": "s"}, {"status": "Success"}, {"sessionId": "", "status": "Success"}]
)
def test_parse_event_without_session_or_status_refused(fields: dict[str, str]) -> None:
    with pytest.raises(UnreadableCallback):
        PROVIDER.parse_event(_form(fields))


def test_answer_recorded_bodies() -> None:
    for name, screen in (
        ("ussd_reply_con.txt", Screen("Enter meter number:\n0. Back", is_end=False)),
        ("ussd_reply_end.txt", Screen("Thank you. Your token will come by SMS.", is_end=True)),
    ):
        body = payload(f"africastalking/{name}").decode()
        assert PROVIDER.answer(screen) == Reply(body, 200, "text/plain; charset=utf-8")
