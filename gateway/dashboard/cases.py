"""What a person must look at: the open cases, the first due first, and the two things that a person does with one."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from fleet.cases.queries import count_open_cases, list_closed_cases, list_open_cases
from fleet.cases.services import LONGEST_OUTCOME, close_case, take_case
from gateway.dashboard import words
from gateway.dashboard.forms import Doer, act, typed
from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.words import BAD, QUIET, Moment, PageClock, State

SHOWN, CLOSED_SHOWN = 100, 10
# Open cases are things that people do: more than this many at once are read nowhere.
MOST_READ = 500


@dataclass(frozen=True)
class CaseRow:
    """`reason` in words with its code, `about` what is to be mended, `url` where it can be seen."""

    id: int
    due: State
    reason: str
    about: str
    url: str
    sale_id: int | None
    opened_at: Moment
    owner: str
    is_mine: bool


@dataclass(frozen=True)
class ClosedRow:
    id: int
    closed_at: Moment
    reason: str
    about: str
    url: str
    owner: str
    outcome: str


@operators_only
@require_safe
def cases(request: HttpRequest) -> HttpResponse:
    clock = read_clock()
    rows = list_case_rows(clock, operator_id=request.user.pk)
    context = {
        "rows": rows[:SHOWN],
        "is_cut": len(rows) > SHOWN,
        "counts": count_open_cases(clock.now),
        "closed": list_closed_rows(clock),
        "longest_outcome": LONGEST_OUTCOME,
    }
    return show(request, "cases", context, clock=clock)


def list_case_rows(clock: PageClock, *, operator_id: int | None, about: Collection[str] | None = None) -> list[CaseRow]:
    """The open cases, one more than are shown if there are that many; or those about these rows alone."""
    limit = SHOWN + 1 if about is None else MOST_READ
    return [
        CaseRow(
            id=case.pk,
            due=_due(clock, case.due_at),
            reason=words.reason(case.reason),
            about=about_words(case.subject, case.details),
            url=url_of(case.subject, case.details),
            sale_id=_sale_of(case.subject, case.details),
            opened_at=clock.moment(case.opened_at),
            owner=case.owner.get_username() if case.owner else "",
            is_mine=case.owner_id == operator_id and operator_id is not None,
        )
        for case in list_open_cases(limit=limit, about=about)
    ]


def list_closed_rows(clock: PageClock) -> list[ClosedRow]:
    """The cases that were closed last."""
    return [
        ClosedRow(
            id=case.pk,
            closed_at=clock.moment(case.closed_at or case.opened_at),
            reason=words.reason(case.reason),
            about=about_words(case.subject, case.details),
            url=url_of(case.subject, case.details),
            owner=case.owner.get_username() if case.owner else "",
            outcome=case.outcome,
        )
        for case in list_closed_cases(limit=CLOSED_SHOWN)
    ]


def _due(clock: PageClock, due_at: datetime) -> State:
    if due_at <= clock.now:
        return State(f"overdue by {clock.age(due_at)}", BAD)
    return State(f"in {words.age_words(int((due_at - clock.now).total_seconds()))}", QUIET)


def about_words(subject: str, details: Mapping[str, object]) -> str:
    """`meter 37000123457`, `vending key 201457/1/2`: by the names that people know, as far as the case has them."""
    kind, _, row_id = subject.partition(":")
    if kind == "vend":
        return f"sale {row_id}"
    name = {"meter": "meter", "vending_key": "supply_group", "supply_group": "supply_group"}.get(kind, "")
    return f"{kind.replace('_', ' ')} {details.get(name, row_id)}".strip()


def url_of(subject: str, details: Mapping[str, object]) -> str:
    """The page where the row of a case or an approval is shown; "" where none shows it."""
    kind, _, row_id = subject.partition(":")
    if kind == "vending_key" and details.get("supply_group"):
        return f"{reverse('dashboard:keys')}#{str(details['supply_group']).replace('/', '-')}"
    if kind == "refund" and isinstance(details.get("payment_id"), int):
        return f"{reverse('dashboard:payment', args=[details['payment_id']])}#refunds"
    page = {"payment": "payment", "vend": "sale", "meter": "meter"}.get(kind)
    return reverse(f"dashboard:{page}", args=[row_id]) if page and row_id.isdecimal() else ""


def _sale_of(subject: str, details: Mapping[str, object]) -> int | None:
    """The sale that a case about something else names."""
    vend_id = details.get("vend_id")
    return vend_id if isinstance(vend_id, int) and subject != f"vend:{vend_id}" else None


@operators_only
def take(request: HttpRequest, case_id: int) -> HttpResponse:
    """Make the reader its owner, on POST."""

    def do(doer: Doer) -> str:
        is_new = take_case(case_id=case_id, operator_id=doer.operator_id, actor=doer.actor, now=doer.now)
        return f"Case {case_id} is yours." if is_new else f"Case {case_id} was yours already."

    act(request, do)
    return redirect("dashboard:cases")


@operators_only
def close(request: HttpRequest, case_id: int) -> HttpResponse:
    """Close it with what was found or done, on POST."""

    def do(doer: Doer) -> str:
        is_new = close_case(case_id=case_id, outcome=typed(request, "outcome"), actor=doer.actor, now=doer.now)
        return f"Case {case_id} is closed." if is_new else f"Case {case_id} was closed already. Nothing was changed."

    act(request, do)
    return redirect("dashboard:cases")
