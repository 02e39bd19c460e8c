"""P24: eight processes accept confirmations into one SQLite file, against one of them alone on the same file.

No broker and no web server: what is measured is how the writers wait for one another.
"""

import contextlib
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.children import environment_of, log_tail, running_child
from tests.bench.ratios import MeasurementError, interleave, line
from tests.support.environment import ROOT
from tests.support.processes import own_folder

AIM = 0.90
SECONDS = 3.0
ROUNDS = 5
WRITERS = 8
_SERIALS_A_TURN = 100_000


def measure() -> str:
    with own_folder() as folder, contextlib.ExitStack() as stack:
        environment = environment_of(folder, {})
        migrate = [sys.executable, "manage.py", "migrate", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=environment, timeout=60, check=True)
        writers = [stack.enter_context(_writer(number, environment, folder)) for number in range(WRITERS)]
        for writer in writers:
            writer.read()
        everyone = Turn(writers)
        rounds = interleave(everyone, Turn(writers[:1]), rounds=ROUNDS)
        more = {"errors": str(everyone.errors), "max_wait_s": f"{everyone.longest_seconds:.2f}"}
        return line("P24", "embedded", rounds, aim=AIM, **more)


_serials = itertools.count(step=_SERIALS_A_TURN)


@dataclass
class Turn:
    """These writers at once; called, it says how many transactions a second they made together."""

    writers: Sequence["Writer"]
    errors: int = 0
    longest_seconds: float = 0.0

    def __call__(self) -> float:
        for writer in self.writers:
            writer.start(SECONDS, next(_serials))
        results = [writer.read() for writer in self.writers]
        self.errors += sum(result["errors"] for result in results)
        self.longest_seconds = max(self.longest_seconds, *(result["longest_seconds"] for result in results))
        accepted: int = sum(result["accepted"] for result in results)
        return accepted / SECONDS


@dataclass
class Writer:
    process: "subprocess.Popen[str]"
    log: Callable[[], str]

    def start(self, seconds: float, first_serial: int) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps([seconds, first_serial]) + "\n")
        self.process.stdin.flush()

    def read(self) -> Any:
        assert self.process.stdout is not None
        if answer := self.process.stdout.readline():
            return json.loads(answer)
        raise MeasurementError(f"a writer ended:\n{self.log()}")


@contextlib.contextmanager
def _writer(number: int, environment: dict[str, str], folder: Path) -> Iterator[Writer]:
    name = f"writer-{number}"
    arguments = [sys.executable, "-m", "tests.bench.writer"]
    with running_child(name, arguments, environment, folder, pipes=True) as process:
        yield Writer(process, lambda: log_tail(name, folder))
