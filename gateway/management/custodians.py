"""The persons at a command: what they are asked, and whether they are who they say.

On a terminal passwords and components are typed hidden; without one every answer is a line of standard input, in the
order of the questions. Nothing that was typed is kept, and nothing of it is said again.
"""

import contextlib
import getpass
import sys
import time
import warnings
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.core.management.base import CommandError
from django.utils.crypto import salted_hmac

from fleet.audit.queries import list_entries_of
from fleet.audit.services import Act, record
from vending.keys.errors import CustodianRefused

REFUSAL_SECONDS = 2.0
FAILURES_ALLOWED, FAILURES_REMEMBERED = 5, timedelta(minutes=15)
_REFUSED = "custodian.refused"


def ask(question: str, *, is_hidden: bool = False) -> str:
    """One answer, without its line end. Raises `CommandError` when the input has ended, or is no text."""
    is_utf8 = False
    with contextlib.suppress(UnicodeError):
        answer = _answer_to(question, is_hidden)
        is_utf8 = _is_utf8(answer)
    if not is_utf8:
        raise CommandError("what was typed is not UTF-8")
    if "\0" in answer:  # PostgreSQL takes none
        raise CommandError("what was typed has a zero octet")
    return answer


def _is_utf8(typed: str) -> bool:
    """Octets that are no text may come through as surrogates, from a terminal and from the command line."""
    with contextlib.suppress(UnicodeError):
        typed.encode()
        return True
    return False


def _answer_to(question: str, is_hidden: bool) -> str:
    if sys.stdin.isatty():
        with contextlib.suppress(EOFError):
            return _hidden_answer_to(question) if is_hidden else input(f"{question}: ")
    elif line := sys.stdin.readline():
        return line.rstrip("\r\n")
    raise CommandError(f"no answer to: {question}")


def _hidden_answer_to(question: str) -> str:
    """A terminal that cannot hide what is typed is no place for it (Python would warn, and show it)."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(f"{question}: ")
        except getpass.GetPassWarning:
            raise CommandError("this terminal would show what is typed: use another one") from None


def log_in(who: str, now: datetime, username: str = "") -> str:
    """Ask for a user name, unless it is given, and a password; the actor ("operator:7") whose they are.

    `CustodianRefused` after a pause, the same for a name that nobody has, a wrong password, a closed login, and for a
    name with five refusals in the last quarter of an hour, whose password is not looked at.
    """
    if not _is_utf8(username):
        raise CommandError("the user name is not UTF-8")
    username = (username or ask(f"{who}, user name")).strip()
    password = ask(f"{who}, password", is_hidden=True)
    operator = None if _is_braked(username, now) else authenticate(None, username=username, password=password)
    if operator is None:
        record(actor="system:custodians", acts=[Act(_REFUSED, _subject_of(username))], now=now)
        time.sleep(REFUSAL_SECONDS)
        raise CustodianRefused("user name and password do not fit, or too many tries: then wait 15 minutes")
    return f"operator:{operator.pk}"


def _is_braked(username: str, now: datetime) -> bool:
    entries = list_entries_of([_subject_of(username)])
    return sum(entry.at > now - FAILURES_REMEMBERED for entry in entries) >= FAILURES_ALLOWED


def _subject_of(username: str) -> str:
    """Hashed: a name may be anything, and a password typed into the wrong field is not kept. With the installation's
    secret, which is not in the database: a plain hash of a password can be guessed from.
    """
    return f"login:{salted_hmac(_REFUSED, username.lower(), algorithm='sha256').hexdigest()[:16]}"
