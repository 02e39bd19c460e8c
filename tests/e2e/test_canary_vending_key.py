"""A vending key that nobody knows is loaded by two custodians and sells; then everything the product has left behind is
searched for it: files, tables, the broker, logs, pages, what every command printed, and what processes were given.

The components, the key-encryption key and the custodians' passwords are searched for as well.
"""

import base64
import contextlib
import json
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from gateway.simulator.meter import MeterFacts, VirtualMeter, Word
from tests.support.environment import ROOT
from tests.support.outside_callers import new_receipt
from tests.support.outside_world import OutsideWorld
from tests.support.product import Product, environment_of, is_running, wait_until
from vending.keys.check_values import check_value_of

pytestmark = [pytest.mark.money_path, pytest.mark.slow]

KEY_ENCRYPTION_KEY, LATER_KEY_ENCRYPTION_KEY = secrets.token_hex(32), secrets.token_hex(32)
SETTINGS = {"KEY_ENCRYPTION_KEY": KEY_ENCRYPTION_KEY}
PASSWORDS = {name: secrets.token_urlsafe(18) for name in ("amina.c", "juma.c")}
ONE, OTHER, WRONG = (secrets.token_bytes(20) for _ in range(3))
CANARY = bytes(a ^ b for a, b in zip(ONE, OTHER, strict=True))
NAME = ("--sgc", "201457", "--krn", "2", "--kt", "2")
LOAD = ("load", *NAME, "--base", "14", "--dkga", "4", "--check-value", check_value_of(CANARY))
HALIMA = "+254711000105"
WINDOW = 8  # so many octets of a secret are a find


@dataclass
class Evidence:
    """What was said while the canary was loaded, sold under, and things went wrong. `refused` are the exit codes."""

    said: list[str] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    words: list[Word] = field(default_factory=list)


def change(product: Product, statement: str, *values: str) -> None:
    """Change tables as their owner can, by SQL with `?` for values."""
    if url := product.environment.get("DATABASE_URL"):
        with psycopg.connect(url) as server:
            server.execute(statement.replace("?", "%s").encode(), values)
        return
    path = Path(product.environment["TOKENI_DATA_DIR"]) / "tokeni.sqlite3"
    with contextlib.closing(sqlite3.connect(path, timeout=20)) as file, file:
        file.execute(statement, values)


def run(product: Product, evidence: Evidence, *arguments: str, lines: tuple[str, ...] = (), **given: str) -> int:
    """One command with these lines on standard input; keeps all that it says."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *arguments],
        env=product.environment | given,
        input="".join(f"{line}\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    evidence.said += [done.stdout, done.stderr]
    return done.returncode


def login(name: str) -> tuple[str, str]:
    return name, PASSWORDS[name]


def custody(product: Product, evidence: Evidence) -> None:
    """Two custodians load the canary, after everything that they can do wrong."""
    for name, password in PASSWORDS.items():
        creating = ("createsuperuser", "--noinput", "--username", name, "--email", "")
        assert run(product, evidence, *creating, DJANGO_SUPERUSER_PASSWORD=password) == 0
    entries = [
        (*login("amina.c"), ONE.hex() + "zz"),
        (*login("amina.c"), ONE.hex()[2:]),
        ("amina.c", PASSWORDS["juma.c"]),
        (PASSWORDS["amina.c"], "amina.c"),
        (*login("amina.c"), ONE.hex(), "yes"),
        (*login("juma.c"), WRONG.hex(), "yes"),
        (*login("juma.c"), ONE.hex(), "yes"),
        (*login("amina.c"), OTHER.hex(), "yes"),
        (*login("juma.c"), OTHER.hex().upper(), "yes"),
    ]
    evidence.refused = [run(product, evidence, "vending_keys", "--traceback", *LOAD, lines=lines) for lines in entries]
    two = " ".join((KEY_ENCRYPTION_KEY, LATER_KEY_ENCRYPTION_KEY))
    others = [
        run(product, evidence, "vending_keys", "check-value", "--dkga", "4", lines=(ONE.hex(), OTHER.hex())),
        run(product, evidence, "vending_keys", "rotate", lines=login("juma.c"), KEY_ENCRYPTION_KEY=two),
        run(product, evidence, "vending_keys", "stop", *NAME, "--reason", "a test", lines=login("amina.c")),
        run(product, evidence, "vending_keys", "start", *NAME, lines=(*login("amina.c"), *login("juma.c"))),
    ]
    assert others == [0] * 4


def sale(product: Product, world: OutsideWorld, evidence: Evidence) -> None:
    """A token under the canary: held while its row does not open, then sent, accepted once and then used."""
    facts = product.active_meter(HALIMA)
    change(product, "UPDATE fleet_meter SET krn = 2 WHERE drn = ?", facts["drn"])
    change(product, "UPDATE vending_vendingkey SET ken = 254 WHERE krn = 2")
    receipt = new_receipt()
    evidence.statuses.append(product.caller.confirm(receipt, 100, facts["drn"], HALIMA).status_code)
    held = "SELECT 1 FROM vending_vend WHERE state = 'HELD' AND held_reason = 'vending_key_damaged'"
    wait_until(lambda: product.select(held), 15, "a sale that is held")
    change(product, "UPDATE vending_vendingkey SET ken = 255 WHERE krn = 2")
    (sms,) = wait_until(lambda: world.sms_to(HALIMA, containing=receipt), 30, "the code")
    meter = VirtualMeter(MeterFacts.read(facts | {"krn": 2}), CANARY)
    evidence.words += [meter.type_digits(sms.code).word for _ in range(2)]


def wrong_requests(product: Product, evidence: Evidence) -> None:
    """Pages that fail, among them one whose table is gone."""
    caller, wrong = product.caller, "f" * 40
    session = {"headers": {"Cookie": f"sessionid={wrong}"}}
    change(product, "ALTER TABLE django_session RENAME TO django_session_away")
    answers = [caller.send("GET", f"{product.url}/dashboard/", **session)]
    change(product, "ALTER TABLE django_session_away RENAME TO django_session")
    answers += [
        caller.send("GET", f"{product.url}/nowhere/"),
        caller.send("POST", f"{product.url}/hooks/payments/daraja/{wrong}/confirmation/", json={}),
        caller.send("POST", caller.url("payments/daraja/confirmation"), data="no json"),
        caller.send("GET", f"{product.url}/dashboard/", **session),
        caller.send("GET", f"{product.url}/health/ready"),
    ]
    evidence.statuses += [answer.status_code for answer in answers]
    evidence.said += [f"{answer.headers}\n{answer.text}" for answer in answers]


@pytest.fixture(scope="module")
def evidence(product: Product, world: OutsideWorld) -> Evidence:
    """The whole story, once."""
    evidence = Evidence()
    custody(product, evidence)
    sale(product, world, evidence)
    wrong_requests(product, evidence)
    assert run(product, evidence, "verify_books") in {0, 1}
    for arguments in (
        ("load_demo", "--json"),
        ("vending_keys", "list", "--json"),
        ("vending_keys", "list"),
        ("dumpdata",),
    ):
        assert run(product, evidence, *arguments) == 0, arguments
    assert run(product, evidence, "vending_keys", "forget", *NAME, lines=login("juma.c")) == 0
    evidence.said += [product.log(), product.output()]
    return evidence


def forms_of(secret: bytes) -> set[bytes]:
    """Every stretch of the secret as octets, as digits, as Python shows octets, and in base 64 at any place."""
    found = set()
    for start in range(len(secret) - WINDOW + 1):
        part = secret[start : start + WINDOW]
        shown = [part.hex(), part.hex().upper(), part.hex(" "), part.hex(":"), repr(part)[2:-1], str(list(part))[1:-1]]
        found |= {part, part[::-1], *(text.encode() for text in shown)}
        found.add(base64.b64encode(secret[start : start + 9])[:12] if start + 9 <= len(secret) else part)
    return found | {str(int.from_bytes(secret, order)).encode() for order in ("big", "little")}


def secret_forms() -> set[bytes]:
    passwords = {password.encode() for password in PASSWORDS.values()}
    keys = [CANARY, ONE, OTHER, WRONG, bytes.fromhex(KEY_ENCRYPTION_KEY), bytes.fromhex(LATER_KEY_ENCRYPTION_KEY)]
    return passwords.union(*map(forms_of, keys))


def finds(content: bytes) -> list[bytes]:
    return [form for form in secret_forms() if form in content]


def tables(product: Product) -> Iterator[str]:
    """Every row of every table as text, where the database's files are not ours to read."""
    listing = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
    for (table,) in product.select(listing):
        for (row,) in product.select(f'SELECT CAST(t AS text) FROM "{table}" t'):  # noqa: S608 -- our own tables
            yield str(row)


def descendants(pid: int) -> Iterator[int]:
    yield pid
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        if is_running(int(child)):
            yield from descendants(int(child))


def test_story_went_as_it_was_written(product: Product, evidence: Evidence) -> None:
    assert evidence.refused == [1] * 4 + [0] + [1] * 3 + [0]
    assert evidence.statuses == [200, 500, 404, 404, 400, 302, 200]
    assert evidence.words == [Word.ACCEPT, Word.USED]
    codes = ("key_component_refused", "custodian_refused", "check_value_differs", "custodians_not_different")
    assert [code for code in codes if not any(code in text for text in evidence.said)] == []
    (listed,) = [text for text in evidence.said if text.startswith('{"vending_keys"')]
    check_values = {key["krn"]: key["check_value"] for key in json.loads(listed)["vending_keys"]}
    assert check_values[2] == check_value_of(CANARY)


def test_search_finds_what_is_there() -> None:
    hidden = [CANARY[3:12], ONE.hex().upper().encode(), base64.b64encode(b"xx" + OTHER + b"yy"), repr(CANARY).encode()]
    assert [content for content in hidden if not finds(b"before" + content + b"after")] == []
    assert finds(b"nothing of it" + secrets.token_bytes(1000)) == []


def test_nothing_that_was_said_holds_the_canary(evidence: Evidence) -> None:
    assert len(evidence.said) > 40
    assert [finds(text.encode()) for text in evidence.said if finds(text.encode())] == []


def test_no_file_and_no_table_holds_the_canary(product: Product, evidence: Evidence) -> None:
    paths = [path for path in product.folder.rglob("*") if path.is_file()]
    assert any(path.name == "up.log" for path in paths)
    assert [path.name for path in paths if finds(path.read_bytes())] == []
    if "DATABASE_URL" in product.environment:
        rows = "\n".join(tables(product))
        assert check_value_of(CANARY) in rows
        assert finds(rows.encode()) == []
    else:
        assert check_value_of(CANARY).encode() in b"".join(
            path.read_bytes() for path in paths if path.name.startswith("tokeni.sqlite3")
        )


def test_broker_does_not_hold_the_canary(product: Product, evidence: Evidence) -> None:
    url = environment_of(product.ready["pids"]["web"])["BROKER_URL"].replace("redis+socket", "unix")
    with Redis.from_url(url) as broker:
        values = [broker.dump(name) for name in broker.scan_iter()]
    assert [value for value in values if isinstance(value, bytes) and finds(value)] == []


def test_only_the_tokens_worker_was_given_the_key_encryption_key(product: Product, evidence: Evidence) -> None:
    pids = product.ready["pids"]
    tokens, *others = [product.find_child("tokens@"), product.find_child("calls@"), pids["web"], pids["beat"]]
    assert environment_of(tokens)["KEY_ENCRYPTION_KEY"] == KEY_ENCRYPTION_KEY
    for pid in (pid for other in others for pid in descendants(other)):
        given = Path(f"/proc/{pid}/environ").read_bytes()
        assert b"SECRET" in given or b"TOKENI_MODE=demo" in given
        assert b"KEY_ENCRYPTION" not in given
        assert finds(given + Path(f"/proc/{pid}/cmdline").read_bytes()) == []
