"""Children of `manage.py up`: started again when they die, without a fail-point, and ended whatever they do."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.management import supervisor as module
from gateway.management.supervisor import Child, Supervisor

SLEEP = "exec sleep 60"
# Traps first, then tells that it has, so that a test does not ask too early.
STUBBORN = "trap '' TERM; echo $$ > ready; while :; do sleep 0.05; done"


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Supervisor]:
    monkeypatch.setattr(module, "_RESTART_PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(module, "STOP_SECONDS", 0.3)
    supervisor = Supervisor()
    yield supervisor
    supervisor.stop()


def shell(script: str, folder: Path, **environment: str) -> Child:
    return Child("test", ["/bin/sh", "-c", f"cd {folder}; {script}"], {"PATH": "/usr/bin:/bin", **environment})


def wait_until(is_so: Callable[[], bool], each: Callable[[], object] = lambda: None) -> None:
    give_up_at = time.monotonic() + 10
    while not is_so():
        each()
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def test_child_that_dies_is_started_again_after_a_pause(supervisor: Supervisor, tmp_path: Path) -> None:
    child = shell(SLEEP, tmp_path)
    supervisor.add(child)
    first = child.pid
    assert not child.has_died()
    supervisor.tend()
    assert child.pid == first, "one that runs is left alone"
    assert child.process is not None
    child.process.send_signal(signal.SIGKILL)
    child.process.wait()
    supervisor.tend()
    assert child.has_died(), "not at once"
    wait_until(lambda: not child.has_died(), each=supervisor.tend)
    assert child.pid != first


def test_child_that_dies_at_once_each_time_is_started_again_each_time(supervisor: Supervisor, tmp_path: Path) -> None:
    supervisor.add(shell("echo x >> starts", tmp_path))
    starts = tmp_path / "starts"
    wait_until(lambda: starts.exists() and starts.read_text().count("x") >= 3, each=supervisor.tend)


def test_child_started_again_sees_its_environment_without_the_fail_point(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    child = shell('echo "$TOKENI_FAILPOINT,$KEPT" >> seen', tmp_path, TOKENI_FAILPOINT="digits_stored:kill", KEPT="yes")
    supervisor.add(child)
    seen = tmp_path / "seen"
    wait_until(lambda: seen.exists() and seen.read_text().count("\n") >= 2, each=supervisor.tend)
    assert seen.read_text().splitlines()[:2] == ["digits_stored:kill,yes", ",yes"]


def test_child_sees_nothing_but_its_own_environment(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY_ENCRYPTION_KEY_FILE", "secret")
    supervisor.add(shell("env > seen; exec sleep 60", tmp_path, OWN="1"))
    seen = tmp_path / "seen"
    wait_until(lambda: seen.exists() and "OWN=1" in seen.read_text())
    assert "KEY_ENCRYPTION_KEY_FILE" not in seen.read_text()


def test_child_leaves_no_core_dump(supervisor: Supervisor, tmp_path: Path) -> None:
    """Its memory may hold keys."""
    supervisor.add(shell("ulimit -Hc > limit.new; mv limit.new limit", tmp_path))
    limit = tmp_path / "limit"
    wait_until(limit.exists)
    assert limit.read_text() == "0\n"


def test_child_writes_to_standard_error_alone(tmp_path: Path) -> None:
    """Standard output belongs to the ready line."""
    program = (
        "from gateway.management.supervisor import Child\n"
        "child = Child('test', ['/bin/sh', '-c', 'echo said'], {})\n"
        "child.start()\n"
        "child.process.wait()\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "said\n")


def test_stop_ends_every_child_and_waits_for_it(supervisor: Supervisor, tmp_path: Path) -> None:
    children = [shell(SLEEP, tmp_path) for _ in range(3)]
    for child in children:
        supervisor.add(child)
    supervisor.stop()
    assert [child.process.returncode if child.process else None for child in children] == [-signal.SIGTERM] * 3
    supervisor.stop()


def test_stop_kills_a_child_that_will_not_go(supervisor: Supervisor, tmp_path: Path) -> None:
    stubborn, ready = shell(STUBBORN, tmp_path), tmp_path / "ready"
    supervisor.add(stubborn)
    wait_until(ready.exists)
    started = time.monotonic()
    supervisor.stop()
    assert stubborn.process is not None
    assert stubborn.process.returncode == -signal.SIGKILL
    assert 0.3 <= time.monotonic() - started < 5


def test_child_that_was_never_started_has_no_pid_and_has_not_died(supervisor: Supervisor, tmp_path: Path) -> None:
    child = shell(SLEEP, tmp_path)
    assert (child.pid, child.has_died()) == (0, False)


def test_child_dies_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import os, time\n"
        "from gateway.management.supervisor import Child\n"
        "child = Child('test', ['/bin/sleep', '60'], {})\n"
        "child.start()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_until(lambda: not is_running(pid))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
