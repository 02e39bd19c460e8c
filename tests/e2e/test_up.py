"""`manage.py up` as a process: its ready line, its children, their end and return; and what production refuses."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.environment import ROOT
from tests.support.outside_callers import new_receipt
from tests.support.outside_world import OutsideWorld
from tests.support.product import Product, environment_of, is_running, prepare, wait_until

pytestmark = [pytest.mark.money_path, pytest.mark.slow]

KEY_FILE = "KEY_ENCRYPTION_KEY_FILE"
INITIATOR_PASSWORD, CERTIFICATE = "MPESA_INITIATOR_PASSWORD", "MPESA_CERTIFICATE_FILE"
OTIENO = "+254711000104"
END_SECONDS = 10.0
RETURN_SECONDS = 10.0


@pytest.fixture(scope="module")
def product(
    tmp_path_factory: pytest.TempPathFactory, world: OutsideWorld, addresses: dict[str, str]
) -> Iterator[Product]:
    """With the key's file named by the operator, and a fail-point that only the first tokens worker may see."""
    folder = tmp_path_factory.mktemp("up")
    key_file = folder / "key"
    key_file.write_text(os.urandom(32).hex())
    product = prepare(
        folder, world, addresses, **{KEY_FILE: str(key_file), INITIATOR_PASSWORD: "word", CERTIFICATE: "here.pem"}
    )
    product.load_demo()
    product.start(TOKENI_FAILPOINT="issue_after_commit:kill")
    yield product
    product.stop()


def descendants(pid: int) -> set[int]:
    """Children, their children, and so on."""
    found: set[int] = set()
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= {int(child), *descendants(int(child))} if is_running(int(child)) else set()
    return found


def test_up_prints_one_ready_line_that_names_its_children(product: Product) -> None:
    assert json.loads(product.output()) == product.ready
    assert set(product.ready) == {"event", "url", "pids"}
    assert (product.ready["event"], product.ready["url"]) == ("ready", product.url)
    pids = product.ready["pids"]
    assert [pids["web"], *pids["workers"], pids["beat"]] == [
        product.find_child(word) for word in ("gunicorn", "tokens@", "calls@", "beat-schedule")
    ]
    assert product.caller.send("GET", f"{product.url}/health/ready").status_code == 200


def test_key_encryption_key_is_named_to_the_tokens_worker_alone(product: Product) -> None:
    holders = {pid for pid in product.children() if KEY_FILE in environment_of(pid)}

    assert holders == {product.find_child("tokens@")}
    web = {pid for pid in descendants(product.ready["pids"]["web"]) if KEY_FILE in environment_of(pid)}
    assert web == set()


def test_initiator_password_is_named_to_the_worker_of_the_payments_queue_alone(product: Product) -> None:
    everybody = {*product.children(), *descendants(product.ready["pids"]["web"])}

    holders = {pid for pid in everybody if INITIATOR_PASSWORD in environment_of(pid)}

    assert holders == {product.find_child("calls@")}
    assert environment_of(*holders)[CERTIFICATE] == str(ROOT / "here.pem"), "whole, wherever `up` was called from"


def test_worker_killed_at_a_fail_point_is_started_again_without_it(product: Product, world: OutsideWorld) -> None:
    first, receipt = product.ready["pids"]["workers"][0], new_receipt()
    drn = product.active_meter(OTIENO)["drn"]

    assert product.caller.confirm(receipt, 100, drn, OTIENO).status_code == 200

    wait_until(lambda: not is_running(first), 10, "the first worker's end")
    died_at = time.monotonic()
    (sms,) = wait_until(lambda: world.sms_to(OTIENO, containing=receipt), RETURN_SECONDS, "the code")
    assert time.monotonic() - died_at < RETURN_SECONDS
    assert sms.code
    assert "TOKENI_FAILPOINT" not in environment_of(product.find_child("tokens@"))
    assert KEY_FILE in environment_of(product.find_child("tokens@"))


@pytest.mark.parametrize("word", ["gunicorn", "calls@", "beat-schedule"])
def test_child_that_is_killed_is_started_again(product: Product, word: str) -> None:
    first = product.find_child(word)

    os.kill(first, signal.SIGKILL)

    again = wait_until(lambda: product.find_child(word) not in {0, first} and product.find_child(word), 10, word)
    assert is_running(again)
    assert [pid for pid, words in product.children().items() if any(word in part for part in words)] == [again]


def test_product_serves_after_its_children_came_back(product: Product, world: OutsideWorld) -> None:
    receipt, drn = new_receipt(), product.active_meter(OTIENO)["drn"]
    wait_until(lambda: is_ready(product), RETURN_SECONDS, "the web process")

    assert product.caller.confirm(receipt, 100, drn, OTIENO).status_code == 200

    wait_until(lambda: world.sms_to(OTIENO, containing=receipt), RETURN_SECONDS, "the code")


def is_ready(product: Product) -> bool:
    try:
        return product.caller.send("GET", f"{product.url}/health/ready").status_code == 200
    except OSError:
        return False


def test_up_ends_by_sigterm_within_ten_seconds_and_leaves_nobody(product: Product) -> None:
    assert product.process
    process = product.process
    family = descendants(process.pid)
    assert len(family) >= 5

    process.terminate()

    assert process.wait(END_SECONDS) == 0
    assert [pid for pid in family if is_running(pid)] == []
    assert not is_ready(product)


def test_up_whose_own_process_is_killed_takes_its_children_with_it(product: Product) -> None:
    product.start()
    assert product.process
    family = descendants(product.process.pid)

    product.process.kill()
    product.process.wait()

    wait_until(lambda: not [pid for pid in family if is_running(pid)], END_SECONDS, "the end of the children")


def test_up_from_another_folder_serves(product: Product) -> None:
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "manage.py"), "up", "--bind", product.bind],
        env=product.environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: is_ready(product), 20, "the web process")
    finally:
        process.terminate()
        assert process.wait(END_SECONDS) == 0


@pytest.mark.parametrize(
    ("arguments", "settings", "word"),
    [
        (["load_demo", "--json"], {}, "load_demo"),
        (["simulator", "--product", "http://127.0.0.1:9"], {}, "simulator"),
        (["demo"], {}, "demo"),
        (["migrate"], {"TOKENI_FAILPOINT": "issue_after_commit:kill"}, "TOKENI_FAILPOINT"),
        (["up"], {"HOOK_SECRETS": ""}, "HOOK_SECRETS"),
        (["up"], {"HOOK_SECRETS": "0123456789abcdef"}, "HOOK_SECRETS"),
        (["up"], {KEY_FILE: "/nowhere/key"}, KEY_FILE),
        (["up"], {KEY_FILE: "", "KEY_ENCRYPTION_KEY": "0123456789abcdef"}, "KEY_ENCRYPTION_KEY"),
    ],
)
def test_production_refuses_and_names_what_it_refuses(
    product: Product, arguments: list[str], settings: dict[str, str], word: str
) -> None:
    secret = os.urandom(16).hex()

    done = product.manage(*arguments, **{"TOKENI_MODE": "production", "HOOK_SECRETS": secret} | settings)

    assert done.returncode != 0
    assert done.stdout == ""
    assert word in done.stderr
    assert not any(hidden in done.stderr for hidden in (secret, "0123456789abcdef", product.facts["hook_secret"]))


def test_production_refuses_the_published_key_that_a_demo_has_left_behind(
    product: Product, world: OutsideWorld
) -> None:
    receipt, drn = new_receipt(), product.active_meter(OTIENO)["drn"]
    before = product.count("SELECT COUNT(*) FROM vending_token WHERE digits <> ''")
    product.start(TOKENI_MODE="production", HOOK_SECRETS=product.facts["hook_secret"])
    try:
        assert product.caller.confirm(receipt, 100, drn, OTIENO).status_code == 200
        held = "SELECT v.state, v.held_reason FROM vending_vend v WHERE v.state = 'HELD'"
        wait_until(lambda: product.select(held), 25, "the sale to be held")
        assert product.count("SELECT COUNT(*) FROM vending_token WHERE digits <> ''") == before
        assert world.sms_to(OTIENO, containing=receipt) == []
    finally:
        product.stop()
