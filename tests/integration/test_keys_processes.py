"""Which process uses the key-encryption key, and what is said when it is none or lies open."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pytest_django import Settings

from gateway.checks import check_settings
from tests.support.environment import ROOT

FILE, VALUE = "KEY_ENCRYPTION_KEY_FILE", "KEY_ENCRYPTION_KEY"
SHOW = (
    "import gateway.wsgi\n"
    "from django.conf import settings\n"
    "print([settings.KEY_ENCRYPTION_KEY_FILE, settings.KEY_ENCRYPTION_KEY])\n"
)


def problems(settings: Settings) -> list[str]:
    settings.IS_PRODUCTION = True
    return [f"{problem.id} {problem.msg}" for problem in check_settings(None)]


def served(**environment: str) -> subprocess.CompletedProcess[str]:
    """A web process as any WSGI server starts it, and what is left of the settings in it."""
    command = [sys.executable, "-c", SHOW]
    given = {name: value for name, value in os.environ.items() if name not in (FILE, VALUE)} | environment
    return subprocess.run(command, env=given, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)


def test_web_process_does_not_use_a_key_encryption_key_and_says_so() -> None:
    done = served(**{FILE: "/nowhere/key", VALUE: "ab" * 32})
    assert done.stdout == "['', '']\n"
    assert "this web process was given the key-encryption key and does not use it" in done.stderr
    assert "ab" * 32 not in done.stderr
    assert "key-encryption" in served(**{VALUE: "ab" * 32}).stderr


def test_web_process_without_one_says_nothing() -> None:
    done = served()
    assert (done.stdout, done.stderr) == ("['', '']\n", "")


@pytest.mark.parametrize("text", ["", "ab" * 31, "ab" * 32 + "\nnonsense"], ids=["empty", "short", "second"])
def test_checks_refuse_a_file_that_holds_no_key_encryption_key(settings: Settings, tmp_path: Path, text: str) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    path.write_text(text)
    settings.KEY_ENCRYPTION_KEY_FILE = str(path)
    (problem,) = problems(settings)
    assert problem.startswith("tokeni.E003 KEY_ENCRYPTION_KEY_FILE or KEY_ENCRYPTION_KEY: ")
    assert "ab" * 31 not in problem


def test_checks_refuse_a_variable_that_holds_no_key_encryption_key(settings: Settings) -> None:
    settings.KEY_ENCRYPTION_KEY_FILE, settings.KEY_ENCRYPTION_KEY = "", "ab" * 31
    assert [problem.split()[0] for problem in problems(settings)] == ["tokeni.E003"]
    settings.KEY_ENCRYPTION_KEY = "ab" * 32
    assert problems(settings) == []


@pytest.mark.parametrize(
    ("mode", "is_told"), [(0o600, False), (0o440, False), (0o644, True), (0o604, True), (0o602, True)]
)
def test_checks_warn_of_a_key_file_that_lies_open(settings: Settings, mode: int, is_told: bool) -> None:
    path = Path(settings.KEY_ENCRYPTION_KEY_FILE)
    path.chmod(mode)
    told = problems(settings)
    path.chmod(0o600)
    assert told == (["tokeni.W002 others can read or change the file of the key-encryption key"] if is_told else [])
