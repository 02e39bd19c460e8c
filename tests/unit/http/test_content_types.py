"""What is left of a content type, and that nothing in one ends a request as a fault."""

import io
from typing import Any

import pytest
from pytest_django import Settings

from gateway.http.content_types import without_charset


@pytest.mark.parametrize(
    ("content_type", "kept"),
    [
        ("", ""),
        ("application/json", "application/json"),
        ("application/json; charset=utf-8", "application/json"),
        ("text/plain;charset=hex", "text/plain"),
        ("text/plain; charset*=nonsense''%41", "text/plain"),
        ("multipart/form-data; charset=hex; boundary=ab--12", "multipart/form-data; boundary=ab--12"),
        ('multipart/form-data; Boundary="a b; c"; charset=hex', 'multipart/form-data; Boundary="a b; c"'),
        ("multipart/form-data; boundary*=nonsense''%41", "multipart/form-data"),
        (";", ""),
    ],
)
def test_without_charset_keeps_type_and_boundary(content_type: str, kept: str) -> None:
    assert without_charset(content_type) == kept


@pytest.mark.parametrize("content_type", ["text/plain; charset=hex", "a/b; c*=nonsense''%41", "a/b; charset=utf-16"])
def test_application_with_any_charset_answers_as_without(settings: Settings, content_type: str) -> None:
    settings.KEY_ENCRYPTION_KEY_FILE = settings.KEY_ENCRYPTION_KEY = ""  # else the import takes them away for good
    from gateway.wsgi import application

    answered: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> Any:
        answered.append(status)

    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/health/live",
        "QUERY_STRING": "a=%41&b=%00%ff",
        "CONTENT_TYPE": content_type,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    list(application(environ, start_response))
    assert answered == ["200 OK"]
