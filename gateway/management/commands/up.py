"""`manage.py up`: the whole product by one command. Migrates, starts web, workers and beat, and keeps them running.

Embedded profile: SQLite and a private broker. With `DATABASE_URL` and `BROKER_URL` the same command runs on
PostgreSQL and Redis. Prints one JSON line when the web answers; SIGTERM ends every child within ten seconds.
"""

import contextlib
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gateway.management import broker
from gateway.management.commands.load_demo import demo_key_encryption_key_file
from gateway.management.supervisor import Child, Supervisor
from gateway.queues import Queue

_READY_SECONDS = 60
_POLL_SECONDS = 0.05
# What the worker of the tokens queue alone is given: a path, or the key itself.
_KEY_FILE, _KEY = "KEY_ENCRYPTION_KEY_FILE", "KEY_ENCRYPTION_KEY"
# What the worker of the payments queue alone is given: with it money can be ordered back.
_INITIATOR_PASSWORD = "MPESA_INITIATOR_PASSWORD"  # noqa: S105 -- a name
_FILES = ("STS_EA07_TABLES", "MPESA_CERTIFICATE_FILE")
_CELERY = ["-m", "celery", "--quiet", "-A", "gateway.celery"]


class _Stop(Exception):
    """SIGTERM or SIGINT came."""


class Command(BaseCommand):
    help = "Migrate, start web, workers and beat, and keep them running until SIGTERM."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--bind", default=settings.BIND, metavar="HOST:PORT")

    def handle(self, *args: Any, **options: Any) -> None:
        call_command("check", deploy=True, tags=["tokeni"], stdout=self.stderr, stderr=self.stderr)
        call_command("migrate", interactive=False, verbosity=0)
        supervisor = Supervisor()
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, _raise_stop)
        try:
            self._start(supervisor, options["bind"])
            while True:
                supervisor.tend()
                time.sleep(_POLL_SECONDS)
        except _Stop:
            pass
        finally:
            for name in (signal.SIGTERM, signal.SIGINT):
                signal.signal(name, signal.SIG_IGN)
            supervisor.stop()

    def _start(self, supervisor: Supervisor, bind: str) -> None:
        environment = dict(os.environ)
        # Children run in the checkout: paths that were relative to where `up` was called from are made whole.
        environment["TOKENI_DATA_DIR"] = str(settings.TOKENI_DATA_DIR)
        for name in _FILES:
            if file := environment.get(name):
                environment[name] = str(Path(file).resolve())
        for_tokens = _taken_for_tokens_worker(environment)
        for_payments = {name: environment.pop(name) for name in (_INITIATOR_PASSWORD,) if name in environment}
        if not settings.BROKER_URL:
            environment["BROKER_URL"] = _start_broker(supervisor, environment)
        environment.setdefault("PUBLIC_BASE_URL", f"http://{bind}")
        environment.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")
        web = Child("web", web_arguments(bind), environment)
        tokens = worker_arguments("tokens", [Queue.TOKENS], 1 if settings.IS_EMBEDDED else 2)
        calls = worker_arguments("calls", [Queue.MESSAGES, Queue.PAYMENTS], 6)
        workers = [
            Child("worker tokens", tokens, environment | for_tokens),
            Child("worker calls", calls, environment | for_payments),
        ]
        beat = Child("beat", _beat_arguments(), environment)
        for child in (web, *workers, beat):
            supervisor.add(child)
        url = f"http://{bind}"
        _wait_until_ready(url, supervisor)
        pids = {"web": web.pid, "workers": [worker.pid for worker in workers], "beat": beat.pid}
        self.stdout.write(json.dumps({"event": "ready", "url": url, "pids": pids}))
        self.stdout.flush()


def _taken_for_tokens_worker(environment: dict[str, str]) -> dict[str, str]:
    """The key-encryption key, taken out of `environment`. The file wins; in demo one is made when none was given."""
    file, value = environment.pop(_KEY_FILE, ""), environment.pop(_KEY, "")
    if file:
        return {_KEY_FILE: str(Path(file).resolve())}
    if value:
        return {_KEY: value}
    return {} if settings.IS_PRODUCTION else {_KEY_FILE: str(demo_key_encryption_key_file())}


def _raise_stop(number: int, frame: object) -> None:  # noqa: ARG001 -- the shape of a signal handler
    raise _Stop


def _start_broker(supervisor: Supervisor, environment: Mapping[str, str]) -> str:
    try:
        socket = broker.socket_path(settings.TOKENI_DATA_DIR)
        with contextlib.suppress(FileNotFoundError):
            socket.unlink()
        supervisor.add(Child("broker", broker.command(broker.find_server(), socket), dict(environment)))
        broker.wait_until_up(socket)
    except broker.BrokerMissing as error:
        raise CommandError(str(error)) from None
    return f"redis+socket://{socket}"


def web_arguments(bind: str) -> list[str]:
    processes = settings.WEB_PROCESSES or (1 if settings.IS_EMBEDDED else 2)
    options = {
        "bind": bind,
        "worker-class": "gthread",
        "workers": processes,
        "threads": settings.WEB_THREADS,
        "keep-alive": 30,
        "graceful-timeout": 5,
        "worker-tmp-dir": "/dev/shm" if Path("/dev/shm").is_dir() else "/tmp",  # noqa: S108 -- gunicorn's heartbeat file
        "log-level": "warning",
    }
    flags = [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return [
        sys.executable,
        "-m",
        "gunicorn",
        *flags,
        "--no-control-socket",
        "--config",
        "python:gateway.management.web",
        "gateway.wsgi",
    ]


def worker_arguments(name: str, queues: list[Queue], concurrency: int) -> list[str]:
    flags = ["--without-gossip", "--without-mingle", "--without-heartbeat", "--loglevel", "WARNING"]
    pool = ["--pool", "threads", "--concurrency", str(concurrency)]
    return [sys.executable, *_CELERY, "worker", "-Q", ",".join(queues), "-n", f"{name}@%h", *pool, *flags]


def _beat_arguments() -> list[str]:
    schedule = str(settings.TOKENI_DATA_DIR / "beat-schedule")
    return [sys.executable, *_CELERY, "beat", "--schedule", schedule, "--pidfile", "", "--loglevel", "WARNING"]


def _wait_until_ready(url: str, supervisor: Supervisor) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # our own address is behind no proxy
    give_up_at = time.monotonic() + _READY_SECONDS
    while time.monotonic() < give_up_at:
        with contextlib.suppress(OSError), direct.open(f"{url}/health/ready", timeout=2) as answer:
            if answer.status == 200:
                return
        supervisor.tend()
        time.sleep(_POLL_SECONDS)
    raise CommandError("the web process did not become ready")
