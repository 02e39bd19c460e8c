"""`docker/entrypoint.sh` run as it is, without an engine, on PostgreSQL and Redis; `compose.yaml` read against it."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from celery import Celery
from redis import Redis

from gateway.queues import Queue
from tests.support.environment import ROOT, settings_for_tests
from tests.support.processes import Server, free_port
from tests.support.servers import PostgresServer

ENTRYPOINT = ROOT / "docker" / "entrypoint.sh"
WAIT_SECONDS = 30.0
KEY_FILE, KEY = "KEY_ENCRYPTION_KEY_FILE", "KEY_ENCRYPTION_KEY"
INITIATOR_PASSWORD = "MPESA_INITIATOR_PASSWORD"


@pytest.fixture
def environment(tmp_path: Path, postgres: PostgresServer, redis: Server) -> dict[str, str]:
    """A production server's settings, on an empty database and an empty Redis database of its own."""
    redis_url = redis.url.removesuffix("/0") + "/9"
    Redis.from_url(redis_url).flushdb()
    addresses = {
        "DATABASE_URL": postgres.create_database("entrypoint"),
        "BROKER_URL": redis_url,
        "REDIS_URL": redis_url,
        "BIND": f"127.0.0.1:{free_port()}",
        "TMPDIR": str(tmp_path),
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    settings = settings_for_tests(tmp_path, addresses) | {KEY: secrets.token_hex(32), INITIATOR_PASSWORD: "word"}
    return settings | {"TOKENI_MODE": "production", "PUBLIC_BASE_URL": f"http://{addresses['BIND']}", "PATH": path}


def run(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ENTRYPOINT, *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@contextlib.contextmanager
def started(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the entry point; SIGTERM must end it well within a container's grace."""
    process = subprocess.Popen([ENTRYPOINT, *arguments], env=environment, cwd="/")
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) in {0, -signal.SIGTERM}
    finally:
        process.kill()
        process.wait(10)


def wait_until(condition: Any, process: subprocess.Popen[bytes]) -> Any:
    deadline = time.monotonic() + WAIT_SECONDS
    while not (value := condition()):
        assert process.poll() is None, "the process ended by itself"
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.1)
    return value


def status_of(url: str) -> int:
    try:
        return requests.get(url, timeout=5).status_code
    except requests.ConnectionError:
        return 0


def was_given_key(process: subprocess.Popen[bytes]) -> bool:
    """Whether the program that the entry point became was started with either of the key's settings."""
    names = {pair.partition("=")[0] for pair in Path(f"/proc/{process.pid}/environ").read_text().split("\0")}
    assert len(names & {KEY_FILE, KEY}) != 1, "both or none"
    return KEY in names


def was_given_initiator_password(process: subprocess.Popen[bytes]) -> bool:
    return f"\0{INITIATOR_PASSWORD}=" in "\0" + Path(f"/proc/{process.pid}/environ").read_text()


def may_leave_a_core_dump(process: subprocess.Popen[bytes]) -> bool:
    limits = Path(f"/proc/{process.pid}/limits").read_text().splitlines()
    (line,) = [line for line in limits if line.startswith("Max core file size")]
    return line.split()[4:6] != ["0", "0"]


def tasks_done(environment: dict[str, str], queue: Queue) -> dict[str, int]:
    """How often this host's worker of the queue has run each task."""
    name = f"{queue}@{socket.gethostname()}"
    with Celery(broker=environment["BROKER_URL"], set_as_current=False) as app:
        stats = app.control.inspect(destination=[name], timeout=1).stats() or {}
    return dict(stats.get(name, {}).get("total", {}))


@pytest.mark.slow
def test_entrypoint_on_an_empty_database_migrates_and_serves(environment: dict[str, str]) -> None:
    migrated = run(environment, "migrate")
    assert migrated.returncode == 0, migrated.stderr

    with started(environment, "web") as web:
        url = f"http://{environment['BIND']}"
        wait_until(lambda: status_of(f"{url}/health/live") == 200, web)
        assert status_of(f"{url}/health/ready") == 200
        assert not was_given_key(web)
        assert not was_given_initiator_password(web)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(environment["BIND"].rpartition(":")[2])), timeout=2)


@pytest.mark.slow
def test_entrypoint_beat_wakes_each_worker_and_only_tokens_has_the_key(environment: dict[str, str]) -> None:
    assert run(environment, "migrate").returncode == 0

    with contextlib.ExitStack() as processes:
        beat = processes.enter_context(started(environment, "beat"))
        workers = {queue: processes.enter_context(started(environment, "worker", queue)) for queue in Queue}
        for queue, worker in workers.items():
            wait_until(lambda: tasks_done(environment, queue), worker)  # noqa: B023
            assert was_given_key(worker) == (queue == Queue.TOKENS)
            assert was_given_initiator_password(worker) == (queue == Queue.PAYMENTS)
            assert not may_leave_a_core_dump(worker)
            assert run(environment, "ping", queue).returncode == 0
        assert beat.poll() is None
        assert not was_given_key(beat)
        assert not was_given_initiator_password(beat)
        for process in (beat, *workers.values()):
            process.send_signal(signal.SIGTERM)
    assert run(environment, "ping", Queue.TOKENS).returncode != 0


@pytest.mark.parametrize("given", [{KEY_FILE: "/nowhere"}, {KEY_FILE: "", KEY: "0123456789abcdef"}], ids=list)
def test_entrypoint_starts_no_tokens_worker_with_a_key_that_is_none(
    environment: dict[str, str], given: dict[str, str]
) -> None:
    done = run(environment | given, "worker", "tokens")

    assert done.returncode == 1
    assert "tokeni.E003" in done.stderr
    assert "0123456789abcdef" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["worker"], ["worker", "nonsense"], ["worker", "tokens", "more"], ["ping", "nonsense"]],
)
def test_entrypoint_with_an_unknown_command_says_how_and_starts_nothing(arguments: list[str]) -> None:
    done = run({"PATH": "/usr/bin:/bin"}, *arguments)

    assert done.returncode == 64
    assert "entrypoint.sh" in done.stderr
    assert done.stdout == ""


def own_services() -> dict[str, Any]:
    """The services of compose.yaml that run our image."""
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    return {name: service for name, service in services.items() if "build" in service}


def test_compose_services_start_by_commands_that_the_entrypoint_knows() -> None:
    commands = {name: service["command"] for name, service in own_services().items()}

    assert sorted(command[0] for command in commands.values()) == ["beat", "migrate", "web", *["worker"] * len(Queue)]
    assert sorted(command[1] for command in commands.values() if command[0] == "worker") == sorted(Queue)
    text = ENTRYPOINT.read_text()
    assert all(f"\n{command[0]})\n" in text for command in commands.values())
    for name, service in own_services().items():
        check = service.get("healthcheck", {}).get("test", [])
        if commands[name][0] == "worker":
            assert check == ["CMD", "docker/entrypoint.sh", "ping", commands[name][1]]


def test_compose_gives_the_key_to_the_tokens_worker_alone() -> None:
    with_secret = {name for name, service in own_services().items() if "key_encryption_key" in service["secrets"]}
    with_setting = {name for name, service in own_services().items() if service["environment"][KEY_FILE]}

    assert with_secret == with_setting == {"worker-tokens"}
    assert {service["environment"][KEY] for service in own_services().values()} == {""}
    assert own_services()["worker-tokens"]["command"] == ["worker", "tokens"]


def test_compose_gives_what_orders_money_back_to_the_payments_worker_alone() -> None:
    with_certificate = {name for name, service in own_services().items() if "mpesa_certificate" in service["secrets"]}
    for setting in (INITIATOR_PASSWORD, "MPESA_CERTIFICATE_FILE"):
        assert {name for name, service in own_services().items() if service["environment"][setting]} == with_certificate

    assert with_certificate == {"worker-payments"}
    assert own_services()["worker-payments"]["command"] == ["worker", "payments"]


def test_compose_gives_the_ea07_tables_to_whoever_quotes_or_sells() -> None:
    for service in own_services().values():
        assert "ea07_tables" in service["secrets"]
        assert service["environment"]["STS_EA07_TABLES"] == "${STS_EA07_TABLES:+/run/secrets/ea07_tables}"


def test_image_holds_what_the_entrypoint_runs() -> None:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    copied = [line.split()[1] for line in dockerfile.splitlines() if line.startswith("COPY ")]
    allowed = (ROOT / "docker" / "Dockerfile.dockerignore").read_text().splitlines()

    assert {"manage.py", "gateway", "vending", "fleet", "templates", "requirements.txt"} <= set(copied)
    assert all(f"!{path}" in allowed for path in copied)
    assert all((ROOT / path).exists() for path in copied)
    assert "--require-hashes" in dockerfile
    assert "\nUSER 10001:10001\n" in dockerfile
