"""Maker and checker: who may ask, decide and take back, and when."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import DatabaseError, transaction

from fleet.approvals.errors import (
    ApprovalByMaker,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalMissing,
    ApprovalNotByMaker,
    ApprovalReasonInvalid,
    ApprovalWaiting,
)
from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval
from fleet.approvals.queries import count_waiting, get_approval, list_decided, list_of_subject, list_waiting
from fleet.approvals.services import ask, decide, expire, withdraw
from fleet.audit.models import AuditEntry
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from tests.support.committed import at_once, committed
from tests.support.world import ACTOR, NOW
from vending.kernel.errors import DomainError

__all__ = ["committed"]

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
LATER = NOW + timedelta(hours=72)


def operator(name: str) -> Operator:
    return set_operator(username=name, password="a-long-password-1", actor=ACTOR, now=NOW)


@pytest.fixture
def maker() -> Operator:
    return operator("maker")


@pytest.fixture
def checker() -> Operator:
    return operator("checker")


def asked(maker: Operator, **changes: object) -> Approval:
    values: dict[str, object] = {
        "kind": "payment.refund",
        "subject": "payment:12",
        "terms": {"amount_minor": 20_000},
        "reason": "paid twice",
        "maker_id": maker.pk,
        "expires_at": LATER,
        "actor": ACTOR,
        "now": NOW,
    }
    return ask(**(values | changes))  # type: ignore[arg-type]


def decided(
    approval: Approval, by: Operator, *, is_approved: bool = True, answer: str = "", hours: float = 1
) -> Approval:
    now = NOW + timedelta(hours=hours)
    return decide(
        approval_id=approval.pk, checker_id=by.pk, is_approved=is_approved, answer=answer, actor=ACTOR, now=now
    )


def test_approval_of_another_person_is_kept_with_both_names_and_audited(maker: Operator, checker: Operator) -> None:
    approval = decided(asked(maker, reason="  paid \n twice "), checker)

    kept = get_approval(approval.pk)
    assert kept is not None
    assert (kept.state, kept.reason, kept.terms) == (ApprovalState.APPROVED, "paid twice", {"amount_minor": 20_000})
    assert (kept.maker, kept.checker, kept.decided_at) == (maker, checker, NOW + timedelta(hours=1))
    acts = AuditEntry.objects.filter(subject=f"approval:{approval.pk}").order_by("pk").values_list("act", "details")
    assert list(acts) == [
        (
            "approval.asked",
            {
                "kind": "payment.refund",
                "about": "payment:12",
                "terms": {"amount_minor": 20_000},
                "reason": "paid twice",
            },
        ),
        ("approval.approved", {"kind": "payment.refund", "about": "payment:12"}),
    ]


def test_refusal_needs_an_answer_and_keeps_it(maker: Operator, checker: Operator) -> None:
    approval = asked(maker)
    with pytest.raises(ApprovalReasonInvalid):
        decided(approval, checker, is_approved=False, answer="  ")
    assert decided(approval, checker, is_approved=False, answer="not ours").answer == "not ours"
    assert Approval.objects.get().state == ApprovalState.REFUSED


@pytest.mark.parametrize("reason", ["", "   ", "x" * 201])
def test_asking_without_a_fitting_reason_writes_nothing(maker: Operator, reason: str) -> None:
    with pytest.raises(ApprovalReasonInvalid):
        asked(maker, reason=reason)
    assert not Approval.objects.exists()


def test_same_act_on_the_same_row_waits_once(maker: Operator, checker: Operator) -> None:
    first = asked(maker)
    with pytest.raises(ApprovalWaiting):
        asked(checker, terms={})
    asked(maker, subject="payment:13")
    asked(maker, kind="payment.move")
    decided(first, checker)
    again = asked(maker)
    assert [row.pk for row in list_of_subject("payment:12") if row.kind == "payment.refund"] == [again.pk, first.pk]


def test_late_approval_does_not_stand_in_the_way_of_a_new_one(maker: Operator) -> None:
    late = asked(maker)
    asked(maker, now=LATER, expires_at=LATER + timedelta(hours=72))
    late.refresh_from_db()
    assert late.state == ApprovalState.EXPIRED


def test_maker_cannot_decide_and_another_cannot_take_back(maker: Operator, checker: Operator) -> None:
    approval = asked(maker)
    with pytest.raises(ApprovalByMaker):
        decided(approval, maker)
    with pytest.raises(ApprovalNotByMaker):
        withdraw(approval_id=approval.pk, operator_id=checker.pk, actor=ACTOR, now=NOW)
    assert Approval.objects.get().state == ApprovalState.WAITING
    withdraw(approval_id=approval.pk, operator_id=maker.pk, actor=ACTOR, now=NOW)
    assert Approval.objects.get().state == ApprovalState.WITHDRAWN
    with pytest.raises(ApprovalDecided):
        decided(approval, checker)
    with pytest.raises(ApprovalDecided):
        withdraw(approval_id=approval.pk, operator_id=maker.pk, actor=ACTOR, now=NOW)


def test_decision_after_the_time_is_refused_and_the_sweep_lets_it_go(maker: Operator, checker: Operator) -> None:
    approval = asked(maker)
    with pytest.raises(ApprovalExpired):
        decided(approval, checker, hours=72)
    assert expire(actor=ACTOR, now=LATER - timedelta(seconds=1)) == 0
    assert expire(actor=ACTOR, now=LATER) == 1
    assert expire(actor=ACTOR, now=LATER) == 0
    assert Approval.objects.get().state == ApprovalState.EXPIRED


def test_unknown_approval_and_unknown_maker_are_refused(maker: Operator) -> None:
    with pytest.raises(ApprovalMissing):
        decide(approval_id=99, checker_id=maker.pk, is_approved=True, actor=ACTOR, now=NOW)


def test_lists_show_what_waits_first_to_expire_first(maker: Operator, checker: Operator) -> None:
    assert count_waiting() == (0, None)
    slow, soon = asked(maker, subject="a:1"), asked(maker, subject="a:2", expires_at=NOW + timedelta(hours=1))
    assert [row.pk for row in list_waiting(limit=5)] == [soon.pk, slow.pk]
    assert count_waiting() == (2, NOW)
    decided(slow, checker)
    assert [row.pk for row in list_decided(limit=5)] == [slow.pk]


@pytest.mark.parametrize("change", [{"terms": {}}, {"reason": "other"}, {"subject": "payment:1"}, {"kind": "x"}])
def test_database_keeps_what_the_maker_asked_for(maker: Operator, change: dict[str, object]) -> None:
    approval = asked(maker)
    with pytest.raises(DatabaseError), transaction.atomic():
        Approval.objects.filter(pk=approval.pk).update(**change)


@pytest.mark.django_db(transaction=True)
def test_two_checkers_at_once_make_one_decision(committed: None) -> None:
    approval = asked(operator("maker"))
    checkers = [operator("one"), operator("two")]

    results = at_once([partial(decided, approval, by) for by in checkers])

    refused = [result for result in results if isinstance(result, DomainError)]
    assert [type(result) for result in refused] == [ApprovalDecided]
    assert AuditEntry.objects.filter(act="approval.approved").count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_makers_at_once_leave_one_waiting(committed: None) -> None:
    makers = [operator("one"), operator("two")]

    results = at_once([partial(asked, by) for by in makers])

    assert [type(result) for result in results if isinstance(result, Exception)] == [ApprovalWaiting]
    assert Approval.objects.count() == 1
