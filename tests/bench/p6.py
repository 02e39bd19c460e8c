"""P6: tokens a second end to end through a Celery worker, against tasks that do nothing in the same worker.

The worker of the `tokens` queue is started as `manage.py up` starts it, with the yardstick's task as one more import.
Ours: payments confirmed by the accept path, one task for each, timed until the broker is empty and every vend is ISSUED
with its message queued. The worker is frozen while the broker is filled, for both, so that publishing takes nothing
from either.
"""

import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import redis

from tests.bench.children import log_tail, running_child
from tests.bench.flow import confirm, count_issued
from tests.bench.ratios import MeasurementError, interleave, line
from tests.bench.server_profile import Installation

AIM = 0.50
SECONDS = 2.0
_FIRST_COUNT = 50
_MOST = 5000
_POLL_SECONDS = 0.01
_GIVE_UP_SECONDS = 60.0
_FULFIL = "gateway.fulfilment.tasks.fulfil_payments"
_DO_NOTHING = "tests.bench.do_nothing"


def measure(installation: Installation, payers: Sequence[dict[str, str]]) -> str:
    from gateway.management.commands.up import worker_arguments
    from gateway.queues import Queue

    arguments = [*worker_arguments("tokens", [Queue.TOKENS], 2), "-I", "tests.bench.tasks"]
    with running_child("worker", arguments, installation.environment, installation.folder) as process:
        worker = Worker(process, installation)
        ours = _sized(_fulfilling(worker, payers))
        yardstick = _sized(lambda count: worker.seconds_for(_DO_NOTHING, range(1, count + 1)))
        rounds = interleave(ours, yardstick)
    return line("P6", "server", rounds, aim=AIM)


class Worker:
    """The worker's process and what the broker still holds for it."""

    def __init__(self, process: "subprocess.Popen[str]", installation: Installation) -> None:
        self._process = process
        self._folder = installation.folder
        self._broker = redis.Redis.from_url(installation.redis_url)

    def seconds_for(self, task_name: str, row_ids: Sequence[int], is_done: Callable[[], bool] = lambda: True) -> float:
        """One task for each row, published as the relay does it, then the time until all have been worked."""
        with self._frozen():
            _publish(task_name, row_ids)
        started = time.perf_counter()
        give_up_at = started + _GIVE_UP_SECONDS
        while not (self._is_idle() and is_done()):
            if time.perf_counter() > give_up_at or self._process.poll() is not None:
                raise MeasurementError(f"the worker did not finish:\n{log_tail('worker', self._folder)}")
            time.sleep(_POLL_SECONDS)
        return time.perf_counter() - started

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _is_idle(self) -> bool:
        with self._broker.pipeline() as pipeline:
            pipeline.llen("tokens")
            pipeline.hlen("unacked")
            return not any(pipeline.execute())


def _publish(task_name: str, row_ids: Sequence[int]) -> None:
    import tests.bench.tasks  # noqa: F401 -- registers the yardstick
    from gateway.celery import app

    app.loader.import_default_modules()
    for row_id in row_ids:
        app.tasks[task_name].apply_async(args=[[row_id]], retry=False, ignore_result=True)


def _fulfilling(worker: Worker, payers: Sequence[dict[str, str]]) -> Callable[[int], float]:
    def seconds_for(count: int) -> float:
        payment_ids = confirm(payers, count)
        return worker.seconds_for(_FULFIL, payment_ids, lambda: count_issued(payment_ids) == count)

    return seconds_for


def _sized(seconds_for: Callable[[int], float]) -> Callable[[], float]:
    """Rounds of about `SECONDS`, by what a first small one took; a second one brings caches and connections up."""
    count = _FIRST_COUNT
    for _ in range(2):
        count = min(max(int(count / seconds_for(count) * SECONDS), _FIRST_COUNT), _MOST)
    return lambda: count / seconds_for(count)
