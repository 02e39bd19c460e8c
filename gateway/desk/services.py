"""Acts that two persons decide: proposed by one, done in the transaction in which another one approves.

A proposal is checked, and kept with terms that name every figure. At approval the rows are locked (the approval, then
meters, payments, vends) and the terms are made again: what is not the same any more is refused, and nothing is
written. What each kind checks and does stands in `gateway.desk.acts`.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction

from fleet.approvals import services as approvals
from fleet.approvals.models import Approval
from fleet.audit.services import Act, record
from fleet.meters.locks import lock_meters
from gateway.desk.acts.answering import answer_claim
from gateway.desk.acts.base import DeskAct, DeskTools, Order, Rows, existing_payment
from gateway.desk.acts.table import ACTS
from gateway.desk.errors import KindUnknown, SecondPersonNeeded, TermsOutdated
from gateway.desk.kinds import Kind
from gateway.payments.locks import lock_payments
from gateway.payments.services import assign_meter
from vending.kernel.errors import DomainError
from vending.kernel.money import digits_of
from vending.vends.locks import lock_vends

__all__ = ["DeskTools", "Kind", "approve", "assign_alone", "propose", "refuse", "withdraw"]

PATIENCE = timedelta(hours=72)


def propose(
    *,
    kind: Kind,
    subject_id: int,
    terms: Mapping[str, object],
    reason: str,
    maker_id: int,
    actor: str,
    now: datetime,
) -> Approval:
    """Ask for an act that could be done now; it waits for a second person, 72 hours at most. Nothing is stopped
    meanwhile.

    `terms` is what only the maker knows (each module of `gateway.desk.acts` says which); kept are all the figures. What
    cannot be done is refused with its own code; `ApprovalWaiting` while the same is proposed already.
    """
    act = ACTS[kind]
    return approvals.ask(
        kind=kind,
        subject=f"{act.subject}:{subject_id}",
        terms=act.terms(subject_id, terms, now),
        reason=reason,
        maker_id=maker_id,
        expires_at=now + PATIENCE,
        actor=actor,
        now=now,
    )


@transaction.atomic
def approve(*, approval_id: int, checker_id: int, tools: DeskTools, actor: str, now: datetime) -> Approval:
    """Agree to an act, and do it: both or neither. Of two who approve at once one does it; the other is refused.

    Raises what `fleet.approvals.services.decide` raises, `KindUnknown`, and `TermsOutdated` when what the maker saw is
    not so any more: the proposal still waits then, to be refused or taken back.
    """
    approval = approvals.decide(approval_id=approval_id, checker_id=checker_id, is_approved=True, actor=actor, now=now)
    act = ACTS.get(approval.kind)
    if act is None:
        raise KindUnknown("this is not done here")
    subject_id = int(approval.subject.rpartition(":")[2])
    _lock(act.rows(subject_id, approval.terms))
    _check_terms(act, subject_id, approval, now)
    act.do(Order(approval.pk, subject_id, approval.terms, approval.reason, tools, actor, now))
    return approval


def refuse(*, approval_id: int, checker_id: int, answer: str, actor: str, now: datetime) -> Approval:
    """Do not agree, and say why. Nothing of the act is done. Raises what `fleet.approvals.services.decide` raises."""
    return approvals.decide(
        approval_id=approval_id, checker_id=checker_id, is_approved=False, answer=answer, actor=actor, now=now
    )


def withdraw(*, approval_id: int, operator_id: int, actor: str, now: datetime) -> Approval:
    """The maker takes a proposal back. Raises what `fleet.approvals.services.withdraw` raises."""
    return approvals.withdraw(approval_id=approval_id, operator_id=operator_id, actor=actor, now=now)


@transaction.atomic
def assign_alone(*, payment_id: int, meter_id: int, operator_id: int, actor: str, now: datetime) -> bool:
    """Give money that waits for its meter one, by one person: up to ASSIGN_ALONE_UP_TO whole units, none when that is
    0. False when it has this meter already.

    Raises `SecondPersonNeeded`, and what a proposal of `payment.assign` would be refused with.
    """
    payment = existing_payment(payment_id)
    if payment.amount_minor > settings.ASSIGN_ALONE_UP_TO * 10 ** digits_of(payment.currency):
        raise SecondPersonNeeded("this much is not assigned by one person alone")
    if payment.meter_id != meter_id:
        ACTS[Kind.PAYMENT_ASSIGN].terms(payment_id, {"meter_id": meter_id}, now)
    is_new = assign_meter(payment_id=payment_id, meter_id=meter_id, actor=actor, now=now)
    if is_new:
        answer_claim(payment_id=payment_id, is_accepted=True, actor=actor, now=now)
        details = {"operator_id": operator_id, "meter_id": meter_id}
        record(actor=actor, acts=[Act("payment.assigned_alone", f"payment:{payment_id}", details)], now=now)
    return is_new


def _lock(rows: Rows) -> None:
    lock_meters(rows.meter_ids)
    lock_payments(rows.payment_ids)
    lock_vends(rows.vend_ids)


def _check_terms(act: DeskAct, subject_id: int, approval: Approval, now: datetime) -> None:
    try:
        terms = act.terms(subject_id, approval.terms, now)
    except DomainError as refusal:
        raise TermsOutdated(f"it cannot be done any more: {refusal.code}") from refusal
    if terms != approval.terms:
        changed = sorted(name for name in terms if terms[name] != approval.terms.get(name))
        raise TermsOutdated(f"changed since it was proposed: {', '.join(changed)}")
