"""Opening a case, taking it, closing it with what was found. Each is audited in the transaction of its caller.

A case is opened by the part of the product that cannot go on without a person, and closed by a person, or by that part
once the trouble is gone. Two cases of one reason and subject are never open at once: a database constraint.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from django.db import IntegrityError, transaction

from fleet.audit.services import Act, record
from fleet.cases.errors import CaseClosed, CaseOutcomeInvalid
from fleet.cases.locks import lock_case
from fleet.cases.models import Case

LONGEST_OUTCOME = 200


@dataclass(frozen=True)
class CaseDraft:
    """A case to open. `reason` is an error code, `subject` a row ("meter:7"); `details` hold no key, token or phone."""

    reason: str
    subject: str
    due_at: datetime
    details: Mapping[str, object] = field(default_factory=dict)


def open_case(
    *, reason: str, subject: str, details: Mapping[str, object], due_at: datetime, actor: str, now: datetime
) -> Case:
    """The open case of this reason and subject, opened now if there is none. Idempotent by the two of them."""
    about = Case.objects.filter(reason=reason, subject=subject, closed_at=None)
    while (case := about.first()) is None:
        open_cases(drafts=[CaseDraft(reason, subject, due_at, details)], actor=actor, now=now)
    return case


@transaction.atomic
def open_cases(*, drafts: Iterable[CaseDraft], actor: str, now: datetime) -> list[Case]:
    """Open these cases; returns those that were not open already. Idempotent by (reason, subject) among the open ones.

    They are written in one order whatever the caller's, so that two callers wait for each other and do not deadlock.
    """
    wanted = {(draft.reason, draft.subject): draft for draft in drafts}
    if not wanted:
        return []
    known = Case.objects.filter(closed_at=None, subject__in={subject for _, subject in wanted})
    open_already = set(known.values_list("reason", "subject"))
    opened = [case for name in sorted(wanted.keys() - open_already) if (case := _open(wanted[name], now))]
    acts = [Act("case.opened", f"case:{case.pk}", {"reason": case.reason, "about": case.subject}) for case in opened]
    record(actor=actor, acts=acts, now=now)
    return opened


def _open(draft: CaseDraft, now: datetime) -> Case | None:
    """None when somebody else opened it at the same moment."""
    try:
        with transaction.atomic():
            return Case.objects.create(
                reason=draft.reason,
                subject=draft.subject,
                details=dict(draft.details),
                opened_at=now,
                due_at=draft.due_at,
            )
    except IntegrityError:
        return None


@transaction.atomic
def take_case(*, case_id: int, operator_id: int, actor: str, now: datetime) -> bool:
    """Make an operator the owner of an open case; returns whether it was this call. Taking it over is allowed.

    Raises `CaseMissing` and `CaseClosed`. Idempotent: who has it keeps it.
    """
    case = lock_case(case_id)
    if case.closed_at:
        raise CaseClosed("the case is closed already")
    if case.owner_id == operator_id:
        return False
    act = Act("case.taken", f"case:{case_id}", {"owner": operator_id, "owner_before": case.owner_id})
    case.owner_id = operator_id
    case.save(update_fields=["owner"])
    record(actor=actor, acts=[act], now=now)
    return True


@transaction.atomic
def close_case(*, case_id: int, outcome: str, actor: str, now: datetime) -> bool:
    """Close a case with what was found or done; returns whether it was this call. A closed one keeps its outcome.

    Raises `CaseMissing`, and `CaseOutcomeInvalid` for an empty outcome or one over 200 characters.
    """
    outcome = _checked(outcome)
    case = lock_case(case_id)
    if case.closed_at:
        return False
    _close([case], outcome, actor, now)
    return True


@transaction.atomic
def close_cases(*, subject: str, reason: str | None = None, outcome: str, actor: str, now: datetime) -> int:
    """Close the open cases about a subject, of one reason or of any; returns how many. Idempotent: none open, none
    closed. Raises `CaseOutcomeInvalid`.
    """
    outcome = _checked(outcome)
    about = Case.objects.filter(subject=subject, closed_at=None)
    ids = (about if reason is None else about.filter(reason=reason)).order_by("pk").values_list("pk", flat=True)
    cases = [case for case in map(lock_case, ids) if case.closed_at is None]
    _close(cases, outcome, actor, now)
    return len(cases)


def _checked(outcome: str) -> str:
    outcome = " ".join(outcome.split())
    if not 0 < len(outcome) <= LONGEST_OUTCOME:
        raise CaseOutcomeInvalid(f"an outcome has 1 to {LONGEST_OUTCOME} characters", field="outcome")
    return outcome


def _close(cases: Iterable[Case], outcome: str, actor: str, now: datetime) -> None:
    acts = []
    for case in cases:
        case.outcome, case.closed_at = outcome, now
        case.save(update_fields=["outcome", "closed_at"])
        acts.append(Act("case.closed", f"case:{case.pk}", {"reason": case.reason, "outcome": outcome}))
    record(actor=actor, acts=acts, now=now)
