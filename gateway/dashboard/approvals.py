"""What one person has proposed and another one decides, in exact terms; and what was decided last."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fleet.approvals.services import LONGEST_REASON
from gateway.dashboard.approval_rows import SHOWN, Which, list_approval_rows
from gateway.dashboard.layout import operators_only, read_clock, show


@operators_only
@require_safe
def approvals(request: HttpRequest) -> HttpResponse:
    clock = read_clock()
    rows = list_approval_rows(clock, Which(), operator_id=request.user.pk)
    context = {
        "rows": rows[:SHOWN],
        "is_cut": len(rows) > SHOWN,
        "decided": list_approval_rows(clock, Which(is_decided=True), operator_id=request.user.pk),
        "longest_answer": LONGEST_REASON,
    }
    return show(request, "approvals", context, clock=clock)
