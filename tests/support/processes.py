"""One server process: started, watched until it answers, frozen, ended. Knows no particular server.

PostgreSQL refuses to run as root. As root it therefore runs as `postgres` (or `nobody`); where root is only a mapped
name of one ordinary user, as under `unshare -r`, a nested user namespace gives it another one.
"""

import atexit
import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import TypeVar

START_SECONDS = 30.0
STOP_SECONDS = 10.0


class ServerFailedError(RuntimeError):
    """A server did not start; the message ends with its log."""


def free_port() -> int:
    """A loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """One running server. `stop` and `start` keep its port, so clients can be watched while it is away."""

    name: str
    folder: Path
    command: list[str]
    port: int
    url: str
    is_up: Callable[[], bool]
    stop_signal: int
    user: str | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start and wait until it answers. Raises `ServerFailedError` with the end of its log.

        From the main thread only: the kernel ends the server together with the thread that started it (`with_parent`).
        """
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.folder,
                env=bare_environment(),
                user=self.user,
                group=group_of(self.user),
                extra_groups=None if self.user is None else [],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_up() or self.process.poll() is not None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise ServerFailedError(f"{self.name} did not start:\n{(self.folder / 'log').read_text()[-2000:]}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it and wait; killed when it does not go within ten seconds. Doing it again does nothing."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.resume()
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_SECONDS)
        self.process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze it: connections stay open and nothing answers."""
        self._signal_all(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, signal_number: int) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        # Each PostgreSQL backend leads a session of its own: a signal to the process group would miss it.
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        for pid in (self.process.pid, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal_number)


AnyServer = TypeVar("AnyServer", bound=Server)


@contextlib.contextmanager
def running(build: Callable[[int], AnyServer]) -> Iterator[AnyServer]:
    """Start it, on another port when somebody took ours in between; end it whatever happens."""
    for attempts_left in (2, 1, 0):
        server = build(free_port())
        try:
            server.start()
            break
        except ServerFailedError:
            if not attempts_left:
                raise
    _watch(server)
    try:
        yield server
    finally:
        server.stop()
        _WATCHED.remove(server)


# Servers to end when this process ends without unwinding. A forked child inherits the list and must leave it alone.
_WATCHED: list[Server] = []
_owner_pid = os.getpid()


def _watch(server: Server) -> None:
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _end_with_servers)
    _WATCHED.append(server)


def _stop_watched() -> None:
    if os.getpid() == _owner_pid:
        for server in list(_WATCHED):
            with contextlib.suppress(OSError):
                server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)


def _end_with_servers(signal_number: int, _frame: FrameType | None) -> None:
    _stop_watched()
    signal.signal(signal_number, signal.SIG_DFL)
    os.kill(os.getpid(), signal_number)


atexit.register(_stop_watched)


@contextlib.contextmanager
def own_folder() -> Iterator[Path]:
    """A new folder that any user may enter, outside the checkout: that may be private to its owner."""
    for parent in dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm")):  # noqa: S108
        if all(step.stat().st_mode & stat.S_IXOTH for step in (Path(parent), *Path(parent).parents)):
            folder = Path(tempfile.mkdtemp(prefix="tokeni-", dir=parent))
            break
    else:
        raise ServerFailedError("no temporary folder that a server's user may enter")
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def as_ordinary_user() -> tuple[list[str], str | None]:
    """How PostgreSQL is started by whoever we are: a wrapper command, and the user to become first."""
    if os.geteuid() != 0:
        return [], None
    account = _first_account("postgres", "nobody")
    if _is_mapped(account.pw_uid):
        return [], account.pw_name
    return ["unshare", "--user", f"--map-user={account.pw_uid}", f"--map-group={account.pw_gid}"], None


def _first_account(*names: str) -> pwd.struct_passwd:
    for name in names:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise ServerFailedError(f"run the tests as an ordinary user: none of {', '.join(names)} exists here")


def _is_mapped(uid: int) -> bool:
    """Whether this user namespace knows `uid`, so that a root in it can become that user."""
    for line in Path("/proc/self/uid_map").read_text().splitlines():
        first, _outside, count = map(int, line.split())
        if first <= uid < first + count:
            return True
    return False


def group_of(user: str | None) -> int | None:
    return None if user is None else pwd.getpwnam(user).pw_gid


def with_parent(signal_number: signal.Signals) -> list[str]:
    """A wrapper that ends the server when this process is killed with a signal it cannot answer."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", signal_number.name.removeprefix("SIG")] if setpriv else []


def bare_environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}
