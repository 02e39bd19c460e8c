"""Settings: strict readers that refuse a bad value by its name and not by its content, and secrets made once.

Each case reads `gateway/settings.py` in a process of its own, with nothing in the environment but what it says.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from Crypto.PublicKey import RSA
from django.core.checks import CheckMessage
from pytest_django import Settings

from gateway.checks import check_settings
from gateway.settings import kept_secret
from tests.support.environment import ROOT

SECRET = "0123456789abcdef" * 2


def read(data: Path, shown: Sequence[str] = (), **environment: str) -> subprocess.CompletedProcess[str]:
    """Import the settings in another process; it prints those that are to be shown as JSON."""
    program = (
        f"import json, gateway.settings as s; print(json.dumps([getattr(s, n) for n in {list(shown)}], default=str))"
    )
    given = {"PATH": os.defpath, "TOKENI_DATA_DIR": str(data), "TOKENI_MODE": "test"} | environment
    return subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=False
    )


def values(data: Path, *shown: str, **environment: str) -> list[object]:
    done = read(data, shown, **environment)
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


BAD = [
    ("TOKENI_MODE", "Production", "TOKENI_MODE must be one of production, demo, test"),
    ("TOKENI_MODE", "", "TOKENI_MODE must be one of production, demo, test"),
    ("SECURITY_MODULE", "prism", "SECURITY_MODULE must be one of software"),
    ("HOOK_SECRETS", SECRET[1:], "each secret is lower-case hex of at least 32 characters"),
    ("HOOK_SECRETS", SECRET.upper(), "each secret is lower-case hex of at least 32 characters"),
    ("HOOK_SECRETS", f"{SECRET},open-sesame-open-sesame-open-sesame", "each secret is lower-case hex"),
    ("HOOK_SECRETS", f"{SECRET};{SECRET}", "each secret is lower-case hex"),
    ("PUBLIC_BASE_URL", "tokeni.example", "PUBLIC_BASE_URL must look like scheme://host:port without a path"),
    ("PUBLIC_BASE_URL", "https://tokeni.example/sub", "PUBLIC_BASE_URL must look like"),
    ("AFRICASTALKING_BASE_URL", "https://api.example/version1", "AFRICASTALKING_BASE_URL must look like"),
    ("MPESA_BASE_URL", "ftp://api.example", "MPESA_BASE_URL must look like"),
    ("MPESA_BASE_URL", "https:// api.example", "MPESA_BASE_URL must look like"),
    ("MPESA_BASE_URL", "", "MPESA_BASE_URL must look like"),
    ("WEB_THREADS", "many", "WEB_THREADS must be a whole number"),
    ("WEB_THREADS", "-1", "WEB_THREADS must be a whole number"),
    ("WEB_PROCESSES", "1.5", "WEB_PROCESSES must be a whole number"),
]


@pytest.mark.parametrize(("name", "value", "message"), BAD, ids=[f"{name}={value}" for name, value, _ in BAD])
def test_bad_value_is_refused_by_its_name(tmp_path: Path, name: str, value: str, message: str) -> None:
    done = read(tmp_path, **{name: value})
    last = done.stderr.splitlines()[-1]
    assert done.returncode == 1
    assert last.startswith("django.core.exceptions.ImproperlyConfigured: ")
    assert message in last
    assert name in last
    assert name != "HOOK_SECRETS" or value not in done.stderr


def test_fail_point_is_refused_in_production(tmp_path: Path) -> None:
    point = "digits_stored:kill"
    done = read(tmp_path, TOKENI_MODE="production", TOKENI_FAILPOINT=point)
    assert done.returncode == 1
    assert done.stderr.endswith("ImproperlyConfigured: TOKENI_FAILPOINT is refused in production\n")
    assert values(tmp_path, "TOKENI_FAILPOINT", TOKENI_MODE="demo", TOKENI_FAILPOINT=point) == [point]


def test_mode_is_production_unless_it_is_said(tmp_path: Path) -> None:
    data = {"TOKENI_DATA_DIR": str(tmp_path), "PATH": os.defpath}
    program = "import gateway.settings as s; print(s.TOKENI_MODE, s.IS_PRODUCTION, s.DEBUG, s.HOOK_SECRETS)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=data, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "production True False []\n"


def test_good_values_are_read_as_they_are_meant(tmp_path: Path) -> None:
    shown = ("HOOK_SECRETS", "PUBLIC_BASE_URL", "AFRICASTALKING_BASE_URL", "SWEEP_SECONDS", "WEB_THREADS")
    assert values(
        tmp_path,
        *shown,
        HOOK_SECRETS=f" {SECRET}, {SECRET[::-1]},",
        PUBLIC_BASE_URL="https://tokeni.example/",
        AFRICASTALKING_BASE_URL="http://127.0.0.1:9000",
        WEB_THREADS="16",
    ) == [[SECRET, SECRET[::-1]], "https://tokeni.example", "http://127.0.0.1:9000", 2, 16]


def test_profile_is_embedded_until_a_database_is_named(tmp_path: Path) -> None:
    shown = ("IS_EMBEDDED", "DATABASES", "REDIS_URL")
    embedded, databases, redis_url = values(tmp_path, *shown)
    assert (embedded, redis_url) == (True, "")
    assert isinstance(databases, dict)
    assert databases["default"]["NAME"] == str(tmp_path / "tokeni.sqlite3")
    assert databases["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    url = "postgres://tokeni:secret@db:5432/tokeni"
    server, databases, redis_url = values(tmp_path, *shown, DATABASE_URL=url, BROKER_URL="redis://r:6379/1")
    assert (server, redis_url) == (False, "redis://r:6379/1")
    assert isinstance(databases, dict)
    assert databases["default"]["ENGINE"] == "django.db.backends.postgresql"
    assert databases["default"]["OPTIONS"]["pool"]["max_size"] == 10


def test_logs_hold_no_statement_and_no_value_of_one_whatever_is_opened(tmp_path: Path) -> None:
    program = (
        "import django, logging\n"
        "django.setup()\n"
        "from django.db import connection\n"
        "logging.getLogger('django').setLevel('DEBUG')\n"
        "connection.force_debug_cursor = True\n"
        "connection.cursor().execute('SELECT %s', ['canary'])\n"
        "logging.getLogger('django.test').debug('logs are open')\n"
    )
    given = {"DJANGO_SETTINGS_MODULE": "gateway.settings", "LOG_LEVEL": "DEBUG", "PATH": os.defpath}
    given |= {"TOKENI_DATA_DIR": str(tmp_path), "TOKENI_MODE": "test"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=given, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr.endswith("logs are open\n")
    assert "canary" not in done.stderr
    assert "SELECT" not in done.stderr


def test_sweeps_are_slower_in_production(tmp_path: Path) -> None:
    assert values(tmp_path, "SWEEP_SECONDS", TOKENI_MODE="production") == [10]


def test_secrets_that_nobody_gave_are_made_once_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    first = values(folder, "SECRET_KEY", "HOOK_SECRETS")
    assert values(folder, "SECRET_KEY", "HOOK_SECRETS") == first
    assert first[1] == [(folder / "hook_secret").read_text()]
    modes = {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}
    assert modes == {"secret_key": 0o600, "hook_secret": 0o600}


def test_hook_secret_is_not_made_in_production(tmp_path: Path) -> None:
    assert values(tmp_path, "HOOK_SECRETS", TOKENI_MODE="production") == [[]]
    assert not (tmp_path / "hook_secret").exists()


def test_secret_that_many_make_at_once_is_one(tmp_path: Path) -> None:
    path = tmp_path / "data" / "secret"
    with ThreadPoolExecutor(8) as pool:
        made = set(pool.map(kept_secret, [path] * 32))
    assert made == {path.read_text()}
    assert [file.name for file in path.parent.iterdir()] == ["secret"]


def ids(problems: Sequence[CheckMessage]) -> list[str]:
    return [str(problem.id) for problem in problems]


def test_checks_say_nothing_outside_of_production(settings: Settings) -> None:
    settings.HOOK_SECRETS, settings.KEY_ENCRYPTION_KEY_FILE = [], "/nowhere"
    assert check_settings(None) == []


def test_checks_of_production_name_what_is_missing(settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    assert check_settings(None) == []
    settings.MPESA_PASSKEY, settings.AFRICASTALKING_API_KEY = "", ""
    notices = check_settings(None)
    assert ids(notices) == ["tokeni.W001"] * 2
    assert {str(notice.msg).split()[0] for notice in notices} == {"MPESA_PASSKEY", "AFRICASTALKING_API_KEY"}


def test_checks_of_production_refuse_hooks_without_a_secret_and_a_key_file_that_is_none(settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    settings.HOOK_SECRETS, settings.KEY_ENCRYPTION_KEY_FILE = [], "/nowhere"
    assert ids(check_settings(None)) == ["tokeni.E002", "tokeni.E003"]
    settings.KEY_ENCRYPTION_KEY_FILE = ""
    assert ids(check_settings(None)) == ["tokeni.E002"], "only the tokens worker holds it"


def test_checks_of_production_name_a_certificate_that_cannot_be_used(settings: Settings, tmp_path: Path) -> None:
    settings.IS_PRODUCTION, settings.MPESA_CERTIFICATE_FILE = True, str(tmp_path / "nowhere")
    assert ids(check_settings(None)) == ["tokeni.W004"]
    (tmp_path / "nowhere").write_bytes(RSA.generate(2048).public_key().export_key())
    assert check_settings(None) == []


def test_checks_of_production_name_payments_that_nobody_can_verify(settings: Settings) -> None:
    settings.IS_PRODUCTION, settings.MPESA_INITIATOR_NAME = True, ""
    assert check_settings(None) == []
    settings.PAYMENT_VERIFY_ABOVE = 1000
    assert ids(check_settings(None)) == ["tokeni.W005"]
    settings.PAYMENT_VERIFY_ABOVE, settings.PAYMENT_SOURCE_MODE = 0, "enforce"
    settings.PAYMENT_SOURCES = ["196.201.214.200"]
    assert ids(check_settings(None)) == ["tokeni.W005"]
    settings.MPESA_INITIATOR_NAME = "api"
    assert check_settings(None) == []
