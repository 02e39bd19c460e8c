"""The product as a user starts it, on PostgreSQL and Redis, a second worker of tokens, and the simulated vendors."""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.simulator.desk import Desk
from tests.support.environment import ROOT
from tests.support.processes import Server, free_port, own_folder, with_parent
from tests.support.product import Product, command_line, environment_of, wait_until
from tests.support.servers import postgres_server, redis_server

EXTRA_METERS = 42
VERIFY_ABOVE = 250
INITIATOR_NAME = "chaos-initiator"
_STORE_DEPTH = "4000"  # codes are typed in at the end, in the order in which their texts came
_LOOK_AHEAD_MINUTES = "2000"  # a meter's tokens of a month are made in minutes, and each has a minute of its own
_NO_LIMIT = 2_000_000_000


@dataclass
class Installation:
    """Everything that runs. `facts` is what `load_demo` and the loader of more meters have printed."""

    product: Product
    desk: Desk
    redis: Server
    facts: dict[str, Any]
    own_worker: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def manage(self, *arguments: str, answers: str = "", seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
        """One command to its end, with these lines on its standard input."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.product.environment,
            input=answers,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def start_own_worker(self) -> None:
        """A second process on the queue of tokens, with the command line and the settings of the product's own."""
        pid = wait_until(lambda: self.product.find_child("tokens@"), 20, "the worker of tokens")
        words = command_line(pid)
        words[words.index("-n") + 1] = "more-tokens@%h"
        with self.product.log_file.open("ab") as log:
            self.own_worker = subprocess.Popen(
                [*with_parent(signal.SIGKILL), *words],
                env=environment_of(pid),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def stop_own_worker(self) -> None:
        if self.own_worker:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.own_worker.pid, signal.SIGKILL)
            self.own_worker.wait()
            self.own_worker = None


@contextlib.contextmanager
def installed() -> Iterator[Installation]:
    """Up and answering; ended with everything that it started."""
    with contextlib.ExitStack() as things:
        folder = things.enter_context(own_folder())
        postgres = things.enter_context(postgres_server())
        redis = things.enter_context(redis_server())
        simulator_port = free_port()
        environment = _environment(folder, f"http://127.0.0.1:{simulator_port}")
        environment |= {"DATABASE_URL": postgres.url, "BROKER_URL": redis.url, "REDIS_URL": redis.url}
        bind = f"127.0.0.1:{free_port()}"
        environment["PUBLIC_BASE_URL"] = f"http://{bind}"
        product = Product(folder, environment, bind)
        product.load_demo()
        product.facts["meters"] = [_unlimited(meter) for meter in product.facts["meters"] + _load_more(environment)]
        desk = things.enter_context(_simulator(product, simulator_port))
        _keep_certificate(product, desk)
        things.callback(product.stop)
        product.start()
        installation = Installation(product, desk, redis, product.facts)
        things.callback(installation.stop_own_worker)
        installation.start_own_worker()
        yield installation


def _environment(folder: Path, simulator_url: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(folder),
        "TOKENI_MODE": "demo",
        "TOKENI_DATA_DIR": str(folder / "data"),
        "SMS_AMBIGUOUS_SECONDS": "2",
        "TID_LOOK_AHEAD_MINUTES": _LOOK_AHEAD_MINUTES,
        "PAYMENT_VERIFY_ABOVE": str(VERIFY_ABOVE),
        "AFRICASTALKING_BASE_URL": simulator_url,
        "AFRICASTALKING_USERNAME": "chaos",
        "AFRICASTALKING_API_KEY": f"atsk_{secrets.token_hex(24)}",
        "AFRICASTALKING_SENDER_ID": "22384",
        "MPESA_BASE_URL": simulator_url,
        "MPESA_CONSUMER_KEY": secrets.token_hex(16),
        "MPESA_CONSUMER_SECRET": secrets.token_hex(16),
        "MPESA_PASSKEY": secrets.token_hex(32),
        "MPESA_SHORT_CODE": "400200",
        "MPESA_INITIATOR_NAME": INITIATOR_NAME,
        "MPESA_INITIATOR_PASSWORD": secrets.token_hex(16),
    }


def _load_more(environment: Mapping[str, str]) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos_money.site", str(EXTRA_METERS)],
        cwd=ROOT,
        env=dict(environment) | {"KEY_ENCRYPTION_KEY_FILE": _key_file(environment)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the meters could not be loaded:\n{done.stderr[-2000:]}")
    meters: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return meters


def _key_file(environment: Mapping[str, str]) -> str:
    return str(Path(environment["TOKENI_DATA_DIR"]) / "key_encryption_key")


def _unlimited(meter: Mapping[str, Any]) -> dict[str, Any]:
    """A meter that takes months of credit in one evening."""
    return {**meter, "greatest_credit_tenths": _NO_LIMIT}


@contextlib.contextmanager
def _simulator(product: Product, port: int) -> Iterator[Desk]:
    facts_file = product.folder / "facts.json"
    facts_file.touch(mode=0o600)
    facts_file.write_text(json.dumps(product.facts))
    arguments = ["simulator", "--bind", f"127.0.0.1:{port}", "--product", product.url, "--facts", str(facts_file)]
    arguments += ["--tid-store-depth", _STORE_DEPTH]
    with (product.folder / "simulator.log").open("wb") as log:
        process = subprocess.Popen(
            [*with_parent(signal.SIGKILL), sys.executable, str(ROOT / "manage.py"), *arguments],
            env=product.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
        )
    try:
        assert process.stdout
        ready = json.loads(process.stdout.readline() or b"{}")
        if "url" not in ready:
            raise RuntimeError(f"the simulator did not start: {(product.folder / 'simulator.log').read_text()[-2000:]}")
        yield Desk(ready["url"])
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _keep_certificate(product: Product, desk: Desk) -> None:
    path = product.folder / "mpesa-certificate.pem"
    path.write_text(desk.download("portal/certificate.pem"))
    product.environment["MPESA_CERTIFICATE_FILE"] = str(path)
