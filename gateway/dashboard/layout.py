"""What all pages share: who may see them, the headers they leave with, and the frame around their content."""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.cache import never_cache

from fleet.approvals.queries import count_waiting
from fleet.cases.queries import count_open_cases
from fleet.sites.queries import find_first_timezone
from gateway.clock import now
from gateway.dashboard.words import PageClock

View = Callable[..., HttpResponseBase]

# No script at all, and styles and pictures from our own address only: what a payer typed can never run.
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class NavItem(NamedTuple):
    """One entry of the navigation: the address name is `dashboard:<name>`."""

    name: str
    label: str


NAVIGATION = (
    NavItem("today", "Today"),
    NavItem("stuck", "Stuck"),
    NavItem("cases", "Cases"),
    NavItem("approvals", "Approvals"),
    NavItem("payments", "Payments"),
    NavItem("sales", "Sales"),
    NavItem("messages", "Messages"),
    NavItem("keys", "Keys"),
)


def sealed(view: View) -> View:
    """The headers of every page, with or without a login: a strict content policy, and no copy in any cache."""

    @wraps(view)
    def with_headers(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
        return response

    return never_cache(with_headers)


def operators_only(view: View) -> View:
    """A page for people with a login; anybody else is sent to the login page and comes back."""
    return sealed(login_required(view))


def read_clock() -> PageClock:
    return PageClock(now=now(), zone=find_first_timezone() or settings.TIME_ZONE)


def show(
    request: HttpRequest, page: str, context: Mapping[str, object], *, clock: PageClock, nav: str = ""
) -> HttpResponse:
    """Render `dashboard/<page>.html` inside of the frame; `nav` is the entry of the navigation that it belongs to."""
    frame = {
        "navigation": NAVIGATION,
        "nav": nav or page,
        "open_cases": count_open_cases(clock.now),
        "waiting_approvals": count_waiting().acts,
        "clock": clock,
        "brand": settings.BRAND,
        "mode": "" if settings.IS_PRODUCTION else settings.TOKENI_MODE,
    }
    return render(request, f"dashboard/{page}.html", frame | dict(context))
