"""Cases: opened once for a reason and a subject, taken and closed by people, and each act written down."""

from datetime import timedelta
from typing import Any

import pytest

from fleet.audit.queries import list_entries_of
from fleet.cases import services
from fleet.cases.errors import CaseClosed, CaseMissing, CaseOutcomeInvalid
from fleet.cases.models import Case
from fleet.cases.queries import count_open_cases, list_closed_cases, list_open_cases, list_open_subjects
from fleet.cases.services import CaseDraft, close_case, close_cases, open_case, open_cases, take_case
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from tests.support.committed import at_once, committed
from tests.support.rows import rows_of
from tests.support.world import ACTOR, NOW

__all__ = ["committed"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
SOON = NOW + timedelta(hours=4)
ACT: dict[str, Any] = {"actor": ACTOR, "now": NOW}


def open_one(reason: str = "look_ahead_limit", subject: str = "meter:7", hours: int = 4) -> Case:
    return open_case(reason=reason, subject=subject, details={"vend_id": 3}, due_at=NOW + timedelta(hours=hours), **ACT)


def operator(username: str = "neema") -> Operator:
    return set_operator(username=username, password="right-password-1", **ACT)


def acts_of(case: Case) -> list[tuple[str, str]]:
    return [(entry.act, entry.actor) for entry in list_entries_of([f"case:{case.pk}"])]


def test_case_is_opened_once_for_a_reason_and_a_subject() -> None:
    case = open_one()
    assert (case.reason, case.subject, case.details) == ("look_ahead_limit", "meter:7", {"vend_id": 3})
    assert (case.opened_at, case.due_at, case.owner, case.closed_at) == (NOW, SOON, None, None)
    again = open_case(reason=case.reason, subject=case.subject, details={}, due_at=NOW, actor="other", now=SOON)
    assert again == case
    others = [open_one(subject="meter:8"), open_one(reason="verify_failed")]
    assert len({case.pk, *(other.pk for other in others)}) == 3
    assert acts_of(case) == [("case.opened", ACTOR)]
    (entry,) = list_entries_of([f"case:{case.pk}"])
    assert entry.details == {"reason": "look_ahead_limit", "about": "meter:7"}


def test_cases_opened_together_tell_which_are_new() -> None:
    known = open_one()
    drafts = [CaseDraft("look_ahead_limit", subject, SOON) for subject in ("meter:9", "meter:7", "meter:8", "meter:9")]
    assert [case.subject for case in open_cases(drafts=drafts, **ACT)] == ["meter:8", "meter:9"]
    assert open_cases(drafts=drafts, **ACT) == []
    assert open_cases(drafts=[], **ACT) == []
    assert Case.objects.count() == 3
    assert known.details == {"vend_id": 3}


@pytest.mark.django_db(transaction=True)
def test_case_opened_by_eight_at_once_is_one(committed: None) -> None:
    results = at_once([open_one] * 8)
    assert {case.pk for case in results if isinstance(case, Case)} == {Case.objects.get().pk}
    assert len(acts_of(Case.objects.get())) == 1


def test_case_that_somebody_else_opened_meanwhile_is_left_alone() -> None:
    """The look at what is open, and then the other one's commit."""
    known = open_one()
    assert services._open(CaseDraft(known.reason, known.subject, NOW), NOW) is None
    assert list_open_cases(limit=9) == [known]


def test_trouble_that_comes_back_is_a_case_of_its_own() -> None:
    first = open_one()
    close_case(case_id=first.pk, outcome="clock set", **ACT)
    assert open_one().pk != first.pk
    assert Case.objects.count() == 2


def test_case_is_taken_and_taken_over() -> None:
    case, neema, peter = open_one(), operator(), operator("peter")
    assert take_case(case_id=case.pk, operator_id=neema.pk, **ACT)
    assert not take_case(case_id=case.pk, operator_id=neema.pk, **ACT)
    assert take_case(case_id=case.pk, operator_id=peter.pk, **ACT)
    case.refresh_from_db()
    assert case.owner == peter
    entries = list_entries_of([f"case:{case.pk}"])[1:]
    assert [entry.details for entry in entries] == [
        {"owner": neema.pk, "owner_before": None},
        {"owner": peter.pk, "owner_before": neema.pk},
    ]


def test_case_is_closed_once_with_its_outcome() -> None:
    case = open_one()
    assert close_case(case_id=case.pk, outcome="  clock\n set ", **ACT)
    assert not close_case(case_id=case.pk, outcome="something else", actor=ACTOR, now=SOON)
    case.refresh_from_db()
    assert (case.outcome, case.closed_at) == ("clock set", NOW)
    assert [act for act, _ in acts_of(case)] == ["case.opened", "case.closed"]


def test_case_that_is_closed_or_unknown_is_not_taken_or_closed() -> None:
    case, neema = open_one(), operator()
    close_case(case_id=case.pk, outcome="done", **ACT)
    before = rows_of(Case)
    with pytest.raises(CaseClosed):
        take_case(case_id=case.pk, operator_id=neema.pk, **ACT)
    with pytest.raises(CaseMissing):
        take_case(case_id=10**6, operator_id=neema.pk, **ACT)
    with pytest.raises(CaseMissing):
        close_case(case_id=10**6, outcome="done", **ACT)
    assert rows_of(Case) == before


@pytest.mark.parametrize("outcome", ["", " \n ", "x" * 201])
def test_case_without_a_sensible_outcome_stays_open(outcome: str) -> None:
    case = open_one()
    with pytest.raises(CaseOutcomeInvalid):
        close_case(case_id=case.pk, outcome=outcome, **ACT)
    with pytest.raises(CaseOutcomeInvalid):
        close_cases(subject=case.subject, outcome=outcome, **ACT)
    case.refresh_from_db()
    assert case.closed_at is None
    assert close_case(case_id=case.pk, outcome="x" * 200, **ACT)


def test_cases_about_a_subject_are_closed_together_or_by_reason() -> None:
    stopped, failed = open_one("vending_key_stopped", "vending_key:1"), open_one("verify_failed", "vending_key:1")
    other = open_one("vending_key_stopped", "vending_key:2")
    assert close_cases(subject="vending_key:1", reason="vending_key_stopped", outcome="started", **ACT) == 1
    assert list_open_cases(limit=9) == [failed, other]
    assert close_cases(subject="vending_key:1", outcome="started", **ACT) == 1
    assert close_cases(subject="vending_key:1", outcome="started", **ACT) == 0
    assert list_open_cases(limit=9) == [other]
    assert acts_of(stopped)[-1] == ("case.closed", ACTOR)


def test_open_cases_are_listed_and_counted_by_their_due_time() -> None:
    late, now, soon = open_one(subject="meter:1", hours=9), open_one(subject="meter:2", hours=0), open_one()
    assert list_open_cases(limit=9) == [now, soon, late]
    assert list_open_cases(limit=1) == [now]
    assert (count_open_cases(NOW), count_open_cases(SOON)) == ((3, 1), (3, 2))
    assert list_open_subjects("look_ahead_limit") == {"meter:1", "meter:2", "meter:7"}
    close_case(case_id=now.pk, outcome="done", **ACT)
    close_case(case_id=late.pk, outcome="done", actor=ACTOR, now=SOON)
    assert count_open_cases(SOON) == (1, 1)
    assert list_closed_cases(limit=9) == [late, now]
    assert list_open_subjects("look_ahead_limit") == {"meter:7"}


def test_open_cases_are_asked_for_by_row_or_reason_before_they_are_cut() -> None:
    first, stopped = open_one(hours=0), open_one("vending_key_stopped", "vending_key:1", hours=9)
    assert list_open_cases(limit=1) == [first]
    assert list_open_cases(limit=1, about={"vending_key:1"}) == [stopped]
    assert list_open_cases(limit=1, reasons={"vending_key_stopped"}) == [stopped]
    assert list_open_cases(limit=None, about=set()) == []
