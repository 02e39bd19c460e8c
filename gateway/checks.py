"""What must be set before money is taken: run by `manage.py up` and `manage.py check --deploy`."""

import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register
from django.core.checks import Warning as Notice

from gateway.payments.errors import PaymentSourceInvalid
from gateway.payments.registry import can_use_certificate
from gateway.payments.trust import SourceMode, parse_sources
from vending.keys.errors import KeyEncryptionKeyMissing
from vending.keys.key_encryption import read_key_encryption_keys

_NEEDED = (
    "AFRICASTALKING_USERNAME",
    "AFRICASTALKING_API_KEY",
    "MPESA_CONSUMER_KEY",
    "MPESA_CONSUMER_SECRET",
    "MPESA_SHORT_CODE",
    "MPESA_PASSKEY",
)

_OTHERS = stat.S_IROTH | stat.S_IWOTH


@register("tokeni", deploy=True)
def check_settings(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:  # noqa: ARG001
    """In production hooks have a secret and a given key-encryption key can be used; channels without credentials are
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
    return problems + _problems_of_sources() + _problems_of_questions() + _problems_of_key_encryption_key()


def _problems_of_sources() -> list[CheckMessage]:
    """An address list that cannot be read makes every payment wait for the provider's own word."""
    try:
        sources = parse_sources(settings.PAYMENT_SOURCES)
    except PaymentSourceInvalid as error:
        return [Error(str(error), id="tokeni.E004")]
    if settings.PAYMENT_SOURCE_MODE == SourceMode.ENFORCE and not sources:
        return [Notice("PAYMENT_SOURCES is empty: the provider is asked about every payment", id="tokeni.W003")]
    return []


def _problems_of_questions() -> list[CheckMessage]:
    """Nothing of the initiator's password, nor of a certificate that is not named: they are given to one process."""
    problems: list[CheckMessage] = []
    if settings.MPESA_CERTIFICATE_FILE and not can_use_certificate():
        text = "MPESA_CERTIFICATE_FILE cannot be used: no status and no reversal can be asked for"
        problems.append(Notice(text, id="tokeni.W004"))
    must_ask = settings.PAYMENT_SOURCE_MODE == SourceMode.ENFORCE or settings.PAYMENT_VERIFY_ABOVE > 0
    if must_ask and not settings.MPESA_INITIATOR_NAME:
        text = "MPESA_INITIATOR_NAME is not set: a payment that has to be verified waits for a list or a person"
        problems.append(Notice(text, id="tokeni.W005"))
    return problems


def _problems_of_key_encryption_key() -> list[CheckMessage]:
    """None of a process that was given none: only the worker of the tokens queue needs one."""
    if not (settings.KEY_ENCRYPTION_KEY_FILE or settings.KEY_ENCRYPTION_KEY):
        return []
    try:
        read_key_encryption_keys()
    except KeyEncryptionKeyMissing as error:
        return [Error(f"KEY_ENCRYPTION_KEY_FILE or KEY_ENCRYPTION_KEY: {error}", id="tokeni.E003")]
    if settings.KEY_ENCRYPTION_KEY_FILE and Path(settings.KEY_ENCRYPTION_KEY_FILE).stat().st_mode & _OTHERS:
        # A warning: in a container the mode of a mounted file often says nothing about who can reach it.
        return [Notice("others can read or change the file of the key-encryption key", id="tokeni.W002")]
    return []
