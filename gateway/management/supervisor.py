"""Child processes of `manage.py up`: started together, started again when one dies, ended together."""

import ctypes
import logging
import os
import resource
import signal
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings

logger = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
STOP_SECONDS = 8
_RESTART_PAUSE_SECONDS = 0.5


@dataclass
class Child:
    """One process. `environment` is all it sees; a restarted child does not see a fail-point again."""

    name: str
    arguments: list[str]
    environment: Mapping[str, str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    restart_at: float = 0.0

    def start(self) -> None:
        # Standard output belongs to the ready line of `up`; what children say goes to standard error.
        self.process = subprocess.Popen(
            self.arguments,
            env=dict(self.environment),
            cwd=settings.BASE_DIR,  # children find our packages there, wherever `up` was called from
            stdout=2,
            stdin=subprocess.DEVNULL,
            preexec_fn=_before_start,  # noqa: PLW1509 -- `up` has no threads
        )

    @property
    def pid(self) -> int:
        return self.process.pid if self.process else 0

    def has_died(self) -> bool:
        return self.process is not None and self.process.poll() is not None


class Supervisor:
    """Keeps children running until it is told to stop."""

    def __init__(self) -> None:
        self.children: list[Child] = []

    def add(self, child: Child) -> None:
        self.children.append(child)
        child.start()

    def tend(self) -> None:
        """Start again whatever has died, after a short pause each, so that a broken one does not spin."""
        for child in self.children:
            if not child.has_died():
                continue
            if not child.restart_at:
                logger.warning("%s ended, starting it again", child.name)
                child.restart_at = time.monotonic() + _RESTART_PAUSE_SECONDS
            elif time.monotonic() >= child.restart_at:
                child.restart_at = 0.0
                child.environment = {k: v for k, v in child.environment.items() if k != "TOKENI_FAILPOINT"}
                child.start()

    def stop(self) -> None:
        """End every child, the last started first: asked first, killed after `STOP_SECONDS`."""
        running = [child.process for child in reversed(self.children) if child.process and not child.has_died()]
        for process in running:
            process.terminate()
        give_up_at = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(timeout=max(give_up_at - time.monotonic(), 0))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _before_start() -> None:
    """In the child: no core dump, which would hold what is secret in its memory; and Linux ends it when this process is
    killed without a chance to end it.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if os.uname().sysname == "Linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
