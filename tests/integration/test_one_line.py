"""What goes wrong around a command is one line on standard error, never a traceback."""

import io
import sys
from collections.abc import Callable

import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError
from pytest_django import Settings

from gateway.management.commands import after_restore, sts_tables, vending_keys, verify_books, verify_tokens
from gateway.management.one_line import OneLineCommand
from vending.keys.errors import KeyEncryptionKeyMissing

NAME = ("--sgc", "201457", "--krn", "1", "--kt", "2")
COMMANDS = [
    (after_restore, "move_tids_past", ("after_restore",)),
    (sts_tables, "get_tables", ("sts_tables", "show")),
    (vending_keys, "describe_keys", ("vending_keys", "list")),
    (verify_books, "list_differences", ("verify_books",)),
    (verify_tokens, "audit_tokens", ("verify_tokens",)),
]
NOT_MIGRATED = 'relation "vending_token" does not exist\nLINE 1: SELECT "vending_token"."id" FROM'
ABOUT_THE_DATABASE = "the database does not answer, or `manage.py migrate` was not run: "


Break = Callable[[BaseException], CommandError]
pytestmark = pytest.mark.django_db


@pytest.fixture(params=COMMANDS, ids=lambda command: command[2][0])
def break_with(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Break:
    """Run a command whose first question is answered by this fault; returns what it says."""
    module, asks, words = request.param

    def run(fault: BaseException) -> CommandError:
        def asked(*args: object, **options: object) -> None:
            raise fault

        monkeypatch.setattr(module, asks, asked)
        with pytest.raises(CommandError) as error:
            call_command(*words, stdout=io.StringIO())
        return error.value

    return run


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (ProgrammingError(NOT_MIGRATED), f'{ABOUT_THE_DATABASE}relation "vending_token" does not exist'),
        (OperationalError("unable to open database file"), f"{ABOUT_THE_DATABASE}unable to open database file"),
        (KeyEncryptionKeyMissing("none was given"), "key_encryption_key_missing: none was given"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(break_with: Break, fault: Exception, line: str) -> None:
    assert str(break_with(fault)) == line


def test_interrupt_ends_with_130_and_a_word(break_with: Break) -> None:
    refusal = break_with(KeyboardInterrupt())
    assert (str(refusal), refusal.returncode) == ("broken off", 130)


def test_octets_that_are_no_text_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("am\udcffina\npassword\n"))
    with pytest.raises(CommandError, match=r"^what was typed is not UTF-8$"):
        call_command("vending_keys", "forget", *NAME)


def test_fault_of_ours_still_shows_where_it_was() -> None:
    class Faulty(OneLineCommand):
        def handle(self, *args: object, **options: object) -> None:
            raise KeyError("a fault")

    with pytest.raises(KeyError):
        call_command(Faulty())


@pytest.mark.parametrize(
    "act", [("rotate",), ("load", *NAME, "--base", "14", "--dkga", "4", "--check-value", "2d6952")]
)
def test_missing_key_encryption_key_is_told_before_anybody_types(act: tuple[str, ...], settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    settings.KEY_ENCRYPTION_KEY_FILE = settings.KEY_ENCRYPTION_KEY = ""
    with pytest.raises(CommandError, match=r"^key_encryption_key_missing: neither"):
        call_command("vending_keys", *act)


def test_dkga_that_does_not_exist_is_told_before_anybody_types() -> None:
    with pytest.raises(CommandError, match=r"^vending_key_refused: DKGA is 1, 2, 3 or 4$"):
        call_command("vending_keys", "check-value", "--dkga", "9")
