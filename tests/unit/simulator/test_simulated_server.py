"""The simulator's server: its page, its control API, what it refuses, and what its wire log hides."""

import json
from typing import Any

import pytest
import requests

from gateway.simulator.desk import Desk, DeskError
from gateway.simulator.errors import WorldError
from gateway.simulator.world import Credentials
from tests.support.running_simulator import Running, wait_for
from tests.support.stub_product import ENVIRONMENT, HOOK_SECRET, demo_facts, mint, tid_now

PHONE, DRN = "+254712000001", "37000000010"


def meter_fact(drn: str = DRN) -> dict[str, Any]:
    return next(meter for meter in demo_facts()["meters"] if meter["drn"] == drn)


@pytest.mark.parametrize(
    ("path", "content_type"),
    [("/", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css")],
)
def test_page_is_served_under_a_strict_policy(running: Running, path: str, content_type: str) -> None:
    answer = requests.get(running.url + path, timeout=5)

    policy = answer.headers["Content-Security-Policy"]
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith(content_type)
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_page_holds_no_inline_script_style_or_foreign_address(running: Running) -> None:
    page = requests.get(running.url, timeout=5).text

    assert '<script src="/page.js" defer></script>' in page
    assert [word for word in ("http://", "https://", "<style", " style=", " onclick", "<script>") if word in page] == []


def test_world_names_meters_and_phones_but_no_secret(running: Running) -> None:
    world = running.desk.view("world")

    assert (world["ussd_code"], world["paybill"], world["sms_number"]) == ("*384*96#", "400200", "22384")
    assert world["phones"] == demo_facts()["phones"]
    assert world["meters"][2] == {"drn": DRN, "state": "ACTIVE", "phones": [PHONE]}
    assert HOOK_SECRET not in json.dumps(world)


def test_meter_typed_over_the_control_api(running: Running) -> None:
    digits = mint(meter_fact(), tid=tid_now(), tenths=64)

    accepted = running.desk.act("meter/type", drn=DRN, digits=digits)

    assert accepted == {"word": "ACCEPT", "energy_kwh_tenths": 64, "balance_tenths": 64, "display": {}}
    assert running.desk.view("meter", drn=DRN) == {"drn": DRN, "balance_tenths": 64}
    assert running.desk.act("meter/type", drn="37000000036", digits=digits)["word"] == "REJECT"


def test_faults_are_read_changed_and_reset(running: Running) -> None:
    usual = running.desk.view("faults")
    changed = requests.post(f"{running.url}/control/faults", json={"callback_copies": 4}, timeout=5).json()
    reset = requests.post(f"{running.url}/control/faults", json={}, timeout=5).json()

    assert changed == usual | {"callback_copies": 4}
    assert reset == usual | {"report_delay_seconds": 0.05}


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("phone/dial", {"phone": "nobody"}),
        ("phone/dial", {}),
        ("phone/type", {"phone": PHONE, "input": "1"}),
        ("phone/type", {"phone": PHONE, "input": "1" * 2001}),
        ("phone/pin", {"phone": PHONE, "pin": "1234"}),
        ("phone/cancel", {"phone": PHONE}),
        ("meter/type", {"drn": "1", "digits": "1"}),
        ("faults", {"callback_copies": "many"}),
        ("nothing", {}),
    ],
)
def test_act_that_cannot_be_done_is_refused_in_words(running: Running, path: str, fields: dict[str, str]) -> None:
    with pytest.raises(DeskError) as refusal:
        running.desk.act(path, **fields)

    assert str(refusal.value) not in ("", "None")


@pytest.mark.parametrize("body", ["[]", "1", "{", ""])
def test_act_body_that_is_no_object_is_refused(running: Running, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(f"{running.url}/control/phone/dial", data=body, headers=headers, timeout=5)

    assert answer.status_code == 400


def test_act_posted_as_a_form_is_refused(running: Running) -> None:
    answer = requests.post(f"{running.url}/control/phone/dial", data={"phone": PHONE}, timeout=5)

    assert answer.status_code == 415
    assert running.stub.requests_seen == []


@pytest.mark.parametrize("path", ["/x", "/control/", "/page.html", "/../world.py", "/version1/messaging"])
def test_unknown_address_is_not_found(running: Running, path: str) -> None:
    assert requests.get(running.url + path, timeout=5).status_code == 404


def test_huge_body_is_refused(running: Running) -> None:
    answer = requests.post(f"{running.url}/version1/messaging", data=b"x" * (256 * 1024 + 1), timeout=5)

    assert answer.status_code == 413


def test_broken_handler_is_answered_and_printed(
    running: Running, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running.world.money, "receipts", lambda: 1 // 0)

    answer = requests.get(f"{running.url}/control/counts", timeout=5)

    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_wire_log_shows_both_directions_and_hides_every_secret(running: Running) -> None:
    running.desk.act("phone/dial", phone=PHONE, code="*384*96*1*4*200*1#")
    wait_for(lambda: running.desk.view("phone", phone=PHONE)["prompt"])
    running.desk.act("phone/pin", phone=PHONE, pin="1234")
    wait_for(lambda: running.stub.bodies("report"))

    messages = running.desk.view("wire")["messages"]
    text = json.dumps(messages)
    roads = {(message["sender"], message["receiver"]) for message in messages}
    assert roads == {
        ("africastalking", "product"),
        ("product", "africastalking"),
        ("mobile money", "product"),
        ("product", "mobile money"),
    }
    assert "/hooks/ussd/africastalking/****/" in text
    assert '\\"Password\\": \\"****\\"' in text
    assert '\\"access_token\\": \\"****\\"' in text
    hidden = (HOOK_SECRET, *(value for name, value in ENVIRONMENT.items() if name.endswith(("KEY", "SECRET"))))
    assert [secret for secret in hidden if secret in text] == []
    assert [message["number"] for message in messages] == list(range(1, len(messages) + 1))
    # More of them may have come since.
    later = running.desk.view("wire", after=str(len(messages) - 1))["messages"]
    assert later[:1] == messages[-1:]


def test_counts_are_the_vendors_own(running: Running) -> None:
    running.desk.act("phone/pay_bill", phone=PHONE, account=DRN, amount="100", pin="1234")
    wait_for(lambda: running.desk.view("counts")["sms"].get("delivered"))

    counts = running.desk.view("counts")
    assert [receipt["amount"] for receipt in counts["receipts"]] == [100]
    assert counts["sms"] == {"requests": 1, "accepted": 1, "delivered": 1}


def test_desk_without_a_simulator_says_so() -> None:
    with pytest.raises(DeskError, match="does not answer"):
        Desk("http://127.0.0.1:1").view("world")


def test_credentials_missing_are_named() -> None:
    with pytest.raises(WorldError, match="not set: MPESA_PASSKEY"):
        Credentials.read({name: value for name, value in ENVIRONMENT.items() if name != "MPESA_PASSKEY"}, "400200")
