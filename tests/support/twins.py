"""A worker of a running product that dies at a fail-point, put in the place of one that does not.

`up` gives a child that it starts again no fail-point, so the one that is to die is a twin: the same command line and the
same environment as the child that it replaces, and the fail-point beside them. While the twin works `up` is frozen and the
child is dead; then `up` goes on, finds its child dead and starts it again. The kernel kills, `up` heals.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence

from gateway.failpoints import Failpoint
from tests.support.product import Product, command_line, environment_of, is_running, wait_until

DIE_SECONDS = 15.0


class Twin:
    """One process that will die at its fail-point. `died_at` is the monotonic moment at which it was found dead."""

    def __init__(self, product: Product, pid: int, point: Failpoint, command: Sequence[str]) -> None:
        environment = environment_of(pid) | {"TOKENI_FAILPOINT": f"{point}:kill"}
        with product.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self.died_at = 0.0

    def wait_until_killed(self) -> None:
        """It ended by signal 9, and by nothing else."""
        assert self.process.wait(DIE_SECONDS) == -signal.SIGKILL
        self.died_at = time.monotonic()

    def end(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@contextlib.contextmanager
def in_place_of(product: Product, worker: str, point: Failpoint) -> Iterator[Twin]:
    """A twin of the worker of this name (`tokens` or `calls`), which is the only one while it lives."""
    pid = wait_until(lambda: product.find_child(f"{worker}@"), 10, f"worker {worker}")
    command, environment_pid = command_line(pid), pid
    product.signal(signal.SIGSTOP)
    twin = Twin(product, environment_pid, point, command)
    os.kill(pid, signal.SIGKILL)
    try:
        wait_until(lambda: not is_running(pid), 5, "the end of the worker")
        yield twin
    finally:
        product.signal(signal.SIGCONT)
        twin.end()


@contextlib.contextmanager
def web_beside(product: Product, point: Failpoint, bind: str) -> Iterator[Twin]:
    """A second web server on the same database, whose serving process dies at the point and is started again by its master."""
    pid = product.find_child("gunicorn")
    words = command_line(pid)
    words[words.index("--bind") + 1] = bind
    words[words.index("--workers") + 1] = "1"
    twin = Twin(product, pid, point, words)
    try:
        yield twin
    finally:
        twin.end()
