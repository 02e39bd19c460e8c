"""Addresses that a merchant registers, simulated payments, and what an unanswered question comes to."""

from typing import Any

import pytest
import requests

from tests.support.running_simulator import Running, wait_for
from tests.support.stub_product import bearer

PHONE, MSISDN, DRN = "+254712000001", "254712000001", "37000000010"


def ask(running: Running, path: str, request: dict[str, Any]) -> requests.Response:
    return requests.post(f"{running.url}{path}", json=request, headers=bearer(running.url), timeout=5)


def addresses(running: Running, **changes: str) -> dict[str, Any]:
    base_url = running.stub.stk_url.removesuffix("stk/")
    usual = {"ShortCode": "400200", "ResponseType": "Cancelled"}
    usual |= {"ConfirmationURL": f"{base_url}confirmation/", "ValidationURL": f"{base_url}validation/"}
    return usual | changes


def register(running: Running, version: str = "v2", **changes: str) -> requests.Response:
    return ask(running, f"/mpesa/c2b/{version}/registerurl", addresses(running, **changes))


def pay(running: Running) -> dict[str, Any]:
    return running.desk.act("phone/pay_bill", phone=PHONE, account=DRN, amount="100", pin="1234")


def simulated(**changes: str) -> dict[str, Any]:
    usual = {"ShortCode": "400200", "CommandID": "CustomerPayBillOnline", "Amount": "150", "Msisdn": MSISDN}
    return usual | {"BillRefNumber": DRN} | changes


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ShortCode": "600000"}, "ShortCode"),
        ({"ResponseType": "Perhaps"}, "ResponseType"),
        ({"ConfirmationURL": "ftp://127.0.0.1/c"}, "ConfirmationURL"),
        ({"ValidationURL": ""}, "ValidationURL"),
    ],
)
def test_register_bad_field_is_refused_by_its_name(running: Running, changes: dict[str, str], field: str) -> None:
    answer = register(running, **changes)

    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
    assert running.world.money.pay_bills.registered is None


@pytest.mark.parametrize("word", ["mpesa", "safaricom", "exe", "cmd", "sql", "query", "MPesa"])
def test_register_where_addresses_are_checked_takes_https_without_the_words(running: Running, word: str) -> None:
    running.world.faults.change({"checks_addresses": True})
    good = {"ConfirmationURL": "https://vend.example/cb/c/1", "ValidationURL": "https://vend.example/cb/v/1"}

    assert register(running, **good | {"ValidationURL": "http://vend.example/cb/v/1"}).status_code == 400
    assert register(running, **good | {"ConfirmationURL": f"https://vend.example/{word}/c/1"}).status_code == 400
    assert register(running, **good).status_code == 200


def test_register_in_production_is_done_once(running: Running) -> None:
    running.world.faults.change({"is_production": True})

    assert register(running).status_code == 200
    again = register(running, ResponseType="Completed")

    assert (again.status_code, again.json()["errorCode"]) == (500, "500.003.1001")
    assert again.json()["errorMessage"] == "Urls are already registered"
    registered = running.world.money.pay_bills.registered
    assert registered is not None
    assert registered.response_type == "Cancelled"


def test_register_in_the_sandbox_may_be_done_again(running: Running) -> None:
    assert register(running).status_code == 200
    assert register(running, ResponseType="Completed").status_code == 200


@pytest.mark.parametrize(("version", "start"), [("v1", None), ("v2", "2547 ***** 001")])
def test_register_version_says_how_the_payer_is_hidden(running: Running, version: str, start: str | None) -> None:
    register(running, version)
    pay(running)

    (body,) = wait_for(lambda: running.stub.bodies("confirmation"))
    assert ("2547 ***** 001" in body) == (start is not None)
    assert MSISDN not in body


def test_clear_payer_is_told_when_the_plan_says_so(running: Running) -> None:
    running.world.faults.change({"msisdn_form": "clear"})
    pay(running)

    (body,) = wait_for(lambda: running.stub.bodies("confirmation"))
    assert MSISDN in body


@pytest.mark.parametrize(("response_type", "is_paid"), [("Cancelled", False), ("Completed", True)])
def test_unanswered_validation_takes_the_way_that_was_registered(
    running: Running, response_type: str, is_paid: bool
) -> None:
    other = "Completed" if response_type == "Cancelled" else "Cancelled"
    running.world.faults.change({"validation_default": other})
    register(running, ResponseType=response_type)
    running.stub.forced["validation"] = [(200, "<html>")]

    assert pay(running)["is_paid"] == is_paid


def test_simulated_payment_moves_money_like_any_other(running: Running) -> None:
    answer = ask(running, "/mpesa/c2b/v1/simulate", simulated())

    assert answer.status_code == 200
    assert len(wait_for(lambda: running.stub.bodies("confirmation"))) == 1
    (receipt,) = running.world.money.receipts()
    assert (receipt["amount"], receipt["account"], receipt["phone"]) == (150, DRN, PHONE)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"ShortCode": "600000"}, "ShortCode"),
        ({"CommandID": "PayBill"}, "CommandID"),
        ({"Amount": "0"}, "Amount"),
        ({"Amount": "1.50"}, "Amount"),
        ({"Msisdn": "712"}, "Msisdn"),
    ],
)
def test_simulated_payment_bad_field_moves_nothing(running: Running, changes: dict[str, str], field: str) -> None:
    answer = ask(running, "/mpesa/c2b/v2/simulate", simulated(**changes))

    assert (answer.status_code, answer.json()["errorMessage"]) == (400, f"Bad Request - Invalid {field}")
    assert running.world.money.receipts() == []


def test_simulated_payment_in_production_is_not_there(running: Running) -> None:
    running.world.faults.change({"is_production": True})

    assert ask(running, "/mpesa/c2b/v2/simulate", simulated()).status_code == 404
    assert running.world.money.receipts() == []
