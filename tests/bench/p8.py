"""P8: confirmations accepted a second through the real hook, against a bare view on the same server.

The web processes are started as `manage.py up` starts them: threads, middleware, pool, health checks. Each request is a
payment with a receipt of its own: journal row, payment and audit entry committed durably, and a hint left for the
relay, which publishes it to Redis. No worker runs: its work is measured by P6.
"""

import itertools
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict

from tests.bench.children import log_tail, running_child
from tests.bench.hammer import SERIAL, Job
from tests.bench.ratios import MeasurementError, interleave, line
from tests.bench.server_profile import Installation
from tests.support.environment import ROOT
from tests.support.processes import free_port

AIM = 0.38
SECONDS = 2.0
CONNECTIONS = 16
_READY_SECONDS = 30.0
_PAYER = {"BillRefNumber": "37000123456"}
_SERIALS_A_ROUND = 1_000_000


def measure(installation: Installation) -> str:
    from django.conf import settings

    from gateway.management.commands.up import web_arguments

    port = free_port()
    environment = installation.environment | {"DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    with running_child("web", web_arguments(f"127.0.0.1:{port}"), environment, installation.folder):
        _wait_until_ready(port, installation)
        accepted = _Accepted()
        ours = _load(port, f"/hooks/payments/daraja/{settings.HOOK_SECRETS[0]}/confirmation/", accepted)
        yardstick = _load(port, "/bare/")
        ours(), yardstick()
        rounds = interleave(ours, yardstick)
    accepted.check_stored()
    return line("P8", "server", rounds, aim=AIM)


class _Accepted:
    """How many confirmations were answered with success: so many must be in the tables."""

    def __init__(self) -> None:
        self.count = 0

    def check_stored(self) -> None:
        from gateway.payments.models import Payment
        from gateway.webhooks.models import Callback

        payments = Payment.objects.filter(receipt__startswith="B").count()
        stored = (payments, Callback.objects.filter(subject__startswith="B").count())
        if stored != (self.count, self.count):
            raise MeasurementError(f"{self.count} confirmations answered, (payments, journal rows) are {stored}")


def _load(port: int, path: str, accepted: _Accepted | None = None) -> Callable[[], float]:
    """A measurement of one address: requests answered a second."""
    from tests.bench.site import confirmation

    body = confirmation(_PAYER, SERIAL).decode()
    serials = itertools.count(step=_SERIALS_A_ROUND)

    def answered_a_second() -> float:
        answered, in_time = _hammer(Job(port, path, body, next(serials), SECONDS, CONNECTIONS))
        if accepted:
            accepted.count += answered
        return in_time / SECONDS

    return answered_a_second


def _hammer(job: Job) -> tuple[int, int]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.hammer"],
        input=json.dumps(asdict(job)),
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=job.seconds + 30,
        check=True,
    )
    result = json.loads(done.stdout)
    if result["lost"] or not result["in_time"]:
        raise MeasurementError(f"not every request was answered with 200: {result}")
    return result["answered"], result["in_time"]


def _wait_until_ready(port: int, installation: Installation) -> None:
    give_up_at = time.monotonic() + _READY_SECONDS
    while time.monotonic() < give_up_at:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/health/ready", timeout=2):
            return
        time.sleep(0.05)
    raise MeasurementError(f"the web process did not become ready:\n{log_tail('web', installation.folder)}")
