"""The persons at a command: what they are asked, and whether they are who they say.

On a terminal passwords and components are typed hidden; without one every answer is a line of standard input, in the
order of the questions. Nothing that was typed is kept, and nothing of it is said again.
"""

import contextlib
import getpass
import hashlib
import sys
import time
from datetime import datetime, timedelta

from django.contrib.auth import authenticate
from django.core.management.base import CommandError

from fleet.audit.queries import list_entries_of
from fleet.audit.services import Act, record
from vending.keys.errors import CustodianRefused

REFUSAL_SECONDS = 2.0
FAILURES_ALLOWED, FAILURES_REMEMBERED = 5, timedelta(minutes=15)
_REFUSED = "custodian.refused"


def ask(question: str, *, is_hidden: bool = False) -> str:
    """One answer, without its line end. Raises `CommandError` when the input has ended."""
    if sys.stdin.isatty():
        with contextlib.suppress(EOFError):
            return getpass.getpass(f"{question}: ") if is_hidden else input(f"{question}: ")
    elif line := sys.stdin.readline():
        return line.rstrip("\r\n")
    raise CommandError(f"no answer to: {question}")


def log_in(who: str, now: datetime) -> str:
    """Ask for a user name and a password; the actor ("operator:7") whose they are.

    `CustodianRefused` after a pause, the same for a name that nobody has, a wrong password, a closed login, and for a
    name with five refusals in the last quarter of an hour, whose password is not looked at.
    """
    username = ask(f"{who}, user name").strip()
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
    """Hashed: a name may be anything, and a password typed into the wrong field is not kept."""
    return f"login:{hashlib.sha256(username.lower().encode()).hexdigest()[:16]}"
