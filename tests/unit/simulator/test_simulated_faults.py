"""Fault knobs, the postman, and lengths on the air."""

import threading
import time

import pytest

from gateway.simulator.faults import FaultPlan, FaultPlanError
from gateway.simulator.gsm import fits_ussd, septets, sms_parts
from gateway.simulator.postman import Postman


@pytest.mark.parametrize(
    "knobs",
    [
        {"no_such_knob": 1},
        {"callback_copies": "2"},
        {"callback_copies": 2.5},
        {"callback_copies": True},
        {"callback_copies": -1},
        {"silence_seconds": 20_000},
        {"stk_confirms": 1},
        {"sms_answer": "perhaps"},
        {"push_answer": "unauthorised"},
        {"validation_default": "Maybe"},
        {"sms_report": 5},
        {"callbacks_lost": "stk"},
        {"callbacks_lost": ["letters"]},
    ],
)
def test_plan_bad_knob_changes_nothing(knobs: dict[str, object]) -> None:
    plan = FaultPlan()

    with pytest.raises(FaultPlanError):
        plan.change({"callback_delay_seconds": 1.5} | knobs)

    assert plan == FaultPlan()


def test_plan_counted_answer_is_given_so_often() -> None:
    plan = FaultPlan()
    plan.change({"sms_answer": "error", "sms_answer_count": 2, "push_answer": "silence", "push_answer_count": 1})

    assert [plan.take_sms_answer() for _ in range(3)] == ["error", "error", "accept"]
    assert [plan.take_push_answer() for _ in range(2)] == ["silence", "accept"]


def test_plan_uncounted_answer_stays_until_reset() -> None:
    plan = FaultPlan()
    plan.change({"sms_answer": "silence", "callbacks_lost": ["stk"]})

    assert [plan.take_sms_answer() for _ in range(3)] == ["silence"] * 3
    plan.reset()
    assert plan == FaultPlan()


def test_postman_failing_job_takes_no_other_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    postman, done = Postman(threads=1), threading.Event()

    postman.post(lambda: 1 // 0)
    postman.post(done.set, after_seconds=0.01)

    assert done.wait(2)
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_postman_runs_jobs_by_their_time() -> None:
    postman, seen, done = Postman(threads=1), [], threading.Event()

    postman.post(done.set, after_seconds=0.06)
    postman.post(lambda: seen.append("second"), after_seconds=0.03)
    postman.post(lambda: seen.append("first"))

    assert done.wait(2)
    assert seen == ["first", "second"]


def test_postman_tries_again_until_taken() -> None:
    postman, answers, done = Postman(threads=1), iter([False, False, True]), threading.Event()
    tries = []

    def attempt() -> bool:
        tries.append(1)
        taken = next(answers)
        if taken:
            done.set()
        return taken

    postman.post_until_taken(attempt, after_seconds=0, every_seconds=0.01, until=time.monotonic() + 5)

    assert done.wait(2)
    assert len(tries) == 3


def test_postman_gives_up_when_the_time_is_over() -> None:
    postman, done = Postman(threads=1), threading.Event()
    tries: list[int] = []

    def attempt() -> bool:
        tries.append(1)
        return False

    postman.post_until_taken(attempt, after_seconds=0, every_seconds=0.01, until=0)
    postman.post(done.set, after_seconds=0.05)

    assert done.wait(2)
    assert len(tries) == 1


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 307, 3),
        ("[" * 80, 1),
        ("[" * 81, 2),
        ("\u1200" * 70, 1),
        ("\u1200" * 71, 2),
    ],
)
def test_sms_parts_as_networks_count_them(text: str, parts: int) -> None:
    assert sms_parts(text) == parts


def test_ussd_screen_fits_at_the_limit_and_not_above() -> None:
    assert (fits_ussd("a" * 182), fits_ussd("a" * 183)) == (True, False)
    assert (fits_ussd("\u1200" * 80), fits_ussd("\u1200" * 81)) == (True, False)


def test_septets_of_text_outside_the_alphabet_are_none() -> None:
    assert (septets("\u20ac1"), septets("\u00a0")) == (3, None)
