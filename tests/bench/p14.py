"""P14: how soon the last stranded sale has its token after every worker was killed in the middle of its task.

Ours: a tokens worker as `manage.py up` starts it, frozen and killed (signal 9) while a batch is at the security module;
a new worker and the sweep that beat would send find what it left. The yardstick is stock Celery on the same Redis: one
task with late acknowledgement, its worker killed in the middle, a visibility time-out of five seconds and nothing else
tuned; another worker waits for it. The ratio is the yardstick's time over ours, so that 10 means ten times sooner.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import redis

from tests.bench.children import log_tail, running_child
from tests.bench.flow import confirm, count_issued
from tests.bench.ratios import MeasurementError, Round, line
from tests.bench.server_profile import Installation

AIM = 10.0
ROUNDS = 3
STRANDED = 50
_SWEEP_SECONDS = 10.0  # what beat does in production
_PATIENCE_SECONDS = 60.0
_STOCK_PATIENCE_SECONDS = 400.0
_STOCK = "tests.bench.stock_celery"


def measure(installation: Installation, payers: Sequence[dict[str, str]]) -> str:
    stock = _stock_seconds(installation)
    rounds = [Round(ours=stock, yardstick=_our_seconds(installation, payers)) for _ in range(ROUNDS)]
    longest = max(measured.yardstick for measured in rounds)
    return line("P14", "server", rounds, aim=AIM, stranded=str(STRANDED), longest_s=f"{longest:.1f}", lost="0")


def _our_seconds(installation: Installation, payers: Sequence[dict[str, str]]) -> float:
    """From the kill to the last token. Every payment must have exactly one."""
    from gateway.management.commands.up import worker_arguments
    from gateway.queues import Queue

    payment_ids = confirm(payers, STRANDED)
    arguments = worker_arguments("tokens", [Queue.TOKENS], 1)
    dying = installation.environment | {"TOKENI_FAILPOINT": "module_answered:kill"}
    with running_child("dying", arguments, dying, installation.folder):
        _publish_hints(payment_ids)
        _wait(lambda: _is_claimed(payment_ids), _PATIENCE_SECONDS, installation.folder, "dying")
        time.sleep(0.5)  # until it is at the module, where it kills itself, and again when it is started again
        subprocess.run(["pkill", "-9", "-f", "--", "-n tokens@"], check=False)
    killed_at = time.monotonic()
    with running_child("reborn", arguments, installation.environment, installation.folder):
        _sweep_until(lambda: count_issued(payment_ids) == STRANDED, installation.folder)
        seconds = time.monotonic() - killed_at
    _check_once(payment_ids)
    return seconds


def _publish_hints(payment_ids: Sequence[int]) -> None:
    from gateway.celery import app

    app.loader.import_default_modules()
    for payment_id in payment_ids:
        task = app.tasks["gateway.fulfilment.tasks.fulfil_payments"]
        task.apply_async(args=[[payment_id]], retry=False, ignore_result=True)


def _sweep_until(is_done: Callable[[], bool], folder: Path) -> None:
    from gateway.celery import app

    sent_at = 0.0
    give_up_at = time.monotonic() + _PATIENCE_SECONDS
    while not is_done():
        if time.monotonic() > give_up_at:
            raise MeasurementError(f"the sales were not taken up again:\n{log_tail('reborn', folder)}")
        if time.monotonic() - sent_at > _SWEEP_SECONDS:
            sent_at = time.monotonic()
            app.tasks["gateway.fulfilment.tasks.sweep_fulfilment"].apply_async(queue="tokens", retry=False)
        time.sleep(0.05)


def _is_claimed(payment_ids: Sequence[int]) -> bool:
    from gateway.payments.models import Payment

    return Payment.objects.filter(pk__in=payment_ids, attempts__gt=0).exists()


def _check_once(payment_ids: Sequence[int]) -> None:
    from vending.tokens.models import Token

    made = Token.objects.filter(authority__reference__in=[str(pk) for pk in payment_ids]).count()
    if made != STRANDED:
        raise MeasurementError(f"{made} tokens for {STRANDED} payments")


def _stock_seconds(installation: Installation) -> float:
    """From the kill of the first worker to the moment at which a second one has done its task."""
    address = installation.redis_url.rpartition("/")[0] + "/9"
    broker = redis.Redis.from_url(address)
    broker.flushdb()
    environment = installation.environment | {"BROKER_URL": address}  # Celery's own command reads that name
    arguments = [sys.executable, "-m", "celery", "-A", _STOCK, "worker", "-c", "1", "--loglevel", "ERROR"]
    send = [sys.executable, "-m", _STOCK]
    with ExitStack() as stack:
        first = stack.enter_context(
            running_child("stock-1", arguments, environment | {"STOCK_HANGS": "1"}, installation.folder)
        )
        subprocess.run(send, env={**os.environ, **environment}, check=True, capture_output=True)
        _wait(lambda: broker.exists("begun") == 1, _PATIENCE_SECONDS, installation.folder, "stock-1")
        subprocess.run(["pkill", "-9", "-P", str(first.pid)], check=False)
        first.kill()
        killed_at = time.monotonic()
        stack.enter_context(running_child("stock-2", arguments, environment, installation.folder))
        _wait(lambda: broker.exists("done") == 1, _STOCK_PATIENCE_SECONDS, installation.folder, "stock-2")
        return time.monotonic() - killed_at


def _wait(is_true: Callable[[], bool], patience_seconds: float, folder: Path, name: str) -> None:
    give_up_at = time.monotonic() + patience_seconds
    while not is_true():
        if time.monotonic() > give_up_at:
            raise MeasurementError(f"{name} did not get there:\n{log_tail(name, folder)}")
        time.sleep(0.05)
