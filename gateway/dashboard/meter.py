"""One meter as the money sees it: its wallet, its last sales, what is proposed and open about it."""

from dataclasses import dataclass

from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from fleet.meters.lifecycle import LABELS, MeterState
from fleet.meters.queries import get_meter
from gateway.dashboard import words
from gateway.dashboard.approval_rows import ApprovalRow, Which, list_approval_rows
from gateway.dashboard.cases import CaseRow, list_case_rows
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.queries import SaleRow, list_sale_rows
from gateway.dashboard.words import PageClock
from vending.ledger.queries import get_wallet

SALES_SHOWN = 20


@dataclass(frozen=True)
class MeterPage:
    id: int
    drn: str
    state: str
    site: str
    customer: str
    customer_class: str
    wallet: str
    sales: list[SaleRow]
    cases: list[CaseRow]
    approvals: list[ApprovalRow]


@operators_only
@require_safe
def meter(request: HttpRequest, meter_id: int) -> HttpResponse:
    clock = read_clock()
    found = get_meter_page(clock, meter_id, operator_id=request.user.pk)
    if found is None:
        raise Http404("no such meter")
    return show(request, "meter", {"meter": found}, clock=clock, nav="sales")


def get_meter_page(clock: PageClock, meter_id: int, *, operator_id: int | None) -> MeterPage | None:
    try:
        found = get_meter(meter_id)
    except ObjectDoesNotExist:
        return None
    subject = f"meter:{meter_id}"
    return MeterPage(
        id=found.pk,
        drn=found.drn,
        state=LABELS[MeterState(found.state)],
        site=found.site.name,
        customer=found.customer.name if found.customer else "",
        customer_class=found.customer_class,
        wallet=words.money(get_wallet(meter_id), found.site.currency),
        sales=list_sale_rows(clock, limit=SALES_SHOWN, meter_id=meter_id),
        cases=list_case_rows(clock, operator_id=operator_id, about={subject}),
        approvals=list_approval_rows(clock, Which(subjects=[subject]), operator_id=operator_id),
    )
