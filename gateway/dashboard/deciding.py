"""The second person's yes or no to a proposal, and the maker's taking it back. By POST alone; each door leads back."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from gateway.chance import random_nibble
from gateway.dashboard import words
from gateway.dashboard.forms import Doer, act, typed
from gateway.dashboard.layout import operators_only
from gateway.desk.services import DeskTools, approve, refuse, withdraw
from gateway.relay import wake

FULFIL_PAYMENTS = "gateway.fulfilment.tasks.fulfil_payments"


@operators_only
def approve_it(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Agree, and do the act in the same transaction."""

    def do(doer: Doer) -> str:
        tools = DeskTools(random_nibble=random_nibble, look_ahead_minutes=settings.TID_LOOK_AHEAD_MINUTES)
        done = approve(
            approval_id=approval_id, checker_id=doer.operator_id, tools=tools, actor=doer.actor, now=doer.now
        )
        subject, _, row_id = done.subject.partition(":")
        subjects.extend([int(row_id)] if subject == "payment" else [])
        return f"Proposal {done.pk} is approved and done: {words.act(done.kind)}."

    subjects: list[int] = []
    act(request, do)
    wake(FULFIL_PAYMENTS, subjects)
    return redirect("dashboard:approvals")


@operators_only
def refuse_it(request: HttpRequest, approval_id: int) -> HttpResponse:
    """Do not agree, and say why."""

    def do(doer: Doer) -> str:
        answer = typed(request, "answer")
        refuse(approval_id=approval_id, checker_id=doer.operator_id, answer=answer, actor=doer.actor, now=doer.now)
        return f"Proposal {approval_id} is refused. Nothing of it was done."

    act(request, do)
    return redirect("dashboard:approvals")


@operators_only
def withdraw_it(request: HttpRequest, approval_id: int) -> HttpResponse:
    """The maker takes it back."""

    def do(doer: Doer) -> str:
        withdraw(approval_id=approval_id, operator_id=doer.operator_id, actor=doer.actor, now=doer.now)
        return f"Proposal {approval_id} is withdrawn. Nothing of it was done."

    act(request, do)
    return redirect("dashboard:approvals")
