"""The long lists: all payments, sales and messages, newest first, a page at a time by key."""

import re
from collections.abc import Callable, Sequence
from typing import Protocol

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from gateway.dashboard.layout import operators_only, read_clock, show
from gateway.dashboard.queries import list_message_rows, list_payment_rows, list_sale_rows
from gateway.dashboard.words import PageClock

ROWS = 50
_ROW_ID = re.compile(r"[0-9]{1,18}")


class _Row(Protocol):
    @property
    def id(self) -> int: ...


class _ListRows(Protocol):
    def __call__(self, clock: PageClock, *, before_id: int | None, limit: int) -> Sequence[_Row]: ...


def _list_view(page: str, list_rows: _ListRows) -> Callable[[HttpRequest], HttpResponse]:
    """A list's view. `?before=<id>` goes on below that row; anything else in its place is the first page."""

    def view(request: HttpRequest) -> HttpResponse:
        clock = read_clock()
        before = request.GET.get("before", "")
        before_id = int(before) if _ROW_ID.fullmatch(before) else None
        found = list_rows(clock, before_id=before_id, limit=ROWS + 1)
        rows = found[:ROWS]
        older = rows[-1].id if len(found) > ROWS else None
        return show(request, page, {"rows": rows, "older": older, "is_first": before_id is None}, clock=clock)

    return view


payments = operators_only(require_safe(_list_view("payments", list_payment_rows)))
sales = operators_only(require_safe(_list_view("sales", list_sale_rows)))
messages = operators_only(require_safe(_list_view("messages", list_message_rows)))
