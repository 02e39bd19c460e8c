"""Starting and ending the demo's processes: nothing of ours is left behind, whatever ends the run."""

import os
import signal
import socket
import sys
import time
from pathlib import Path

import pytest

from gateway.simulator.launch import Child, Children, StartError, Stopped, StopSignals, free_port

READY = "import json, sys, time; print(json.dumps({'event': 'ready'}), flush=True); time.sleep(60)"
STUBBORN = (
    "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    "print('{\"pid\": %d}' % child.pid, flush=True); time.sleep(60)"
)


def start(children: Children, folder: Path, code: str) -> Child:
    return children.start("child", (sys.executable, "-c", code), os.environ, folder)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that nobody has waited for yet does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_child_ready_line_is_read_and_the_child_ended(tmp_path: Path) -> None:
    children = Children(StopSignals())
    child = start(children, tmp_path, READY)

    assert child.read_object(10) == {"event": "ready"}
    assert children.first_dead() is None
    children.end_all()
    assert child.process.returncode == -signal.SIGTERM


def test_child_lines_that_are_no_objects_are_passed_over(tmp_path: Path) -> None:
    children = Children(StopSignals())
    child = start(children, tmp_path, "print('hello'); print('[1]'); print('{\"n\": 1}'); print('last')")

    assert child.read_object(10) == {"n": 1}
    assert child.read_to_end(10) == (0, ["last"])


def test_child_that_dies_first_is_named_with_its_last_words(tmp_path: Path) -> None:
    children = Children(StopSignals())
    child = start(children, tmp_path, "import sys; sys.exit('no database')")

    with pytest.raises(StartError, match=r"(?s)child ended with 1; its last words.*no database"):
        child.read_object(10)
    assert children.first_dead() is child


def test_child_that_is_late_is_named(tmp_path: Path) -> None:
    children = Children(StopSignals())
    child = start(children, tmp_path, "import time; time.sleep(60)")

    with pytest.raises(StartError, match="not ready after 0 s"):
        child.read_object(0.05)
    with pytest.raises(StartError, match="did not end within 0 s"):
        child.read_to_end(0.05)
    children.end_all()


def test_children_that_will_not_end_are_ended_with_their_own_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.simulator.launch.STOP_SECONDS", 0.2)
    children = Children(StopSignals())
    child = start(children, tmp_path, STUBBORN)
    grandchild = child.read_object(10)["pid"]

    children.end_all()

    assert child.process.returncode == -signal.SIGKILL
    ends_at = time.monotonic() + 5
    while is_alive(grandchild):
        assert time.monotonic() < ends_at
        time.sleep(0.01)


def test_child_forgotten_is_not_dead(tmp_path: Path) -> None:
    children = Children(StopSignals())
    child = start(children, tmp_path, "pass")
    child.read_to_end(10)

    children.forget(child)

    assert children.first_dead() is None


@pytest.fixture
def restored_signals() -> object:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield None
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_stops_with_its_exit_code(restored_signals: object, number: signal.Signals) -> None:
    StopSignals().watch()

    with pytest.raises(Stopped) as stopped:
        os.kill(os.getpid(), number)

    assert stopped.value.exit_code == 128 + number


def test_signal_while_a_child_starts_waits_for_its_registration(restored_signals: object) -> None:
    signals = StopSignals()
    signals.watch()
    done = []

    def start_shielded() -> None:
        with signals.shielded():
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("registered")

    with pytest.raises(Stopped):
        start_shielded()
    assert done == ["registered"]


def test_signal_while_ending_interrupts_nothing(restored_signals: object) -> None:
    signals = StopSignals()
    signals.watch()
    signals.shield_for_good()

    os.kill(os.getpid(), signal.SIGTERM)


def test_free_port_prefers_the_wanted_one_that_is_free() -> None:
    with socket.socket() as taken, socket.socket() as other:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        other.bind(("127.0.0.1", 0))
        free = other.getsockname()[1]
        other.close()

        assert free_port("127.0.0.1", [taken.getsockname()[1], free]) == free
        assert free_port("127.0.0.1") > 0


def test_free_port_on_a_foreign_host_is_refused() -> None:
    with pytest.raises(StartError, match="no free port"):
        free_port("192.0.2.1")
