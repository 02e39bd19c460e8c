"""Every endpoint and callback of the simulated mobile money against the published payloads: names and types."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from Crypto.Cipher import PKCS1_v1_5
from Crypto.PublicKey import RSA

from tests.support.payloads import json_payload
from tests.support.running_simulator import Running, simulating, wait_for
from tests.support.stub_product import ENVIRONMENT, StubProduct, bearer, demo_facts, push_order, serving

PHONE, MSISDN, DRN = "+254712000001", "254712000001", "37000000010"
SHORT_CODE = "400200"
INITIATOR = {"MPESA_INITIATOR_NAME": "apiop37", "MPESA_INITIATOR_PASSWORD": "stub-initiator-password"}


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name, value in INITIATOR.items():
        monkeypatch.setitem(ENVIRONMENT, name, value)
    with serving(StubProduct(demo_facts())) as stub, simulating(stub) as running:
        yield running


def shape(value: Any) -> Any:
    """Names and types alone. A list of named values keeps its names in order; any other list, its first item."""
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        for name in ("Key", "Name"):
            if value and isinstance(value[0], dict) and name in value[0]:
                return [(item[name], type(item.get("Value")).__name__) for item in value]
        return [shape(item) for item in value[:1]]
    return type(value).__name__


def sealed(running: Running) -> str:
    certificate = RSA.import_key(running.desk.download("portal/certificate.pem"))
    password = INITIATOR["MPESA_INITIATOR_PASSWORD"].encode()
    return base64.b64encode(PKCS1_v1_5.new(certificate).encrypt(password)).decode()


def ask(running: Running, path: str, request: dict[str, Any]) -> requests.Response:
    return requests.post(f"{running.url}{path}", json=request, headers=bearer(running.url), timeout=5)


def ask_later(running: Running, path: str, sample: str, **changes: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The answer now, and the result that is posted later."""
    base_url = running.stub.stk_url.removesuffix("stk/")
    usual = {"Initiator": "apiop37", "SecurityCredential": sealed(running)}
    usual |= {"ResultURL": f"{base_url}result/", "QueueTimeOutURL": f"{base_url}timeout/"}
    before = len(running.stub.bodies("result"))
    answer = ask(running, path, json_payload(sample) | usual | changes)
    assert answer.status_code == 200, answer.text
    result = wait_for(lambda: running.stub.bodies("result")[before:])[0]
    return answer.json(), json.loads(result)


def paid(running: Running, amount: str = "200") -> str:
    outcome = running.desk.act("phone/pay_bill", phone=PHONE, account=DRN, amount=amount, pin="1234")
    assert outcome["is_paid"]
    return str(outcome["receipt"])


def came(running: Running, door: str) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(wait_for(lambda: running.stub.bodies(door))[0])
    return value


def test_access_token_is_the_published_one(running: Running) -> None:
    pair = (ENVIRONMENT["MPESA_CONSUMER_KEY"], ENVIRONMENT["MPESA_CONSUMER_SECRET"])
    url = f"{running.url}/oauth/v1/generate?grant_type=client_credentials"
    answer = requests.get(url, auth=pair, timeout=5).json()

    assert shape(answer) == shape(json_payload("daraja/oauth_response.json"))


def test_error_is_the_published_one(running: Running) -> None:
    answer = ask(running, "/mpesa/stkpush/v1/processrequest", {})

    assert answer.status_code == 400
    assert answer.json()["errorMessage"] == json_payload("daraja/api_error.json")["errorMessage"]
    assert shape(answer.json()) == shape(json_payload("daraja/api_error.json"))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_register_takes_the_published_request_and_answers_as_published(running: Running, version: str) -> None:
    request = json_payload("daraja/c2b_register_request.json") | {"ShortCode": SHORT_CODE}

    answer = ask(running, f"/mpesa/c2b/{version}/registerurl", request)

    sample = json_payload("daraja/c2b_register_response.json")
    assert (answer.status_code, shape(answer.json())) == (200, shape(sample))
    assert (answer.json()["ResponseCode"], answer.json()["ResponseDescription"]) == ("0", "Success")


def test_simulated_payment_answers_as_published_and_tells_like_any_other(running: Running) -> None:
    request = json_payload("daraja_simulator/c2b_simulate_request.json")
    request |= {"ShortCode": SHORT_CODE, "Msisdn": MSISDN, "BillRefNumber": DRN}

    answer = ask(running, "/mpesa/c2b/v2/simulate", request)

    assert shape(answer.json()) == shape(json_payload("daraja/c2b_register_response.json"))
    assert shape(came(running, "confirmation")) == shape(json_payload("daraja/c2b_confirmation.json"))


def test_validation_and_hashed_confirmation_are_the_published_ones(running: Running) -> None:
    paid(running)

    assert shape(came(running, "validation")) == shape(json_payload("daraja/c2b_validation.json"))
    confirmation, sample = came(running, "confirmation"), json_payload("daraja/c2b_confirmation_hashed_msisdn.json")
    assert shape(confirmation) == shape(sample)
    assert len(confirmation["MSISDN"]) == len(sample["MSISDN"])


def test_masked_confirmation_is_the_published_one(running: Running) -> None:
    running.world.faults.change({"msisdn_form": "masked"})
    paid(running)

    confirmation, sample = came(running, "confirmation"), json_payload("daraja/c2b_confirmation.json")
    assert shape(confirmation) == shape(sample)
    assert (confirmation["MSISDN"], sample["MSISDN"]) == ("2547 ***** 001", "2547 ***** 126")


def test_push_its_answer_its_result_and_its_query_are_the_published_ones(running: Running) -> None:
    order = push_order(MSISDN, 200, DRN, running.stub.stk_url)
    assert order.keys() == json_payload("daraja/stk_request.json").keys()

    answer = ask(running, "/mpesa/stkpush/v1/processrequest", order).json()
    asked = {name: order[name] for name in ("BusinessShortCode", "Password", "Timestamp")}
    asked["CheckoutRequestID"] = answer["CheckoutRequestID"]
    pending = ask(running, "/mpesa/stkpushquery/v1/query", asked)
    running.desk.act("phone/pin", phone=PHONE, pin="1234")
    final = ask(running, "/mpesa/stkpushquery/v1/query", asked)

    assert shape(answer) == shape(json_payload("daraja/stk_response.json"))
    assert shape(came(running, "stk")) == shape(json_payload("daraja/stk_callback_success.json"))
    assert shape(pending.json()) == shape(json_payload("daraja/api_error.json"))
    assert (pending.status_code, pending.json()["errorCode"]) == (500, "500.001.1001")
    assert shape(final.json()) == shape(json_payload("daraja/stk_query_response.json"))


def test_cancelled_push_is_told_as_published(running: Running) -> None:
    ask(running, "/mpesa/stkpush/v1/processrequest", push_order(MSISDN, 200, DRN, running.stub.stk_url))
    running.desk.act("phone/cancel", phone=PHONE)

    told, sample = came(running, "stk"), json_payload("daraja/stk_callback_cancelled.json")
    assert shape(told) == shape(sample)
    assert told["Body"]["stkCallback"]["ResultCode"] == sample["Body"]["stkCallback"]["ResultCode"]
    assert told["Body"]["stkCallback"]["ResultDesc"] == sample["Body"]["stkCallback"]["ResultDesc"]


def test_transaction_status_is_the_published_one(running: Running) -> None:
    receipt = paid(running)

    answer, result = ask_later(
        running,
        "/mpesa/transactionstatus/v1/query",
        "daraja/transaction_status_request.json",
        TransactionID=receipt,
        PartyA=SHORT_CODE,
        Occasion="",
    )

    assert shape(answer) == shape(json_payload("daraja_simulator/taken_response.json"))
    assert shape(result) == shape(json_payload("daraja/transaction_status_result.json"))


def test_reversal_and_its_refusal_are_the_published_ones(running: Running) -> None:
    receipt = paid(running)
    facts = {"TransactionID": receipt, "Amount": "200", "ReceiverParty": SHORT_CODE}
    path, sample = "/mpesa/reversal/v1/request", "daraja/reversal_request.json"

    answer, result = ask_later(running, path, sample, **facts)
    _, again = ask_later(running, path, sample, **facts)

    assert shape(answer) == shape(json_payload("daraja_simulator/taken_response.json"))
    assert shape(result) == shape(json_payload("daraja/reversal_result_success.json"))
    assert shape(again) == shape(json_payload("daraja/reversal_result_failure.json"))


def test_account_balance_is_the_published_one(running: Running) -> None:
    paid(running)

    path, sample = "/mpesa/accountbalance/v1/query", "daraja_simulator/account_balance_request.json"
    answer, result = ask_later(running, path, sample, PartyA=SHORT_CODE)

    published = json_payload("daraja_simulator/account_balance_result.json")
    assert shape(answer) == shape(json_payload("daraja_simulator/taken_response.json"))
    assert shape(result) == shape(published)
    accounts = [
        [part.split("|")[0] for part in value["Result"]["ResultParameters"]["ResultParameter"][0]["Value"].split("&")]
        for value in (result, published)
    ]
    assert accounts[0] == accounts[1]


def test_pull_is_the_published_one(running: Running) -> None:
    paid(running)
    register = json_payload("daraja/pull_register_request.json") | {"ShortCode": SHORT_CODE}
    registered = ask(running, "/pulltransactions/v1/register", register).json()
    query = json_payload("daraja/pull_query_request.json") | {"ShortCode": SHORT_CODE}
    query |= {"StartDate": "2020-01-01 00:00:00", "EndDate": "2099-01-01 00:00:00"}
    listed = ask(running, "/pulltransactions/v1/query", query).json()

    assert shape(registered) == shape(json_payload("daraja/pull_register_response.json"))
    assert shape(listed) == shape(json_payload("daraja/pull_query_response.json"))
