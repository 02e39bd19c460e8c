"""The WSGI application that gunicorn serves."""

import logging
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from gateway.http.content_types import without_charset

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

_django = get_wsgi_application()


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Django decodes a query by the charset of the content type before any of our code runs, so that goes first."""
    environ["CONTENT_TYPE"] = without_charset(environ.get("CONTENT_TYPE", ""))
    return _django(environ, start_response)


if settings.KEY_ENCRYPTION_KEY_FILE or settings.KEY_ENCRYPTION_KEY:
    logging.getLogger(__name__).warning(
        "this web process was given the key-encryption key and does not use it: take it away (docs/operations/keys.md)"
    )
    settings.KEY_ENCRYPTION_KEY_FILE = settings.KEY_ENCRYPTION_KEY = ""
