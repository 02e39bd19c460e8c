"""Addresses: hooks, the operator's pages, health. What outside programs rely on: docs/reference/interfaces.md."""

from django.urls import include, path
from django.views.generic import RedirectView

_TO_PAGES = RedirectView.as_view(pattern_name="dashboard:today")

urlpatterns = [
    path("hooks/", include("gateway.webhooks.urls")),
    path("dashboard/", include("gateway.dashboard.urls")),
    path("health/", include("gateway.health.urls")),
    path("api/", include("gateway.api.urls")),
    path("dashboard", _TO_PAGES),
    path("", _TO_PAGES),
]

handler400 = "gateway.dashboard.errors.bad_request"
handler403 = "gateway.dashboard.errors.forbidden"
handler404 = "gateway.dashboard.errors.not_found"
handler500 = "gateway.dashboard.errors.server_error"
