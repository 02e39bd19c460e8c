"""Phones: the USSD form that the product sees, the screens that a person sees."""

from urllib.parse import parse_qsl

import pytest

from gateway.simulator.desk import DeskError
from gateway.simulator.phones import NO_ANSWER_TEXT, PhoneError, Phones, typed_after_code
from tests.support.payloads import payload
from tests.support.running_simulator import Running, wait_for

PHONE = "+254712000001"


def recorded_form(name: str) -> dict[str, str]:
    return dict(parse_qsl(payload(f"africastalking/{name}").decode().strip(), keep_blank_values=True))


def forms(running: Running, door: str) -> list[dict[str, str]]:
    return [dict(parse_qsl(body, keep_blank_values=True)) for body in running.stub.bodies(door)]


def test_dial_posts_the_published_form(running: Running) -> None:
    screen = running.desk.act("phone/dial", phone=PHONE)

    (form,) = forms(running, "ussd")
    assert list(form) == list(recorded_form("ussd.form"))
    assert (form["phoneNumber"], form["serviceCode"], form["text"]) == (PHONE, "*384*96#", "")
    expected = {"text": "Stub Power\n1 Buy power\n3 My last codes", "is_open": True, "is_valid": True, "status": 200}
    assert screen == expected
    assert running.desk.view("phone", phone=PHONE)["screen"] == expected


def test_typing_joins_everything_typed_in_one_session(running: Running) -> None:
    running.desk.act("phone/dial", phone=PHONE)
    for typed in ("1", "4", "200"):
        running.desk.act("phone/type", phone=PHONE, input=typed)

    seen = forms(running, "ussd")
    assert [form["text"] for form in seen] == ["", "1", "1*4", "1*4*200"]
    assert len({form["sessionId"] for form in seen}) == 1


def test_extended_dial_sends_what_follows_the_code(running: Running) -> None:
    screen = running.desk.act("phone/dial", phone=PHONE, code="*384*96*1*4#")

    assert (forms(running, "ussd")[0]["text"], screen["text"]) == ("1*4", "Type the amount")


@pytest.mark.parametrize("code", ["", "*384*97#", "*384*96", "*100#", "*384*9611#"])
def test_another_code_is_answered_by_nobody(running: Running, code: str) -> None:
    with pytest.raises(DeskError, match="nothing answers"):
        running.desk.act("phone/dial", phone=PHONE, code=code)

    assert running.stub.requests_seen == []


def test_typed_after_code_ignores_spaces() -> None:
    assert typed_after_code(" *384*96*1# ", "*384*96#") == "1"


def test_end_closes_the_session_and_is_notified(running: Running) -> None:
    running.desk.act("phone/dial", phone=PHONE)
    screen = running.desk.act("phone/type", phone=PHONE, input="7")

    (event,) = wait_for(lambda: forms(running, "events"))
    assert (screen["text"], screen["is_open"]) == ("Wrong", False)
    assert list(event) == list(recorded_form("ussd_notification.form"))
    assert (event["status"], event["hopsCount"], event["input"]) == ("Success", "2", "7")
    assert event["lastAppResponse"] == "END Wrong"
    with pytest.raises(DeskError, match="no session is open"):
        running.desk.act("phone/type", phone=PHONE, input="1")


def test_hang_up_is_notified_as_incomplete(running: Running) -> None:
    running.desk.act("phone/dial", phone=PHONE)
    running.desk.act("phone/hang_up", phone=PHONE)

    (event,) = wait_for(lambda: forms(running, "events"))
    assert set(event) == set(recorded_form("ussd_notification_incomplete.form"))
    assert event["status"] == "Incomplete"
    assert running.desk.view("phone", phone=PHONE)["screen"] is None


def test_dialling_again_gives_the_open_session_up(running: Running) -> None:
    running.desk.act("phone/dial", phone=PHONE)
    running.desk.act("phone/dial", phone=PHONE)

    (event,) = wait_for(lambda: forms(running, "events"))
    assert event["status"] == "Incomplete"
    assert len({form["sessionId"] for form in forms(running, "ussd")}) == 2


@pytest.mark.parametrize(
    "answer", [(200, ""), (200, " CON 1"), (200, "CON"), (200, "con 1"), (200, "Hello"), (500, "CON 1"), (302, "CON 1")]
)
def test_answer_that_is_no_screen_ends_the_session(running: Running, answer: tuple[int, str]) -> None:
    running.stub.forced["ussd"] = [answer]

    screen = running.desk.act("phone/dial", phone=PHONE)

    assert (screen["text"], screen["is_open"], screen["is_valid"]) == (NO_ANSWER_TEXT, False, False)
    assert wait_for(lambda: forms(running, "events"))[0]["status"] == "Failed"


def test_screen_longer_than_a_network_carries_is_not_valid(running: Running) -> None:
    running.stub.forced["ussd"] = [(200, "CON " + "a" * 182), (200, "CON " + "a" * 183)]

    valid = [running.desk.act("phone/dial", phone=PHONE)["is_valid"] for _ in range(2)]

    assert valid == [True, False]


@pytest.mark.parametrize("number", ["", "0712000001", "+0712000001", "+2547", "phone", "+2547120000011234567"])
def test_number_that_is_none_has_no_phone(number: str) -> None:
    with pytest.raises(PhoneError):
        Phones().get(number)


def test_number_with_or_without_plus_is_one_phone() -> None:
    phones = Phones()

    assert phones.get("254712000001") is phones.get(" +254712000001")
    assert [phone.e164 for phone in phones.all()] == [PHONE]
