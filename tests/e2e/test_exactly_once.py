"""One payment told twenty times, at once, out of order, by two doors, on twenty connections to two web processes."""

import http.client
import json
import random
import threading
import time
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

import pytest

from tests.support.outside_callers import Handset, c2b, new_receipt, stk_paid
from tests.support.outside_world import OutsideWorld
from tests.support.product import Product, command_line, find_leaks, secrets_of, wait_until

pytestmark = [pytest.mark.money_path, pytest.mark.slow]

SETTINGS = {"WEB_PROCESSES": "2"}
TIMES = 20
AMINA, JUMA, WANJIRU = "+254711000101", "+254711000102", "+254711000103"
DONE = {"ResultCode": 0, "ResultDesc": "Success"}
Call = tuple[str, Mapping[str, object]]


@pytest.fixture(scope="module")
def told() -> dict[str, str]:
    """The phone that paid, by receipt, for a last look when sweeps have come by."""
    return {}


def told_at_once(calls: Sequence[Call]) -> list[tuple[int, object]]:
    """Each call on a connection of its own, all open before the first octet is sent; the answers."""
    answers: list[tuple[int, object]] = []
    together = threading.Barrier(len(calls), timeout=20)

    def tell(url: str, value: Mapping[str, object]) -> None:
        address = urlsplit(url)
        connection = http.client.HTTPConnection(address.netloc, timeout=20)
        connection.connect()
        together.wait()
        connection.request("POST", address.path, json.dumps(value), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answers.append((answer.status, json.loads(answer.read())))
        connection.close()

    threads = [threading.Thread(target=tell, args=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def assert_one_of_everything(product: Product, receipt: str) -> None:
    """One payment row, one authority, one token with its digits, one sale, one set of postings that sums to nothing."""
    ((payment_id, state),) = product.select("SELECT id, state FROM gateway_payment WHERE receipt = ?", receipt)
    assert state == "ALLOCATED"
    ((digits, vend_state),) = product.select(
        "SELECT t.digits, v.state FROM vending_authority a JOIN vending_token t ON t.authority_id = a.id"
        " JOIN vending_vend v ON v.authority_id = a.id WHERE a.kind = 'payment' AND a.reference = ?",
        str(payment_id),
    )
    assert (len(digits), vend_state) == (20, "ISSUED")
    entries = product.select(
        "SELECT e.cause, SUM(l.amount_minor) FROM vending_ledgerentry e JOIN vending_ledgerline l ON l.entry_id = e.id"
        " WHERE e.cause LIKE ? GROUP BY e.cause",
        f"payment:{payment_id}:%",
    )
    assert entries == [(f"payment:{payment_id}:allocated", 0)]


def totals(product: Product) -> list[int]:
    tables = ("gateway_payment", "vending_token", "vending_vend", "vending_ledgerentry", "gateway_message")
    return [product.count(f"SELECT COUNT(*) FROM {table}") for table in tables]  # noqa: S608 - names of our own


def journalled(product: Product, receipt: str) -> int:
    return product.count("SELECT COUNT(*) FROM gateway_callback WHERE subject = ?", receipt)


@pytest.mark.parametrize("seed", [1, 2])
def test_payment_told_by_both_doors_twenty_times_at_once_is_one_of_everything(
    product: Product, world: OutsideWorld, told: dict[str, str], seed: int
) -> None:
    phone = (AMINA, WANJIRU)[seed - 1]
    assert Handset(product.caller, phone).dial("1", "4", "200", "1").is_end
    push = wait_until(lambda: world.pushes_to(phone), 10, "the prompt")[-1]
    before, receipt = totals(product), new_receipt()
    account = str(push.fields["AccountReference"])
    stk: Call = (str(push.fields["CallBackURL"]), stk_paid(push, receipt))
    confirmation: Call = (product.caller.url("payments/daraja/confirmation"), c2b(receipt, 200, account, phone))
    calls = [stk, confirmation] * (TIMES // 2)
    random.Random(seed).shuffle(calls)

    assert told_at_once(calls) == [(200, DONE)] * TIMES
    wait_until(lambda: world.sms_to(phone, containing=receipt), 10, "the code")
    assert told_at_once(calls) == [(200, DONE)] * TIMES

    told[receipt] = phone
    assert_one_of_everything(product, receipt)
    assert [sms.to for sms in world.sms if receipt in sms.text] == [phone]
    assert journalled(product, receipt) == 2 * TIMES
    # The purchase was a payment row before: sales, postings and texts are one more each.
    assert [after - was for after, was in zip(totals(product), before, strict=True)] == [0, 1, 1, 1, 1]


def test_payment_that_nobody_announced_told_twenty_times_at_once_is_one_of_everything(
    product: Product, world: OutsideWorld, told: dict[str, str]
) -> None:
    before, receipt, drn = totals(product), new_receipt(), product.active_meter(JUMA)["drn"]
    call = (product.caller.url("payments/daraja/confirmation"), c2b(receipt, 100, drn, JUMA))

    assert told_at_once([call] * TIMES) == [(200, DONE)] * TIMES

    wait_until(lambda: world.sms_to(JUMA, containing=receipt), 10, "the code")
    told[receipt] = JUMA
    assert_one_of_everything(product, receipt)
    assert [sms.to for sms in world.sms if receipt in sms.text] == [JUMA]
    assert [after - was for after, was in zip(totals(product), before, strict=True)] == [1, 1, 1, 1, 1]


def test_many_payments_for_one_meter_at_once_have_tokens_of_their_own(product: Product, world: OutsideWorld) -> None:
    receipts, drn = [new_receipt() for _ in range(TIMES)], product.active_meter(JUMA, place=1)["drn"]
    url = product.caller.url("payments/daraja/confirmation")

    assert told_at_once([(url, c2b(receipt, 50, drn, JUMA)) for receipt in receipts]) == [(200, DONE)] * TIMES

    def codes() -> list[str]:
        return [sms.code for sms in world.sms_to(JUMA) if sms.text.split()[-1] in receipts]

    wait_until(lambda: len(codes()) >= TIMES, 15, "twenty codes")
    assert len(codes()) == len(set(codes())) == TIMES
    for receipt in receipts:
        assert_one_of_everything(product, receipt)
    tids = product.select(
        "SELECT tid FROM vending_token WHERE meter_id = (SELECT id FROM fleet_meter WHERE drn = ?) ORDER BY id", drn
    )
    assert tids == sorted(set(tids))


def test_web_ran_as_two_processes_all_the_time(product: Product) -> None:
    master = product.ready["pids"]["web"]
    with open(f"/proc/{master}/task/{master}/children") as children:
        serving = [pid for pid in map(int, children.read().split()) if command_line(pid)]

    assert len(serving) == 2
    assert "Worker (pid:" not in product.log()


def test_two_sweeps_later_nothing_more_has_come_of_any_payment(
    product: Product, world: OutsideWorld, told: dict[str, str]
) -> None:
    before = totals(product)

    time.sleep(4.5)

    assert totals(product) == before
    for receipt, phone in told.items():
        assert_one_of_everything(product, receipt)
        assert [sms.to for sms in world.sms if receipt in sms.text] == [phone]


def test_books_and_log_after_all_this_are_clean(product: Product, world: OutsideWorld) -> None:
    assert product.books() == "differences: 0"
    assert find_leaks(product.log(), secrets_of(product, world), product.facts["phones"]) == []
    assert "Traceback" not in product.log()
