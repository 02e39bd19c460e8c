"""What must be set before money is taken: run by `manage.py up` and `manage.py check --deploy`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Notice

_NEEDED = (
    "AFRICASTALKING_USERNAME",
    "AFRICASTALKING_API_KEY",
    "MPESA_CONSUMER_KEY",
    "MPESA_CONSUMER_SECRET",
    "MPESA_SHORT_CODE",
    "MPESA_PASSKEY",
)


@register("tokeni", deploy=True)
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """In production hooks have a secret and a named key-encryption key can be read; channels without credentials are
    told.
    """
    if not settings.IS_PRODUCTION:
        return []
    problems: list[CheckMessage] = [
        Notice(f"{name} is not set: its channel cannot work", id="tokeni.W001")
        for name in _NEEDED
        if not getattr(settings, name)
    ]
    if not settings.HOOK_SECRETS:
        problems.append(Error("HOOK_SECRETS is not set: no callback could come in", id="tokeni.E002"))
    if settings.KEY_ENCRYPTION_KEY_FILE and not Path(settings.KEY_ENCRYPTION_KEY_FILE).is_file():
        problems.append(Error("KEY_ENCRYPTION_KEY_FILE names no file", id="tokeni.E003"))
    return problems
