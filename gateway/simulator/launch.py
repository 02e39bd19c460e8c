"""Starts the demo's processes and ends every one of them, whatever happens in between."""

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Any

STOP_SECONDS = 12.0  # the product promises to end its own children within ten


class StartError(Exception):
    """A process did not come up. The message names it and where its output stands."""


class Stopped(BaseException):
    """Somebody asked this process to end. Not an `Exception`: nothing on the way may swallow it."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.exit_code = 128 + signal_number


class StopSignals:
    """Turns SIGINT, SIGTERM and SIGHUP into `Stopped`, but not while a child is being started or ended."""

    def __init__(self) -> None:
        self._shields = 0
        self._pending: int | None = None

    def watch(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._pending = number
        if not self._shields:
            raise Stopped(number)

    @contextlib.contextmanager
    def shielded(self) -> Iterator[None]:
        """A signal in here is raised at the end."""
        self._shields += 1
        try:
            yield
        finally:
            self._shields -= 1
        if self._pending is not None and not self._shields:
            raise Stopped(self._pending)

    def shield_for_good(self) -> None:
        """From here on only the ending matters."""
        self._shields += 1


class Child:
    """One process of ours, in a session of its own: a Ctrl-C at the terminal reaches us first, and we end it."""

    def __init__(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log_file: Path) -> None:
        self.name, self.log_file = name, log_file
        with log_file.open("ab") as log:
            self.process = subprocess.Popen(
                list(arguments),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
                text=True,
            )
        self._lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(target=self._drain, args=(self.process.stdout,), daemon=True).start()

    def _drain(self, stream: IO[str]) -> None:
        for line in stream:
            self._lines.put(line)
        self._lines.put(None)

    def read_object(self, timeout_seconds: float) -> dict[str, Any]:
        """The first JSON object on its standard output. Raises `StartError` when it ends or is late."""
        ends_at = time.monotonic() + timeout_seconds
        while True:
            try:
                line = self._lines.get(timeout=max(ends_at - time.monotonic(), 0.01))
            except queue.Empty:
                raise StartError(
                    f"{self.name} was not ready after {timeout_seconds:.0f} s{self.last_words()}"
                ) from None
            if line is None:
                raise StartError(f"{self.name} ended with {self.process.wait()}{self.last_words()}")
            with contextlib.suppress(ValueError):
                value = json.loads(line)
                if isinstance(value, dict):
                    return value

    def read_to_end(self, timeout_seconds: float) -> tuple[int, list[str]]:
        """Exit code and the lines on standard output. Raises `StartError` when it does not end in time."""
        try:
            code = self.process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            raise StartError(f"{self.name} did not end within {timeout_seconds:.0f} s{self.last_words()}") from None
        lines = []
        while (line := self._lines.get(timeout=5)) is not None:
            lines.append(line.rstrip("\n"))
        return code, lines

    def last_words(self) -> str:
        """The end of what it wrote to standard error, for an error message."""
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        return "; its last words, from " + "\n    ".join([f"{self.log_file}:", *lines])

    def ask_to_end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()

    def end(self, ends_at: float) -> None:
        """Wait until the moment, then end its whole session by force. What it left behind is ended in any case."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(max(ends_at - time.monotonic(), 0.01))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


class Children:
    """Every process that was started, ended in the opposite order."""

    def __init__(self, signals: StopSignals) -> None:
        self._signals = signals
        self._children: list[Child] = []

    def start(self, name: str, arguments: Sequence[str], environment: Mapping[str, str], log_folder: Path) -> Child:
        with self._signals.shielded():
            child = Child(name, arguments, environment, log_folder / f"{name}.log")
            self._children.append(child)
        return child

    def forget(self, child: Child) -> None:
        """It has ended by itself, as it should."""
        self._children.remove(child)

    def end_all(self) -> None:
        """Ask all, wait for all, kill what is left. Signals no longer interrupt."""
        self._signals.shield_for_good()
        ends_at = time.monotonic() + STOP_SECONDS
        for child in reversed(self._children):
            child.ask_to_end()
        for child in reversed(self._children):
            child.end(ends_at)

    def first_dead(self) -> Child | None:
        return next((child for child in self._children if child.process.poll() is not None), None)


def read_bind(text: str) -> tuple[str, int]:
    """`HOST:PORT` as a pair. Raises `StartError`."""
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdecimal()) or int(port) > 65535:
        raise StartError("--bind looks like 127.0.0.1:8001")
    return host, int(port)


def free_port(host: str, wanted: Sequence[int] = ()) -> int:
    """A port that nobody listens on: the first free one of `wanted`, else any."""
    for port in (*wanted, 0):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            return int(probe.getsockname()[1])
    raise StartError(f"no free port on {host}")
