"""Maker and checker: asking for an act, deciding it, taking it back, letting it expire. Audited with each move.

What the act is, whether it can be done, and doing it belong to whoever asked (`gateway.desk`): approving and doing are
one transaction there. Locks: the approval first, then the rows of the act.
"""

from collections.abc import Mapping
from datetime import datetime

from django.db import IntegrityError, transaction

from fleet.approvals.errors import (
    ApprovalByMaker,
    ApprovalDecided,
    ApprovalExpired,
    ApprovalNotByMaker,
    ApprovalPersonInactive,
    ApprovalReasonInvalid,
    ApprovalWaiting,
)
from fleet.approvals.lifecycle import APPROVAL, ApprovalState
from fleet.approvals.locks import lock_approval, lock_late_approval_of, lock_late_approvals
from fleet.approvals.models import Approval
from fleet.audit.services import Act, record
from fleet.operators.models import Operator

LONGEST_REASON = 200


@transaction.atomic
def ask(
    *,
    kind: str,
    subject: str,
    terms: Mapping[str, object],
    reason: str,
    maker_id: int,
    expires_at: datetime,
    actor: str,
    now: datetime,
) -> Approval:
    """An act that waits for a second person, with the exact terms that the checker will agree to.

    Raises `ApprovalWaiting` while the same act on the same row waits (one that is over expires now),
    `ApprovalReasonInvalid` for a reason that is empty or over 200 characters, and `ApprovalPersonInactive`.
    """
    reason = _checked(reason)
    _check_active(maker_id)
    if late := lock_late_approval_of(kind=kind, subject=subject, now=now):
        _move(late, ApprovalState.EXPIRED, actor, now)
    approval = Approval(
        kind=kind,
        subject=subject,
        terms=dict(terms),
        reason=reason,
        state=ApprovalState.WAITING,
        maker_id=maker_id,
        asked_at=now,
        expires_at=expires_at,
    )
    if Approval.objects.filter(kind=kind, subject=subject, state=ApprovalState.WAITING).exists():
        raise ApprovalWaiting(f"{kind} of {subject} waits for a second person already")
    try:
        with transaction.atomic():
            approval.save()
    except IntegrityError:
        # Only somebody who asks at the same moment is told so: an unknown maker stays an error of ours.
        if not Approval.objects.filter(kind=kind, subject=subject, state=ApprovalState.WAITING).exists():
            raise
        raise ApprovalWaiting(f"{kind} of {subject} waits for a second person already") from None
    details = {"kind": kind, "about": subject, "terms": dict(terms), "reason": reason}
    record(actor=actor, acts=[Act("approval.asked", f"approval:{approval.pk}", details)], now=now)
    return approval


@transaction.atomic
def decide(
    *, approval_id: int, checker_id: int, is_approved: bool, answer: str = "", actor: str, now: datetime
) -> Approval:
    """Another person's yes or no. The row stays locked until the caller's transaction ends: of two, one wins.

    A refusal says why. Raises `ApprovalMissing`, `ApprovalDecided`, `ApprovalExpired`, `ApprovalByMaker`,
    `ApprovalPersonInactive` and `ApprovalReasonInvalid`.
    """
    answer = " ".join(answer.split()) if is_approved and not answer.strip() else _checked(answer)
    approval = lock_approval(approval_id)
    _check_waits(approval)
    if now >= approval.expires_at:
        raise ApprovalExpired("the time to decide is over")
    if approval.maker_id == checker_id:
        raise ApprovalByMaker("who asked for it cannot decide it")
    _check_active(checker_id)
    approval.checker_id, approval.answer = checker_id, answer
    _move(approval, ApprovalState.APPROVED if is_approved else ApprovalState.REFUSED, actor, now)
    return approval


@transaction.atomic
def withdraw(*, approval_id: int, operator_id: int, actor: str, now: datetime) -> Approval:
    """The maker takes it back. Raises `ApprovalMissing`, `ApprovalDecided` and `ApprovalNotByMaker`."""
    approval = lock_approval(approval_id)
    _check_waits(approval)
    if approval.maker_id != operator_id:
        raise ApprovalNotByMaker("only who asked for it takes it back")
    _move(approval, ApprovalState.WITHDRAWN, actor, now)
    return approval


@transaction.atomic
def expire(*, actor: str, now: datetime, limit: int = 200) -> int:
    """Let go what nobody decided in time; returns how many. Idempotent: an expired one does not wait any more."""
    approvals = lock_late_approvals(now=now, limit=limit)
    for approval in approvals:
        _move(approval, ApprovalState.EXPIRED, actor, now)
    return len(approvals)


def _checked(reason: str) -> str:
    reason = " ".join(reason.split())
    if not 0 < len(reason) <= LONGEST_REASON:
        raise ApprovalReasonInvalid(f"a reason has 1 to {LONGEST_REASON} characters", field="reason")
    return reason


def _check_active(operator_id: int) -> None:
    """Who may not log in any more does not act by what is still open on a screen."""
    if Operator.objects.filter(pk=operator_id, is_active=False).exists():
        raise ApprovalPersonInactive("this person's login is closed")


def _check_waits(approval: Approval) -> None:
    if approval.state != ApprovalState.WAITING:
        raise ApprovalDecided("it does not wait for a decision any more")


def _move(approval: Approval, state: ApprovalState, actor: str, now: datetime) -> None:
    APPROVAL.check_can_move(approval.state, state)
    approval.state, approval.decided_at = state, now
    approval.save(update_fields=["state", "checker", "answer", "decided_at"])
    details = {"kind": approval.kind, "about": approval.subject} | (
        {"answer": approval.answer} if approval.answer else {}
    )
    record(actor=actor, acts=[Act(f"approval.{state.lower()}", f"approval:{approval.pk}", details)], now=now)
