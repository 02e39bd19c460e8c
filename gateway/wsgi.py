"""The WSGI application that gunicorn serves."""

import logging
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

application = get_wsgi_application()

if settings.KEY_ENCRYPTION_KEY_FILE or settings.KEY_ENCRYPTION_KEY:
    logging.getLogger(__name__).warning(
        "this web process was given the key-encryption key and does not use it: take it away (docs/operations/keys.md)"
    )
    settings.KEY_ENCRYPTION_KEY_FILE = settings.KEY_ENCRYPTION_KEY = ""
