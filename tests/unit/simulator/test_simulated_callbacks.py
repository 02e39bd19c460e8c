"""What goes wrong with some callbacks only: always the same ones for one seed."""

import json
from typing import Any

import pytest
import requests

from gateway.simulator.faults import FaultPlan, FaultPlanError
from tests.support.running_simulator import Running, wait_for
from tests.support.stub_product import bearer, push_order

PHONE, DRN = "+254712000001", "37000000010"


def pay(running: Running, times: int = 1) -> list[str]:
    paid = [running.desk.act("phone/pay_bill", phone=PHONE, account=DRN, amount="10", pin="1234") for _ in range(times)]
    return [outcome["receipt"] for outcome in paid]


def counts(running: Running) -> dict[str, int]:
    found: dict[str, int] = running.desk.view("portal/callbacks")["counts"]
    return found


def told(running: Running) -> list[dict[str, Any]]:
    return [json.loads(body) for body in running.stub.bodies("confirmation")]


@pytest.mark.parametrize(
    "knobs",
    [{"callbacks_lost_percent": 101}, {"seed": -1}, {"seed": 1.5}, {"msisdn_form": "open"}, {"is_production": 1}],
)
def test_plan_bad_knob_of_some_callbacks_changes_nothing(knobs: dict[str, object]) -> None:
    plan = FaultPlan()

    with pytest.raises(FaultPlanError):
        plan.change(knobs)

    assert plan == FaultPlan()


def test_plan_strikes_the_same_ones_for_one_seed_and_about_as_many_as_asked() -> None:
    plan, other = FaultPlan(seed=7), FaultPlan(seed=8)
    struck = [name for name in range(2000) if plan.happens(10, "lost", name)]

    assert struck == [name for name in range(2000) if FaultPlan(seed=7).happens(10, "lost", name)]
    assert struck != [name for name in range(2000) if other.happens(10, "lost", name)]
    assert 140 < len(struck) < 260
    assert not any(plan.happens(0, "lost", name) for name in range(100))
    assert all(plan.happens(100, "lost", name) for name in range(100))


def test_callbacks_lost_and_doubled_add_up(running: Running) -> None:
    running.world.faults.change({"callbacks_lost_percent": 30, "callbacks_twice_percent": 30, "seed": 3})
    pay(running, 40)

    wait_for(lambda: counts(running).get("confirmation taken", 0) + counts(running)["confirmation lost"] >= 40)
    seen = wait_for(
        lambda: counts(running)
        if counts(running)["confirmation taken"] == 40 - counts(running)["confirmation lost"]
        + counts(running)["confirmation doubled"]
        else {}
    )  # fmt: skip
    assert seen["confirmation lost"] > 0
    assert len(told(running)) == seen["confirmation taken"]


def test_payment_that_nobody_tells_is_in_the_books_all_the_same(running: Running) -> None:
    running.world.faults.change({"payments_untold_percent": 100})
    (receipt,) = pay(running)

    (payment,) = running.desk.view("portal/moved")["payments"]
    assert (payment["receipt"], payment["is_told"]) == (receipt, False)
    assert counts(running) == {"confirmation untold": 1}


def test_scattered_callbacks_overtake_one_another(running: Running) -> None:
    running.world.faults.change({"callback_scatter_seconds": 0.4, "seed": 1})
    receipts = pay(running, 12)

    wait_for(lambda: len(told(running)) == 12)
    assert [body["TransID"] for body in told(running)] != receipts
    assert sorted(body["TransID"] for body in told(running)) == sorted(receipts)


def test_late_callback_comes_late(running: Running) -> None:
    running.world.faults.change({"callbacks_late_percent": 100, "callback_late_seconds": 0.2})
    pay(running)

    assert told(running) == []
    wait_for(lambda: told(running))
    assert counts(running)["confirmation late"] == 1


def test_wrong_amount_is_told_by_every_road(running: Running) -> None:
    running.world.faults.change({"wrong_amount_percent": 100})
    pay(running)

    wait_for(lambda: told(running))
    assert told(running)[0]["TransAmount"] == "1000.00"
    assert running.world.phones.get(PHONE).balance_minor == 1_000_000 - 1_000


def test_callback_that_the_product_does_not_take_is_not_sent_again(running: Running) -> None:
    running.stub.forced["confirmation"] = [(503, "later")]
    pay(running)

    wait_for(lambda: counts(running).get("confirmation refused"))
    assert len(told(running)) == 1


def test_api_that_breaks_does_nothing(running: Running) -> None:
    running.world.faults.change({"api_error_percent": 100, "api_slow_percent": 100, "api_slow_seconds": 0.01})
    request = {"ShortCode": "400200", "CommandID": "CustomerPayBillOnline", "Amount": "1", "Msisdn": PHONE[1:]}

    url = f"{running.url}/mpesa/c2b/v2/simulate"
    answer = requests.post(url, json=request, headers=bearer(running.url), timeout=5)

    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert running.world.money.receipts() == []


def test_payment_that_is_not_asked_about_moves_to_any_account(running: Running) -> None:
    running.world.faults.change({"unasked_percent": 100, "callbacks_lost": ["confirmation"]})

    outcome = running.desk.act("phone/pay_bill", phone=PHONE, account="rent", amount="10", pin="1234")

    assert outcome["is_paid"]
    assert running.stub.bodies("validation") == []


@pytest.mark.parametrize(("cancelled_percent", "code"), [(0, 0), (100, 1032)])
def test_customer_on_his_own_answers_the_prompt(running: Running, cancelled_percent: int, code: int) -> None:
    running.world.faults.change({"prompt_answer_seconds": 0.05, "prompts_cancelled_percent": cancelled_percent})
    order = push_order(PHONE[1:], 50, DRN, running.stub.stk_url)
    requests.post(f"{running.url}/mpesa/stkpush/v1/processrequest", json=order, headers=bearer(running.url), timeout=5)

    (body,) = wait_for(lambda: running.stub.bodies("stk"))
    assert json.loads(body)["Body"]["stkCallback"]["ResultCode"] == code
    assert running.desk.view("phone", phone=PHONE)["prompt"] is None
