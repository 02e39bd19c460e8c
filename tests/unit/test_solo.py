"""A task that is not begun a second time while it runs."""

import threading

import pytest

from gateway.solo import solo


def test_solo_task_is_left_while_another_thread_is_at_it() -> None:
    begun, go_on, runs = threading.Event(), threading.Event(), []

    @solo
    def sweep() -> None:
        runs.append(threading.current_thread().name)
        begun.set()
        go_on.wait(5)

    first = threading.Thread(target=sweep, name="first")
    first.start()
    assert begun.wait(5)
    sweep()
    assert runs == ["first"]
    go_on.set()
    first.join()
    sweep()
    assert len(runs) == 2


def test_solo_task_that_failed_can_run_again() -> None:
    runs: list[int] = []

    @solo
    def sweep() -> None:
        runs.append(1)
        raise ValueError("a fault")

    for _ in range(2):
        with pytest.raises(ValueError, match="a fault"):
            sweep()
    assert len(runs) == 2
