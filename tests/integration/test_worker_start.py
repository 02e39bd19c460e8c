"""A worker that will ask the security module tests it when it starts."""

import logging
from types import SimpleNamespace

import pytest

from gateway.fulfilment import tasks
from gateway.queues import Queue
from tests.support.fake_security_module import FakeSecurityModule


def started_worker(*queues: Queue) -> SimpleNamespace:
    """What Celery hands over of a worker that consumes these queues."""
    consumed = {str(queue): object() for queue in queues}
    return SimpleNamespace(app=SimpleNamespace(amqp=SimpleNamespace(queues=SimpleNamespace(consume_from=consumed))))


def start(monkeypatch: pytest.MonkeyPatch, module: FakeSecurityModule, *queues: Queue) -> None:
    monkeypatch.setattr(tasks, "get_security_module", lambda: module)
    tasks.check_security_module(instance=started_worker(*queues), sender="tokens@here", conf=None)


def test_tokens_worker_says_that_the_module_refuses(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start(monkeypatch, FakeSecurityModule({}, is_unavailable=True), Queue.TOKENS)

    (line,) = caplog.records
    assert line.levelno == logging.ERROR
    assert line.getMessage() == (
        "the security module refuses to work: the module does not answer (security_module_unavailable)"
    )


@pytest.mark.parametrize(
    ("is_unavailable", "queues"), [(False, [Queue.TOKENS]), (True, [Queue.MESSAGES, Queue.PAYMENTS])]
)
def test_worker_that_is_well_or_asks_no_module_says_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, is_unavailable: bool, queues: list[Queue]
) -> None:
    start(monkeypatch, FakeSecurityModule({}, is_unavailable=is_unavailable), *queues)

    assert caplog.records == []
