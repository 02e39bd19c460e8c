"""Hints to workers: published off the caller's path, dropped when the broker is slow, gone or flooded."""

import base64
import json
import os
import queue
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pytest_django import Settings
from redis import Redis

from gateway import relay
from gateway.celery import app
from tests.support.processes import Server
from tests.support.servers import redis_server

SEND, PUSH = "gateway.sms.tasks.send_messages", "gateway.payments.tasks.push_payments"
Queue = queue.Queue[tuple[str, int]]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Queue:
    """An empty queue of hints that nobody takes from."""
    fresh: Queue = queue.Queue(maxsize=60)
    monkeypatch.setattr(relay, "_waiting", fresh)
    monkeypatch.setattr(relay, "_ensure_started", lambda: None)
    return fresh


@pytest.fixture(scope="module")
def own_redis() -> Iterator[Server]:
    """A broker that a test may stop: nobody else is on it."""
    app.loader.import_default_modules()
    with redis_server() as server:
        yield server


def connection_to(server: Server) -> Any:
    options = app.conf.broker_transport_options | {"socket_timeout": 0.3}
    return app.connection(server.url, connect_timeout=0.3, transport_options=options)


def hints_in(url: str, queue_name: str) -> list[Any]:
    """The name and the arguments of every task that waits in a queue, oldest first."""
    with Redis.from_url(url) as client:
        tasks = [json.loads(task) for task in reversed(client.lrange(queue_name, 0, -1))]
    return [(task["headers"]["task"], json.loads(base64.b64decode(task["body"]))[0]) for task in tasks]


def wait_until(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 10
    while not is_so() and time.monotonic() < deadline:
        time.sleep(0.02)
    return is_so()


def test_wake_keeps_a_hint_for_each_row(waiting: Queue) -> None:
    relay.wake(SEND, [1, 2])
    relay.wake(PUSH, [])
    relay.wake(PUSH, iter([3]))
    assert list(waiting.queue) == [(SEND, 1), (SEND, 2), (PUSH, 3)]


def test_wake_without_a_broker_keeps_nothing(
    waiting: Queue, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise AssertionError("no thread without a broker")

    monkeypatch.setattr(relay, "_ensure_started", refuse)
    settings.BROKER_URL = ""
    relay.wake(SEND, [1])
    assert waiting.empty()


def test_wake_with_a_full_queue_drops_and_returns_at_once(waiting: Queue) -> None:
    started = time.monotonic()
    relay.wake(SEND, range(10_000))
    assert time.monotonic() - started < 1
    assert list(waiting.queue) == [(SEND, number) for number in range(60)]


def test_take_groups_what_waits_by_task_fifty_at_most(waiting: Queue) -> None:
    relay.wake(SEND, range(30))
    relay.wake(PUSH, range(30))
    assert relay._take() == {SEND: list(range(30)), PUSH: list(range(20))}
    assert relay._take() == {PUSH: list(range(20, 30))}
    assert waiting.empty()


def test_relay_has_one_thread_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[str] = []
    monkeypatch.setattr(relay, "_run", lambda: runs.append(threading.current_thread().name))
    monkeypatch.setattr(relay, "_started_in", set())
    for process, expected in ((1, 1), (1, 1), (2, 2), (1, 2), (2, 2)):
        monkeypatch.setattr("os.getpid", lambda process=process: process)
        relay._ensure_started()
        assert wait_until(lambda expected=expected: len(runs) == expected)  # type: ignore[misc]
    assert runs == ["relay"] * 2


def test_relay_asked_for_by_two_threads_at_once_starts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    monkeypatch.setattr(relay, "_run", lambda: runs.append(1))
    monkeypatch.setattr(relay, "_started_in", set())
    threads = [threading.Thread(target=relay._ensure_started) for _ in range(8)]
    with relay._start_lock:
        for thread in threads:
            thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join(timeout=10)
    assert wait_until(lambda: runs == [1])
    assert relay._started_in == {os.getpid()}


def test_publish_names_the_rows_and_nothing_else(own_redis: Server) -> None:
    connection = connection_to(own_redis)
    relay._publish(app, connection, SEND, [1, 2])
    relay._publish(app, connection, PUSH, [3])
    assert hints_in(own_redis.url, "messages") == [(SEND, [[1, 2]])]
    assert hints_in(own_redis.url, "payments") == [(PUSH, [[3]])]
    connection.close()


def test_publish_of_an_unknown_task_is_dropped(own_redis: Server, caplog: pytest.LogCaptureFixture) -> None:
    connection = connection_to(own_redis)
    relay._publish(app, connection, "gateway.nothing", [1])
    assert "relay dropped 1 hints for gateway.nothing: NotRegistered" in caplog.text


@pytest.mark.parametrize("is_hung", [False, True])
def test_publish_to_a_lost_broker_drops_soon_and_goes_on_when_it_is_back(
    own_redis: Server, caplog: pytest.LogCaptureFixture, is_hung: bool
) -> None:
    connection = connection_to(own_redis)
    relay._publish(app, connection, SEND, [1])
    started = time.monotonic()
    if is_hung:
        own_redis.pause()
    else:
        own_redis.stop()
    try:
        relay._publish(app, connection, SEND, [2, 3])
        assert time.monotonic() - started < 5
        assert f"relay dropped 2 hints for {SEND}: " in caplog.text
    finally:
        if is_hung:
            own_redis.resume()
        else:
            own_redis.start()
    relay._publish(app, connection, SEND, [4])
    assert hints_in(own_redis.url, "messages")[-1] == (SEND, [[4]])
    connection.close()


def test_wake_reaches_the_broker_of_the_settings(settings: Settings) -> None:
    relay.wake(SEND, [987_654_321])
    relay.wake(SEND, [987_654_322])

    def published() -> set[int]:
        return {row_id for _, (row_ids,) in hints_in(settings.BROKER_URL, "messages") for row_id in row_ids}

    assert wait_until(lambda: {987_654_321, 987_654_322} <= published())
