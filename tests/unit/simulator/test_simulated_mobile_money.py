"""Mobile money held to Daraja's published messages: tokens, pushes, queries, callbacks, pay-bill, and its own books."""

import base64
import hashlib
import json
import re
import threading
from typing import Any

import pytest
import requests

from tests.support.payloads import json_payload
from tests.support.running_simulator import Running, wait_for
from tests.support.stub_product import ENVIRONMENT, bearer, push_order

PHONE, MSISDN, DRN = "+254712000001", "254712000001", "37000000010"
QUERY_KEYS = {
    "ResponseCode", "ResponseDescription", "MerchantRequestID", "CheckoutRequestID", "ResultCode", "ResultDesc",
}  # fmt: skip


def order(running: Running, **changes: Any) -> dict[str, Any]:
    return push_order(MSISDN, 200, DRN, running.stub.stk_url) | changes


def push(running: Running, **changes: Any) -> requests.Response:
    url = f"{running.url}/mpesa/stkpush/v1/processrequest"
    return requests.post(url, json=order(running, **changes), headers=bearer(running.url), timeout=5)


def query(running: Running, checkout_id: str) -> requests.Response:
    asked = {name: order(running)[name] for name in ("BusinessShortCode", "Password", "Timestamp")}
    url = f"{running.url}/mpesa/stkpushquery/v1/query"
    headers = bearer(running.url)
    return requests.post(url, json=asked | {"CheckoutRequestID": checkout_id}, headers=headers, timeout=5)


def came_to(running: Running, door: str, count: int = 1) -> list[dict[str, Any]]:
    bodies = wait_for(lambda: running.stub.bodies(door) if len(running.stub.bodies(door)) >= count else [])
    return [json.loads(body) for body in bodies]


def pay(running: Running, **changes: str) -> dict[str, Any]:
    return running.desk.act(
        "phone/pay_bill", **{"phone": PHONE, "account": DRN, "amount": "100", "pin": "1234"} | changes
    )


# Access tokens


def test_oauth_answer_has_the_published_shape(running: Running) -> None:
    pair = (ENVIRONMENT["MPESA_CONSUMER_KEY"], ENVIRONMENT["MPESA_CONSUMER_SECRET"])
    url = f"{running.url}/oauth/v1/generate"
    answer = requests.get(url, params={"grant_type": "client_credentials"}, auth=pair, timeout=5).json()

    sample = json_payload("daraja/oauth_response.json")
    assert answer.keys() == sample.keys()
    assert answer["expires_in"] == sample["expires_in"]


@pytest.mark.parametrize(
    ("grant", "password", "code"),
    [("client_credentials", "another", "400.008.01"), ("another", "stub-consumer-password", "400.008.02")],
)
def test_oauth_bad_request_is_refused(running: Running, grant: str, password: str, code: str) -> None:
    url = f"{running.url}/oauth/v1/generate?grant_type={grant}"
    answer = requests.get(url, auth=("stub-consumer", password), timeout=5)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, code)
    assert answer.json().keys() == json_payload("daraja/api_error.json").keys()


def test_oauth_new_token_ends_the_one_before(running: Running) -> None:
    first, second = bearer(running.url), bearer(running.url)
    url = f"{running.url}/mpesa/stkpush/v1/processrequest"

    old = requests.post(url, json=order(running), headers=first, timeout=5)

    assert (old.status_code, old.json()["errorCode"]) == (401, "404.001.03")
    assert requests.post(url, json=order(running), headers=second, timeout=5).status_code == 200


# Pushes


def test_push_answer_has_the_published_shape_and_the_phone_asks_for_the_pin(running: Running) -> None:
    answer = push(running).json()

    sample = json_payload("daraja/stk_response.json")
    assert answer.keys() == sample.keys()
    assert (answer["ResponseCode"], answer["CustomerMessage"]) == ("0", sample["CustomerMessage"])
    assert re.fullmatch(r"ws_CO_\d{17}712000001", answer["CheckoutRequestID"])
    prompt = running.desk.view("phone", phone=PHONE)["prompt"]
    expected = {"checkout_id": answer["CheckoutRequestID"], "amount": 200, "account": DRN, "short_code": "400200"}
    assert prompt == expected


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"BusinessShortCode": "600000"}, "BusinessShortCode"),
        ({"Timestamp": "2026-03-01"}, "Timestamp"),
        ({"Password": "not base64!"}, "Password"),
        ({"TransactionType": "PayBill"}, "TransactionType"),
        ({"Amount": "200.00"}, "Amount"),
        ({"Amount": 0}, "Amount"),
        ({"Amount": 250_001}, "Amount"),
        ({"PhoneNumber": "0712000001"}, "PhoneNumber"),
        ({"PhoneNumber": PHONE}, "PhoneNumber"),
        ({"PartyA": "254712000002"}, "PartyA"),
        ({"PartyB": "600000"}, "PartyB"),
        ({"CallBackURL": "ftp://127.0.0.1/x"}, "CallBackURL"),
        ({"AccountReference": "1370000000022"}, "AccountReference"),
        ({"AccountReference": ""}, "AccountReference"),
        ({"TransactionDesc": "fourteen signs"}, "TransactionDesc"),
    ],
)
def test_push_bad_field_is_refused_by_its_name(running: Running, changes: dict[str, Any], field: str) -> None:
    answer = push(running, **changes)

    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
    assert running.desk.view("phone", phone=PHONE)["prompt"] is None


def test_push_password_of_another_passkey_is_refused(running: Running) -> None:
    wrong = base64.b64encode(b"400200another20260301120000").decode()

    answer = push(running, Password=wrong)

    assert (answer.status_code, answer.json()["errorMessage"]) == (500, "Wrong credentials")


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff"])
def test_push_unreadable_body_is_refused(running: Running, body: bytes) -> None:
    url = f"{running.url}/mpesa/stkpush/v1/processrequest"

    answer = requests.post(url, data=body, headers=bearer(running.url), timeout=5)

    assert (answer.status_code, answer.json()["errorCode"]) == (400, "400.002.05")


def test_push_onto_an_open_prompt_is_refused(running: Running) -> None:
    push(running)

    answer = push(running)

    assert (answer.status_code, answer.json()["errorCode"]) == (500, "500.001.1001")


def test_push_faults_are_given_so_often(running: Running) -> None:
    running.world.faults.change({"push_answer": "error", "push_answer_count": 1})

    assert push(running).json()["errorCode"] == "500.003.02"
    assert push(running).status_code == 200


@pytest.mark.parametrize("delivers", [True, False])
def test_push_into_silence_may_have_been_shown(running: Running, delivers: bool) -> None:
    running.world.faults.change({"push_answer": "silence", "silence_seconds": 0.05, "silence_delivers": delivers})

    with pytest.raises(requests.ConnectionError):
        push(running)

    assert (running.desk.view("phone", phone=PHONE)["prompt"] is not None) == delivers


# What the customer does with it


def test_pin_pays_once_and_tells_by_two_roads(running: Running) -> None:
    checkout_id = push(running).json()["CheckoutRequestID"]

    assert running.desk.act("phone/pin", phone=PHONE, pin="1234") == {"result_code": 0}

    (told,), (confirmed,) = came_to(running, "stk"), came_to(running, "confirmation")
    result, sample = (
        told["Body"]["stkCallback"],
        json_payload("daraja/stk_callback_success.json")["Body"]["stkCallback"],
    )
    items = {item["Name"]: item["Value"] for item in result["CallbackMetadata"]["Item"]}
    assert result.keys() == sample.keys()
    assert [item["Name"] for item in sample["CallbackMetadata"]["Item"]] == list(items)
    assert (result["CheckoutRequestID"], result["ResultCode"], items["Amount"]) == (checkout_id, 0, 200.0)
    assert items["PhoneNumber"] == int(MSISDN)
    assert confirmed.keys() == json_payload("daraja/c2b_confirmation_hashed_msisdn.json").keys()
    assert confirmed["TransID"] == items["MpesaReceiptNumber"]
    assert confirmed["MSISDN"] == hashlib.sha256(MSISDN.encode()).hexdigest()
    assert (confirmed["BillRefNumber"], confirmed["TransAmount"]) == (DRN, "200.00")
    assert [receipt["receipt"] for receipt in running.world.money.receipts()] == [confirmed["TransID"]]
    assert running.world.phones.get(PHONE).balance_minor == 1_000_000 - 20_000


@pytest.mark.parametrize(
    ("act", "fields", "code"),
    [("phone/pin", {"pin": "9999"}, 2001), ("phone/cancel", {}, 1032)],
)
def test_prompt_not_paid_moves_no_money(running: Running, act: str, fields: dict[str, str], code: int) -> None:
    push(running)

    assert running.desk.act(act, phone=PHONE, **fields) == {"result_code": code}

    (told,) = came_to(running, "stk")
    sample = json_payload("daraja/stk_callback_cancelled.json")["Body"]["stkCallback"]
    assert told["Body"]["stkCallback"].keys() == sample.keys()
    assert told["Body"]["stkCallback"]["ResultCode"] == code
    assert (running.world.money.receipts(), running.stub.bodies("confirmation")) == ([], [])
    assert running.world.phones.get(PHONE).balance_minor == 1_000_000


def test_pin_without_enough_money_is_insufficient(running: Running) -> None:
    running.world.phones.get(PHONE).balance_minor = 19_999
    push(running)

    assert running.desk.act("phone/pin", phone=PHONE, pin="1234") == {"result_code": 1}


def test_prompt_left_alone_expires(running: Running) -> None:
    running.world.faults.change({"prompt_seconds": 0.05})
    push(running)

    (told,) = came_to(running, "stk")

    assert told["Body"]["stkCallback"]["ResultCode"] == 1019
    assert running.desk.view("phone", phone=PHONE)["prompt"] is None


def test_query_is_an_error_until_the_prompt_is_answered(running: Running) -> None:
    checkout_id = push(running).json()["CheckoutRequestID"]
    waiting = query(running, checkout_id)
    running.desk.act("phone/cancel", phone=PHONE)
    final = query(running, checkout_id)

    assert (waiting.status_code, waiting.json()["errorCode"]) == (500, "500.001.1001")
    assert waiting.json().keys() == json_payload("daraja/api_error.json").keys()
    assert (final.status_code, final.json().keys()) == (200, QUERY_KEYS)
    assert (final.json()["ResponseCode"], final.json()["ResultCode"]) == ("0", "1032")


def test_query_of_an_unknown_push_is_refused(running: Running) -> None:
    assert query(running, "ws_CO_1").status_code == 400


def test_callbacks_follow_the_fault_plan(running: Running) -> None:
    running.world.faults.change({"callback_copies": 3, "callbacks_lost": ["confirmation"]})
    push(running)
    running.desk.act("phone/pin", phone=PHONE, pin="1234")

    told = came_to(running, "stk", 3)

    assert told[0] == told[1] == told[2]
    assert running.stub.bodies("confirmation") == []
    assert len(running.world.money.receipts()) == 1


def test_push_without_the_second_road_tells_by_one(running: Running) -> None:
    running.world.faults.change({"stk_confirms": False})
    push(running)
    running.desk.act("phone/pin", phone=PHONE, pin="1234")
    came_to(running, "stk")

    # The texts of the sale follow the callback, so a confirmation would have come by then.
    wait_for(lambda: len(running.world.phones.get(PHONE).inbox) == 2)
    assert running.stub.bodies("confirmation") == []


# Pay-bill


def test_pay_bill_asks_moves_money_and_tells(running: Running) -> None:
    outcome = pay(running)

    (asked,), (confirmed,) = came_to(running, "validation"), came_to(running, "confirmation")
    assert outcome["is_paid"]
    assert list(asked) == list(json_payload("daraja/c2b_validation.json"))
    assert (asked["OrgAccountBalance"], confirmed["OrgAccountBalance"]) == ("", "100.00")
    assert (asked["ThirdPartyTransID"], confirmed["ThirdPartyTransID"]) == ("", "T1")
    assert asked["TransID"] == confirmed["TransID"] == outcome["receipt"]
    assert re.fullmatch("[A-Z]{3}[0-9A-Z]{7}", outcome["receipt"])
    assert re.fullmatch("20[0-9]{12}", confirmed["TransTime"])
    (receipt,) = running.world.money.receipts()
    assert (receipt["road"], receipt["amount"], receipt["account"]) == ("pay_bill", 100, DRN)


def test_pay_bill_refused_account_moves_nothing(running: Running) -> None:
    outcome = pay(running, account="37000000099")

    assert (outcome["is_paid"], outcome["result_code"]) == (False, "C2B00012")
    assert (running.world.money.receipts(), running.stub.bodies("confirmation")) == ([], [])


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"business": "600000"}, "business"),
        ({"amount": "1.5"}, "shillings"),
        ({"amount": "0"}, "shillings"),
        ({"amount": "250001"}, "shillings"),
        ({"amount": "\u0661"}, "shillings"),
        ({"amount": "20000"}, "money"),
        ({"pin": "0000"}, "PIN"),
    ],
)
def test_pay_bill_that_the_operator_refuses_never_reaches_the_product(
    running: Running, changes: dict[str, str], word: str
) -> None:
    outcome = pay(running, **changes)

    assert not outcome["is_paid"]
    assert word in outcome["text"]
    assert (running.stub.requests_seen, running.world.money.receipts()) == ([], [])


@pytest.mark.parametrize(("default", "is_paid"), [("Cancelled", False), ("Completed", True)])
def test_pay_bill_unanswered_validation_takes_the_registered_way(running: Running, default: str, is_paid: bool) -> None:
    running.world.faults.change({"validation_default": default})
    running.stub.forced["validation"] = [(500, "broken")]

    assert pay(running)["is_paid"] == is_paid


def test_pay_bill_twice_at_once_cannot_overdraw(running: Running) -> None:
    running.world.phones.get(PHONE).balance_minor = 15_000
    outcomes: list[bool] = []
    threads = [threading.Thread(target=lambda: outcomes.append(pay(running)["is_paid"])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False, False, False, True]
    assert running.world.phones.get(PHONE).balance_minor == 5_000
