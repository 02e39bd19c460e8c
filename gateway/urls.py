"""Addresses: hooks, the operator's pages, health. What outside programs rely on stands in
docs/reference/interfaces.md.
"""

from django.urls import include, path

urlpatterns = [
    path("hooks/", include("gateway.webhooks.urls")),
    path("dashboard/", include("gateway.dashboard.urls")),
    path("health/", include("gateway.health.urls")),
]
