"""Whether the process lives, and whether it can do its work: for load balancers and for `manage.py up`."""

from django.db import Error, connection
from django.http import HttpRequest, JsonResponse


def live(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 -- Django passes it
    return JsonResponse({"status": "live"})


def ready(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 -- as above
    """503 while the database does not answer. The broker is not asked: without it money is still accepted."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations LIMIT 1")
    except Error:
        return JsonResponse({"status": "not ready", "database": "unavailable"}, status=503)
    return JsonResponse({"status": "ready"})
