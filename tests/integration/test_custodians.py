"""What custodians type when it is no text, and what the trail keeps of it."""

import getpass
import hashlib
import io
import sys
import time
import warnings

import pytest
from django.core.management import CommandError
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from gateway.management.custodians import ask, log_in
from tests.support.world import NOW
from vending.keys.errors import CustodianRefused


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("encoding_errors", ["strict", "surrogateescape"])
@pytest.mark.parametrize(
    ("typed", "told"),
    [(b"am\xffina\n", "what was typed is not UTF-8"), (b"am\0ina\n", "what was typed has a zero octet")],
    ids=["no-text", "zero"],
)
def test_answer_that_is_no_text_is_told_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, typed: bytes, told: str, encoding_errors: str
) -> None:
    lines = io.TextIOWrapper(io.BytesIO(typed), encoding="utf-8", errors=encoding_errors)
    monkeypatch.setattr(sys, "stdin", lines)
    with pytest.raises(CommandError, match=f"^{told}$") as error:
        ask("component", is_hidden=True)
    assert error.value.__context__ is None, "an error below would hold what was typed"


def test_answer_on_a_terminal_that_is_no_text_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr("builtins.input", lambda _question: "am\udcffina")
    with pytest.raises(CommandError, match=r"^what was typed is not UTF-8$"):
        ask("custodian, user name")


def test_terminal_that_would_show_what_is_typed_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def cannot_hide(_question: str) -> str:
        warnings.warn("Can not control echo on the terminal.", getpass.GetPassWarning, stacklevel=2)
        return "seen by all"

    monkeypatch.setattr(sys, "stdin", Terminal())
    monkeypatch.setattr(getpass, "getpass", cannot_hide)
    with pytest.raises(CommandError, match=r"^this terminal would show what is typed: use another one$"):
        ask("component", is_hidden=True)


@pytest.mark.django_db
def test_password_typed_as_a_name_cannot_be_guessed_from_the_trail_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    for secret in ("one secret", "one secret", "another secret"):
        settings.SECRET_KEY = secret
        monkeypatch.setattr(sys, "stdin", io.StringIO("hunter2\namina\n"))
        with pytest.raises(CustodianRefused):
            log_in("custodian", NOW)
    first, again, other = AuditEntry.objects.order_by("pk").values_list("subject", flat=True)
    assert first == again != other, "counted together under one secret, and told nothing without it"
    assert hashlib.sha256(b"hunter2").hexdigest()[:16] not in first
