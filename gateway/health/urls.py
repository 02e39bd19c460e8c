"""Addresses of the health checks."""

from django.urls import re_path

from gateway.health import views

urlpatterns = [
    re_path(r"^live/?$", views.live, name="live"),
    re_path(r"^ready/?$", views.ready, name="ready"),
]
