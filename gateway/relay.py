"""Waking workers, off the path of whoever asks: a hint that may be lost, never waited for.

A daemon thread takes names from a bounded queue and publishes them with one-second sockets and no retry. Full or
broken, it drops: the sweepers find the work within seconds. Accept paths and workers call `wake` after their commit.
"""

import logging
import os
import queue
import threading
import time
from collections.abc import Iterable
from typing import Any

from django.conf import settings

logger = logging.getLogger(__name__)

_MOST_WAITING = 10_000
_MOST_IDS_A_TASK = 50
_SOCKET_SECONDS = 1
# Publishing one hint costs as much as accepting a payment: under load hints gather this long and go out together.
_GATHER_SECONDS = 0.02
_Hint = tuple[str, int]

_waiting: queue.Queue[_Hint] = queue.Queue(maxsize=_MOST_WAITING)
_started_in: set[int] = set()
_start_lock = threading.Lock()


def wake(task_name: str, row_ids: Iterable[int]) -> None:
    """Hint that these rows wait for this task. Never blocks, never raises."""
    if not settings.BROKER_URL:
        return
    _ensure_started()
    for row_id in row_ids:
        try:
            _waiting.put_nowait((task_name, row_id))
        except queue.Full:
            return


def _ensure_started() -> None:
    """One thread a process: threads do not survive a fork, so the process id is remembered."""
    process = os.getpid()
    if process in _started_in:
        return
    with _start_lock:
        if process not in _started_in:
            _started_in.add(process)
            threading.Thread(target=_run, name="relay", daemon=True).start()


def _run() -> None:
    from gateway.celery import app

    app.loader.import_default_modules()  # a web process has imported no tasks
    connection = app.connection(
        connect_timeout=_SOCKET_SECONDS,
        transport_options=app.conf.broker_transport_options | {"socket_timeout": _SOCKET_SECONDS},
    )
    while True:
        for task_name, row_ids in _take().items():
            _publish(app, connection, task_name, row_ids)
        if _waiting.qsize() < _MOST_IDS_A_TASK:
            time.sleep(_GATHER_SECONDS)


def _take() -> dict[str, list[int]]:
    """Everything that waits now, at least one hint, grouped by task."""
    hints = [_waiting.get()]
    while len(hints) < _MOST_IDS_A_TASK:
        try:
            hints.append(_waiting.get_nowait())
        except queue.Empty:
            break
    grouped: dict[str, list[int]] = {}
    for task_name, row_id in hints:
        grouped.setdefault(task_name, []).append(row_id)
    return grouped


def _publish(app: Any, connection: Any, task_name: str, row_ids: list[int]) -> None:
    try:
        with app.amqp.Producer(connection, auto_declare=False) as producer:
            app.tasks[task_name].apply_async(args=[row_ids], producer=producer, retry=False, ignore_result=True)
    except Exception as error:
        logger.warning("relay dropped %d hints for %s: %s", len(row_ids), task_name, type(error).__name__)
        connection.close()
