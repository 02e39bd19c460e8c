"""The broker is a hint, no more: killed, hung or wiped, money is taken at once and the code comes when it is back."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from redis import Redis

from tests.support.outside_callers import Handset, new_receipt
from tests.support.outside_world import OutsideWorld
from tests.support.processes import Server
from tests.support.product import Product, environment_of, find_leaks, is_running, secrets_of, wait_until

pytestmark = [pytest.mark.money_path, pytest.mark.slow]

ANSWER_SECONDS = 2.0
BACK_SECONDS = 15.0
HANG_SECONDS = 3.0
AMINA, OTIENO = "+254711000101", "+254711000104"


def broker_pid(product: Product, own_redis: Server | None) -> int:
    if own_redis:
        assert own_redis.process
        return own_redis.process.pid
    return wait_until(lambda: product.find_child("unixsocket"), 10, "the private broker")


@contextmanager
def without_broker(product: Product, own_redis: Server | None) -> Iterator[None]:
    """Killed by signal 9, with all that it held in memory, and back empty at the end."""
    pid = broker_pid(product, own_redis)
    product.signal(signal.SIGSTOP)  # or `up` would bring it back at once
    try:
        os.kill(pid, signal.SIGKILL)
        if own_redis:
            own_redis.stop()
        else:
            wait_until(lambda: not is_running(pid), 5, "the end of the broker")
        yield
    finally:
        if own_redis:
            own_redis.start()
        product.signal(signal.SIGCONT)


@contextmanager
def with_hung_broker(product: Product, own_redis: Server | None) -> Iterator[None]:
    """Connections stay open and nothing answers."""
    pid = broker_pid(product, own_redis)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def timed(act: Callable[[], object]) -> float:
    started_at = time.monotonic()
    act()
    return time.monotonic() - started_at


def pay(product: Product, phone: str) -> tuple[str, float]:
    """A payment that is answered with 200: its receipt, and how long the answer took."""
    receipt, drn = new_receipt(), product.active_meter(phone)["drn"]
    started_at = time.monotonic()
    assert product.caller.confirm(receipt, 100, drn, phone).status_code == 200
    return receipt, time.monotonic() - started_at


def codes(world: OutsideWorld, phone: str, receipt: str) -> list[str]:
    return [sms.code for sms in world.sms_to(phone, containing=receipt)]


def test_payment_with_the_broker_up_is_served(product: Product, world: OutsideWorld) -> None:
    """The workers are connected when the broker goes: the tests below begin here."""
    receipt, seconds = pay(product, OTIENO)

    wait_until(lambda: codes(world, OTIENO, receipt), BACK_SECONDS, "the code")
    assert seconds < ANSWER_SECONDS


def test_payment_while_the_broker_is_dead_is_taken_at_once_and_served_when_it_is_back(
    product: Product, world: OutsideWorld, own_redis: Server | None
) -> None:
    with without_broker(product, own_redis):
        paid = [pay(product, OTIENO) for _ in range(3)]
        screens = timed(lambda: Handset(product.caller, AMINA).dial("1", "4", "200", "1"))

    assert max(seconds for _, seconds in paid) < ANSWER_SECONDS
    assert screens < ANSWER_SECONDS
    for receipt, _ in paid:
        wait_until(lambda: codes(world, OTIENO, receipt), BACK_SECONDS, "the code")  # noqa: B023
    wait_until(lambda: world.pushes_to(AMINA), BACK_SECONDS, "the prompt")
    assert [len(codes(world, OTIENO, receipt)) for receipt, _ in paid] == [1, 1, 1]


def test_payment_while_the_broker_hangs_is_taken_at_once_and_served_when_it_goes_on(
    product: Product, world: OutsideWorld, own_redis: Server | None
) -> None:
    with with_hung_broker(product, own_redis):
        receipt, seconds = pay(product, OTIENO)
        time.sleep(HANG_SECONDS)
        later, later_seconds = pay(product, OTIENO)

    assert max(seconds, later_seconds) < ANSWER_SECONDS
    wait_until(lambda: codes(world, OTIENO, receipt) and codes(world, OTIENO, later), BACK_SECONDS, "both codes")
    assert len(codes(world, OTIENO, receipt)) == len(codes(world, OTIENO, later)) == 1


def test_payment_whose_hint_is_wiped_from_the_broker_is_served_by_a_sweep(
    product: Product, world: OutsideWorld, own_redis: Server | None
) -> None:
    pid = wait_until(lambda: product.find_child("tokens@"), 10, "the tokens worker")
    client = Redis.from_url(environment_of(pid)["BROKER_URL"].replace("redis+socket", "unix"))
    os.kill(pid, signal.SIGSTOP)
    try:
        receipt, _ = pay(product, OTIENO)
        wait_until(lambda: client.llen("tokens"), 5, "the hint in the broker")
        client.flushall()
    finally:
        os.kill(pid, signal.SIGCONT)
        client.close()

    wait_until(lambda: codes(world, OTIENO, receipt), BACK_SECONDS, "the code")
    assert len(codes(world, OTIENO, receipt)) == 1


def test_books_and_log_after_all_this_are_clean(product: Product, world: OutsideWorld) -> None:
    assert product.books() == "differences: 0"
    assert find_leaks(product.log(), secrets_of(product, world), product.facts["phones"]) == []
