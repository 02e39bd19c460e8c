"""The product as a user starts it: `load_demo`, then `up`, as processes of their own in a temporary folder.

On SQLite and the private broker, or on PostgreSQL and Redis, by `addresses`. The tables are read over a connection of
the test's own. Everything that was started is ended, and what the processes printed is searched for secrets.
"""

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psycopg

from tests.support.environment import ROOT
from tests.support.outside_callers import Caller
from tests.support.outside_world import OutsideWorld
from tests.support.processes import free_port, with_parent

READY_SECONDS = 40.0
STOP_SECONDS = 12.0
T = TypeVar("T")


def wait_until(look: Callable[[], T], seconds: float, what: str) -> T:
    """The first thing seen that is neither empty nor false. Fails after `seconds`, naming what did not come."""
    ends_at = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < ends_at, f"waited {seconds:.0f} s in vain for {what}"
        time.sleep(0.05)
    return found


@dataclass
class Product:
    """One running `manage.py up`. `environment` is all that its commands see."""

    folder: Path
    environment: dict[str, str]
    bind: str
    facts: dict[str, Any] = field(default_factory=dict)
    ready: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def url(self) -> str:
        return f"http://{self.bind}"

    @property
    def caller(self) -> Caller:
        return Caller(self.url, self.facts["hook_secret"])

    @property
    def log_file(self) -> Path:
        return self.folder / "up.log"

    def manage(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """One command, to its end."""
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        return subprocess.run(
            command, env=self.environment | environment, capture_output=True, text=True, timeout=60, check=False
        )

    def load_demo(self) -> None:
        done = self.manage("load_demo", "--json")
        assert done.returncode == 0, done.stderr
        self.facts = json.loads(done.stdout)

    def start(self, **environment: str) -> None:
        """Start `up`, wait for its ready line. From the main thread: the kernel ends it together with its starter."""
        command = [*with_parent(signal.SIGTERM), sys.executable, str(ROOT / "manage.py"), "up", "--bind", self.bind]
        with (self.folder / "up.out").open("wb") as out, self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command,
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=log,
                start_new_session=True,
            )
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.stop)
            self.ready = wait_until(self._ready_line, READY_SECONDS, "the ready line")
            on_failure.pop_all()

    def _ready_line(self) -> dict[str, Any]:
        assert self.process
        assert self.process.poll() is None, f"up ended with {self.process.returncode}:\n{self.log()[-2000:]}"
        lines = [line for line in self.output().splitlines(keepends=True) if line.startswith("{")]
        ready: dict[str, Any] = json.loads(lines[0]) if lines and lines[0].endswith("\n") else {}
        return ready

    def stop(self) -> float:
        """SIGTERM, and the seconds until `up` had ended; killed with all its children when it takes too long."""
        if self.process is None:
            return 0.0
        started_at = time.monotonic()
        process, self.process = self.process, None
        process.send_signal(signal.SIGCONT)
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        seconds = time.monotonic() - started_at
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return seconds

    def signal(self, number: signal.Signals) -> None:
        """To `up` alone, not to its children."""
        assert self.process
        self.process.send_signal(number)

    def children(self) -> dict[int, list[str]]:
        """The running children of `up` and what each was started with."""
        assert self.process
        pids = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return {int(pid): words for pid in pids if (words := command_line(int(pid)))}

    def find_child(self, word: str) -> int:
        """The child with this word in its command line (`tokens@`, `calls@`, `gunicorn`, `beat-schedule`), or 0."""
        return next((pid for pid, words in self.children().items() if any(word in w for w in words)), 0)

    def select(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """Rows by SQL with `?` for values, over a connection of our own."""
        if url := self.environment.get("DATABASE_URL"):
            with psycopg.connect(url) as server:
                return server.execute(statement.replace("%", "%%").replace("?", "%s"), values).fetchall()
        path = Path(self.environment["TOKENI_DATA_DIR"]) / "tokeni.sqlite3"
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as file:
            return file.execute(statement, values).fetchall()

    def count(self, statement: str, *values: object) -> int:
        """The number in the one row of a SELECT COUNT."""
        return int(self.select(statement, *values)[0][0])

    def books(self) -> str:
        """The last line of `verify_books`, which must also say it by its exit code."""
        done = self.manage("verify_books")
        last = done.stdout.splitlines()[-1] if done.stdout else ""
        assert (done.returncode == 0) == (last == "differences: 0"), done.stdout + done.stderr
        return done.stdout + done.stderr if done.returncode else last

    def log(self) -> str:
        """All that `up` and its children have printed to standard error."""
        return self.log_file.read_text(errors="replace") if self.log_file.exists() else ""

    def output(self) -> str:
        """All that `up` has printed to standard output since it was last started."""
        return (self.folder / "up.out").read_text()

    def active_meter(self, phone: str, place: int = 0) -> dict[str, Any]:
        """The facts of a meter that this phone is linked to."""
        linked: list[dict[str, Any]] = [meter for meter in self.facts["meters"] if phone in meter["phones"]]
        return linked[place]


def command_line(pid: int) -> list[str]:
    """Empty for a process that has ended, reaped or not."""
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0")
        return text.split("\0") if text else []
    return []


def environment_of(pid: int) -> dict[str, str]:
    """What a process was started with."""
    pairs = Path(f"/proc/{pid}/environ").read_text().rstrip("\0").split("\0")
    return dict(pair.partition("=")[::2] for pair in pairs)


def is_running(pid: int) -> bool:
    return bool(command_line(pid))


def prepare(folder: Path, world: OutsideWorld, addresses: Mapping[str, str], **settings: str) -> Product:
    """A product that is not started yet: its folder, its free port, and every setting a user would make."""
    bind = f"127.0.0.1:{free_port()}"
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "LC_ALL": "C.UTF-8",
        "TMPDIR": str(folder),
        "TOKENI_MODE": "demo",
        "TOKENI_DATA_DIR": str(folder / "data"),
        "PUBLIC_BASE_URL": f"http://{bind}",
        "SMS_AMBIGUOUS_SECONDS": "2",
    }
    return Product(folder, environment | world.settings() | {**addresses, **settings}, bind)


@contextlib.contextmanager
def running(folder: Path, world: OutsideWorld, addresses: Mapping[str, str], **settings: str) -> Iterator[Product]:
    """A product with the demo site, up and answering; ended with everything that it started."""
    product = prepare(folder, world, addresses, **settings)
    product.load_demo()
    product.start()
    try:
        yield product
    finally:
        product.stop()


# A whole Kenyan number in any writing; twenty digits in a row or in groups.
_PHONE = re.compile(r"(?<![0-9A-Za-z_])(?:\+|%2B|00)?(?:254|0)[ -]?[17]\d{2}[ -]?\d{3}[ -]?\d{3}(?![0-9A-Za-z])")
_CODE = re.compile(r"(?<!\d)\d{20}(?!\d)|\d{4}(?:\W{1,3}\d{4}){4}")


def find_leaks(text: str, secrets: Sequence[str], phones: Sequence[str]) -> list[str]:
    """What stands in `text` and must not: codes, whole phone numbers, more than three last digits of one, secrets."""
    leaks = [match[0] for pattern in (_PHONE, _CODE) for match in pattern.finditer(text)]
    leaks += [secret for secret in secrets if secret in text]
    tails = {phone: "|".join(phone[-count:] for count in range(4, 10)) for phone in phones}
    return leaks + [
        phone for phone, tail in tails.items() if re.search(rf"(?<![0-9A-Za-z])({tail})(?![0-9A-Za-z])", text)
    ]


def secrets_of(product: Product, world: OutsideWorld) -> list[str]:
    """Everything that no line may hold: keys, passwords, secret URL parts, and each code that was sent."""
    data = Path(product.environment["TOKENI_DATA_DIR"])
    kept = [data / name for name in ("key_encryption_key", "secret_key", "hook_secret")]
    found = [path.read_text().strip() for path in kept if path.exists()]
    found += [*world.secrets.values(), product.facts["hook_secret"], "ababab", "94949494"]
    found += [part for name in ("DATABASE_URL",) if (part := _password(product.environment.get(name, "")))]
    return found + [code for sms in list(world.sms) if (code := sms.code)]


def _password(url: str) -> str:
    match = re.match(r"[a-z]+://[^:/@]*:([^@/]+)@", url)
    return match[1] if match else ""
