"""A worker of a running product that dies at a fail-point, put in the place of one that does not.

`up` gives a child that it starts again no fail-point, so the one that is to die is a twin: the same command line and
the same environment as the child that it replaces, and the fail-point beside them. While the twin works `up` is frozen
and the child is dead; then `up` goes on, finds its child dead and starts it again. The kernel kills, `up` heals.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

from gateway.failpoints import Failpoint
from tests.support.processes import with_parent
from tests.support.product import Product, command_line, environment_of, is_running, wait_until

DIE_SECONDS = 30.0


class Twin:
    """One process that will die at its fail-point. `died_at` is the monotonic moment at which it was found dead."""

    def __init__(self, product: Product, pid: int, point: Failpoint, command: Sequence[str]) -> None:
        self.environment = environment_of(pid) | {"TOKENI_FAILPOINT": f"{point}:kill"}
        self.command = [*with_parent(signal.SIGKILL), *command]
        self.log_file = product.log_file
        self.process: subprocess.Popen[bytes] | None = None
        self.died_at = 0.0

    def start(self) -> None:
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_and_be_killed(self) -> None:
        """It ends by signal 9, and by nothing else."""
        self.start()
        assert self.process
        assert self.process.wait(DIE_SECONDS) == -signal.SIGKILL
        self.died_at = time.monotonic()

    def end(self) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


@contextlib.contextmanager
def in_place_of(product: Product, worker: str, point: Failpoint) -> Iterator[Twin]:
    """A twin of the worker of this name (`tokens` or `calls`), not started yet: no other one works inside the block."""
    pid = wait_until(lambda: product.find_child(f"{worker}@"), 10, f"worker {worker}")
    words = command_line(pid)
    if worker == "tokens":
        # One thread, so that a sweep with nothing to do does not overtake the task that has the victim.
        words[words.index("--concurrency") + 1] = "1"
    twin = Twin(product, pid, point, words)
    product.signal(signal.SIGSTOP)
    try:
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not is_running(pid), 5, "the end of the worker")
        yield twin
    finally:
        product.signal(signal.SIGCONT)
        twin.end()


@contextlib.contextmanager
def web_beside(product: Product, point: Failpoint, bind: str) -> Iterator[Twin]:
    """A second web server on the same database. Its serving process dies at the point; its master starts another."""
    pid = product.find_child("gunicorn")
    words = command_line(pid)
    words[words.index("--bind") + 1] = bind
    words[words.index("--workers") + 1] = "1"
    twin = Twin(product, pid, point, words)
    try:
        twin.start()
        yield twin
    finally:
        twin.end()
