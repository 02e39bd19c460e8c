"""What is shown when an address does not exist, is refused, or fails: pages that need no login, database or session.

They never repeat the address that was asked for: a hook's holds a secret.
"""

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from gateway.dashboard.layout import CONTENT_SECURITY_POLICY


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- Django passes them
    return _page(400)


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- as above
    return _page(403)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:  # noqa: ARG001 -- as above
    return _page(404)


def server_error(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 -- as above
    return _page(500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:  # noqa: ARG001 -- as above
    return _page(403)


def _page(status: int) -> HttpResponse:
    response = HttpResponse(render_to_string(f"errors/{status}.html"), status=status)
    response.headers["Content-Security-Policy"] = CONTENT_SECURITY_POLICY
    return response
