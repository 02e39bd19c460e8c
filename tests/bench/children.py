"""Processes that a measurement starts beside itself: their output in a log, ended whatever happens."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from tests.support.environment import ROOT, setting_names, settings_for_tests
from tests.support.processes import STOP_SECONDS, with_parent


def environment_of(folder: Path, addresses: Mapping[str, str]) -> dict[str, str]:
    """What children see: settings of ours with all state in `folder`, and nothing of the developer's settings."""
    inherited = {name: value for name, value in os.environ.items() if name not in setting_names()}
    return inherited | settings_for_tests(folder, addresses)


@contextlib.contextmanager
def running_child(
    name: str, arguments: Sequence[str], environment: Mapping[str, str], folder: Path, *, pipes: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """One process in the checkout. With `pipes`, its standard input and output are text for the caller."""
    with (folder / f"{name}.log").open("wb") as log:
        own: IO[bytes] | int = subprocess.PIPE if pipes else log
        process = subprocess.Popen(
            # They keep nothing, and one that is frozen would never see a gentler signal.
            [*with_parent(signal.SIGKILL), *arguments],
            cwd=ROOT,
            env=dict(environment),
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=own,
            stderr=log,
            text=True,
        )
    try:
        yield process
    finally:
        _end(process)


def log_tail(name: str, folder: Path) -> str:
    return (folder / f"{name}.log").read_text(errors="replace")[-2000:]


def _end(process: subprocess.Popen[str]) -> None:
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(STOP_SECONDS)
