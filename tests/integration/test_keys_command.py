"""`manage.py vending_keys`: persons at a terminal or a pipe, what they are told, and that no octet of a key is."""

import getpass
import io
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.management import custodians
from gateway.management.commands import vending_keys
from tests.support.world import ACTOR, KEY, NOW, VENDING_KEY
from vending.keys.check_values import check_value_of
from vending.keys.models import KeyComponent, VendingKey
from vending.keys.services import load_vending_key, open_vending_key

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
PASSWORDS = {"amina": "amina-password-1", "juma": "juma-password-22"}
ONE, OTHER = bytes(range(1, 21)), bytes(range(101, 121))
SECRET = bytes(a ^ b for a, b in zip(ONE, OTHER, strict=True))
NAME = ("--sgc", "201457", "--krn", "1", "--kt", "2")
LOAD = ("load", *NAME, "--base", "14", "--dkga", "4", "--check-value", check_value_of(SECRET))
Run = Callable[..., str]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds: list[float] = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, slept: list[float]) -> Run:
    """Run the command with these lines on standard input; returns standard output."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for username, password in PASSWORDS.items():
        set_operator(username=username, password=password, actor=ACTOR, now=NOW)
    monkeypatch.setattr(vending_keys, "now", lambda: NOW)

    def run(*arguments: str, lines: tuple[str, ...] = ()) -> str:
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        call_command("vending_keys", *arguments, stdout=out, stderr=out)
        assert sys.stdin.read() == "", "every line was asked for"
        return out.getvalue()

    return run


def login(username: str) -> tuple[str, str]:
    return username, PASSWORDS[username]


def actor(username: str) -> str:
    return f"operator:{Operator.objects.get(username=username).pk}"


def entering(username: str, component: bytes, answer: str = "yes") -> tuple[str, ...]:
    return *login(username), component.hex(), answer


def loaded() -> VendingKey:
    return load_vending_key(attributes=KEY, secret=SECRET, nonce=bytes(12), actor=ACTOR, now=NOW)


def test_two_custodians_load_a_key_and_see_its_check_value(run: Run) -> None:
    assert run(*LOAD, lines=entering("amina", ONE)) == (
        f"check value of your component: {check_value_of(ONE)}\n"
        "kept until 2026-11-21 09:00 UTC: now the other custodian, with the same options\n"
    )
    assert run("list") == "SGC 201457  KRN 1  KT 2: the component of amina waits until 2026-11-21 09:00 UTC\n"
    grouped = " ".join(OTHER.hex().upper()[place : place + 4] for place in range(0, 40, 4))
    assert run(*LOAD, lines=(*login("juma"), f" {grouped} ", "YES")) == (
        f"check value of your component: {check_value_of(OTHER)}\n"
        f"loaded: SGC 201457, KRN 1, KT 2, check value {check_value_of(SECRET)}\n"
    )
    with open_vending_key(sgc="201457", krn=1, kt=2) as vending_key:
        assert vending_key.secret == SECRET
    custodians_of_it = AuditEntry.objects.get(act="vending_key.loaded").details["custodians"]
    assert custodians_of_it == [actor("amina"), actor("juma")]


def test_load_takes_every_attribute(run: Run, tmp_path: Path) -> None:
    limits = ("--ken", "200", "--active-from", "2026-01-01T00:00Z", "--issue-until", "2027-01-01T03:00+03:00")
    for username, component in (("amina", ONE), ("juma", OTHER)):
        sheet = tmp_path / username
        sheet.write_text(component.hex() + "\n")
        run(*LOAD, *limits, "--component-file", str(sheet), lines=(*login(username), "yes"))
    row = VendingKey.objects.get()
    assert (row.ken, row.active_from_at, row.issue_until_at) == (
        200,
        datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2027, 1, 1, tzinfo=UTC),
    )


def test_component_that_is_not_the_one_on_the_sheet_is_not_kept(run: Run) -> None:
    for answer in ("no", "", "y"):
        with pytest.raises(CommandError, match=r"^nothing was loaded$"):
            run(*LOAD, lines=entering("amina", ONE, answer))
    assert not KeyComponent.objects.exists()


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        (("--sgc", "12345"), "key_attribute_invalid: an SGC has six digits"),
        (("--dkga", "5"), "vending_key_refused: DKGA is 1, 2, 3 or 4"),
        (("--check-value", "12345"), "vending_key_refused: a check value has six hexadecimal digits"),
        (("--active-from", "2027-01-01T00:00Z", "--issue-until", "2026-01-01T00:00Z"), "vending_key_refused: ACT is"),
    ],
)
def test_wrong_options_are_refused_before_anybody_types_a_component(
    run: Run, changes: tuple[str, ...], refusal: str
) -> None:
    with pytest.raises(CommandError, match=f"^{refusal}"):
        run(*LOAD, *changes)


@pytest.mark.parametrize("moment", ["2026-01-01", "2026-01-01T00:00", "tomorrow", ""])
def test_moment_without_a_zone_is_refused(run: Run, moment: str) -> None:
    with pytest.raises(CommandError, match="a moment looks like 2026-01-31T00:00Z"):
        run(*LOAD, "--issue-until", moment)


@pytest.mark.parametrize(
    ("typed", "refusal"),
    [
        ("xy" * 20, "key_component_refused: a component is an even number of hexadecimal digits"),
        ("abc", "key_component_refused: a component is an even number of hexadecimal digits"),
        ("ab" * 19, "key_component_refused: a component for DKGA 04 has 20 octets"),
        ("", "key_component_refused: a component for DKGA 04 has 20 octets"),
    ],
)
def test_component_that_is_none_is_refused_without_its_digits(run: Run, typed: str, refusal: str) -> None:
    with pytest.raises(CommandError) as error:
        run(*LOAD, lines=(*login("amina"), typed))
    assert str(error.value) == refusal


def test_file_of_a_component_that_cannot_be_read_is_told(run: Run, tmp_path: Path) -> None:
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\xfd")
    for path in (tmp_path / "none", tmp_path, binary):
        with pytest.raises(CommandError, match=r"^the file of the component cannot be read$"):
            run(*LOAD, "--component-file", str(path), lines=login("amina"))


def test_input_that_ends_is_told(run: Run) -> None:
    with pytest.raises(CommandError, match=r"^no answer to: custodian, password$"):
        run(*LOAD, lines=("amina",))


def test_refused_component_names_its_code_and_leaves_the_first(run: Run) -> None:
    run(*LOAD, lines=entering("amina", ONE))
    with pytest.raises(CommandError, match=r"^check_value_differs: the components make another key"):
        run(*LOAD, lines=entering("juma", OTHER[::-1]))
    with pytest.raises(CommandError, match=r"^custodians_not_different: "):
        run(*LOAD, lines=entering("amina", OTHER))
    assert run("forget", *NAME, lines=login("juma")) == "forgotten\n"
    assert run("forget", *NAME, lines=login("juma")) == "no component waits under this name\n"


@pytest.mark.parametrize(
    "typed",
    [("amina", "wrong-password"), ("nobody", "amina-password-1"), ("", ""), ("amina-password-1", "amina")],
    ids=["wrong-password", "nobody", "empty", "swapped"],
)
def test_wrong_login_is_slow_and_counted_and_says_nothing(run: Run, slept: list[float], typed: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=r"^custodian_refused: user name and password do not fit, or too many"):
        run(*LOAD, lines=typed)
    assert slept == [custodians.REFUSAL_SECONDS]
    entry = AuditEntry.objects.get(act="custodian.refused")
    assert (entry.actor, entry.details) == ("system:custodians", {})
    assert not any(word in entry.subject for word in ("amina", "nobody", "password"))


def test_closed_login_is_refused(run: Run) -> None:
    Operator.objects.filter(username="amina").update(is_active=False)
    with pytest.raises(CommandError, match=r"^custodian_refused"):
        run(*LOAD, lines=login("amina"))


def test_password_after_five_wrong_ones_is_not_looked_at_for_a_while(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(custodians.FAILURES_ALLOWED):
        with pytest.raises(CommandError):
            run(*LOAD, lines=("Amina", "wrong-password"))
    with pytest.raises(CommandError, match=r"^custodian_refused"):
        run(*LOAD, lines=login("amina"))
    run(*LOAD, lines=entering("juma", OTHER))
    monkeypatch.setattr(vending_keys, "now", lambda: NOW + custodians.FAILURES_REMEMBERED)
    assert "loaded: " in run(*LOAD, lines=entering("amina", ONE))


def test_on_a_terminal_passwords_and_components_are_typed_hidden(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    shown, hidden = ["amina", "yes"], [PASSWORDS["amina"], ONE.hex()]
    asked: list[str] = []

    def answer(answers: list[str], question: str) -> str:
        asked.append(question)
        return answers.pop(0)

    monkeypatch.setattr("builtins.input", lambda question: answer(shown, question))
    monkeypatch.setattr(getpass, "getpass", lambda question: answer(hidden, question))
    monkeypatch.setattr(sys, "stdin", Terminal())
    call_command("vending_keys", *LOAD, stdout=io.StringIO())
    assert KeyComponent.objects.get().custodian == actor("amina")
    assert asked == [
        "custodian, user name: ",
        "custodian, password: ",
        "component: ",
        "is it the one on your sheet (yes or no): ",
    ]


def test_on_a_terminal_that_ends_it_is_told(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def ended(question: str) -> str:
        raise EOFError

    monkeypatch.setattr("builtins.input", ended)
    monkeypatch.setattr(sys, "stdin", Terminal())
    with pytest.raises(CommandError, match=r"^no answer to: custodian, user name$"):
        call_command("vending_keys", *LOAD, stdout=io.StringIO())


def test_key_is_stopped_by_one_and_started_by_two(run: Run) -> None:
    row = loaded()
    assert run("stop", *NAME, "--reason", "key sheet lost", lines=login("amina")) == "stopped\n"
    assert run("stop", *NAME, "--reason", "again", lines=login("juma")) == "it was stopped already\n"
    row.refresh_from_db()
    assert (row.stopped_at, row.stopped_reason) == (NOW, "key sheet lost")
    with pytest.raises(CommandError, match=r"^custodians_not_different"):
        run("start", *NAME, lines=(*login("amina"), *login("amina")))
    with pytest.raises(CommandError, match=r"^custodian_refused"):
        run("start", *NAME, lines=(*login("amina"), "juma", "wrong"))
    started = run("start", *NAME, "--outcome", "sheet found", lines=(*login("amina"), *login("juma")))
    assert started == "stopped since 2026-11-20 09:00 UTC: key sheet lost\nstarted; sales that go on: 0\n"
    assert run("start", *NAME) == "it was not stopped\n"
    assert AuditEntry.objects.get(act="vending_key.started").details == {"custodians": [actor("amina"), actor("juma")]}


def test_stop_and_start_of_a_key_that_is_not_there_are_refused(run: Run) -> None:
    for arguments in (("stop", *NAME, "--reason", "lost"), ("start", *NAME)):
        with pytest.raises(CommandError, match=r"^vending_key_missing: no vending key for SGC 201457, KRN 1, KT 2$"):
            run(*arguments)


def test_rotation_reports_its_counts(run: Run) -> None:
    row = loaded()
    VendingKey.objects.update(sealed_by="")
    told = f"sealed anew under {row.sealed_by}: {{}} vending keys, 0 components; unchanged: {{}}\n"
    assert run("rotate", lines=login("amina")) == told.format(1, 0)
    assert run("rotate", lines=login("amina")) == told.format(0, 1)


def test_check_value_of_one_component_and_of_two(run: Run, tmp_path: Path) -> None:
    alone = f"check value of the component: {check_value_of(ONE)}\n"
    assert run("check-value", "--dkga", "4", lines=(ONE.hex(), "")) == alone
    sheet = tmp_path / "sheet"
    sheet.write_text(ONE.hex())
    assert run("check-value", "--dkga", "4", "--component-file", str(sheet), lines=(OTHER.hex(),)) == (
        f"{alone}check value of the second component: {check_value_of(OTHER)}\n"
        f"check value of the key: {check_value_of(SECRET)}\n"
    )
    with pytest.raises(CommandError, match=r"^key_component_refused: both custodians brought the same"):
        run("check-value", "--dkga", "4", lines=(ONE.hex(), ONE.hex()))
    with pytest.raises(CommandError, match=r"^vending_key_parity_wrong: "):
        run("check-value", "--dkga", "2", lines=("01" * 8, "02" * 8))


def test_list_of_nothing_says_so(run: Run) -> None:
    assert run("list") == "no vending key is loaded\n"
    assert json.loads(run("list", "--json")) == {"vending_keys": [], "waiting": []}


def test_list_shows_a_key_with_everything_but_the_key(run: Run) -> None:
    row = loaded()
    assert run("list") == (
        "SGC 201457  KRN 1  KT 2 (VUDK, unique)\n"
        f"  check value  {row.check_value}, DKGA 04, sealed by {row.sealed_by}\n"
        "  base date    2014; KEN 255 never expires, base date ends 2045-11-24 20:15 UTC, 6944 days left\n"
        "  issues       from any time until any time\n"
        "  state        may sell\n"
    )


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({"stopped_at": NOW, "stopped_reason": "verify_failed"}, "stopped since 2026-11-20 09:00 UTC: verify_failed"),
        ({"active_from_at": NOW + timedelta(hours=1)}, "not active before 2026-11-20 10:00 UTC"),
        ({"issue_until_at": NOW - timedelta(hours=1)}, "issue ended 2026-11-20 08:00 UTC"),
        ({"base_date": "35"}, "its base date begins 2035-01-01 00:00 UTC"),
        ({"base_date": "93"}, "expired 2024-11-24 20:15 UTC"),
        ({"ken": 1}, "expired 2014-04-02 00:31 UTC"),
        ({"dkga": 1}, "unverified, sells nothing"),
        ({"dkga": 3}, "unverified, sells nothing"),
        ({"kt": 3}, "unverified, sells nothing"),
        ({"kt": 1}, "a default key sells nothing"),
        ({"kt": 0}, "an initialisation key sells nothing"),
        ({"check_value": check_value_of(VENDING_KEY)}, "published test key, refused in production"),
    ],
    ids=str,
)
def test_list_says_what_keeps_a_key_from_selling(run: Run, changes: dict[str, Any], state: str) -> None:
    loaded()
    VendingKey.objects.update(**changes)
    assert run("list").splitlines()[-1] == f"  state        {state}"


def test_list_of_an_expired_key_of_an_earlier_version_shows_what_is_known(run: Run) -> None:
    loaded()
    VendingKey.objects.update(ken=1, sealed_by="")
    text = run("list")
    assert "sealed by an earlier version\n" in text
    assert "2014; KEN 1 expires 2014-04-02 00:31 UTC, 0 days left\n" in text


def test_list_as_json_is_for_programs(run: Run) -> None:
    row = loaded()
    run(*("load", "--sgc", "201457", "--krn", "2", *LOAD[5:]), lines=entering("amina", ONE))
    told = json.loads(run("list", "--json"))
    assert told["vending_keys"] == [
        {
            "sgc": "201457",
            "krn": 1,
            "kt": 2,
            "base_date": "14",
            "dkga": 4,
            "ken": 255,
            "check_value": row.check_value,
            "active_from_at": None,
            "issue_until_at": None,
            "stopped_at": None,
            "stopped_reason": "",
            "is_verified": True,
            "is_published": False,
            "sealed_by": row.sealed_by,
            "kind": "VUDK, unique",
            "last_tid_at": "2045-11-24T20:15:00+00:00",
            "days_left": 6944,
            "hindrances": [],
        }
    ]
    assert told["waiting"] == [
        {
            "sgc": "201457",
            "krn": 2,
            "kt": 2,
            "key_check_value": check_value_of(SECRET),
            "component_check_value": check_value_of(ONE),
            "custodian": actor("amina"),
            "waits_until_at": "2026-11-21T09:00:00+00:00",
        }
    ]


def test_command_in_production_makes_no_key_encryption_key(run: Run, settings: Settings, tmp_path: Path) -> None:
    settings.KEY_ENCRYPTION_KEY_FILE, settings.TOKENI_DATA_DIR = "", tmp_path / "data"
    settings.IS_PRODUCTION = True
    with pytest.raises(CommandError, match=r"^key_encryption_key_missing: "):
        run(*LOAD, lines=entering("amina", ONE))
    settings.IS_PRODUCTION = False
    run("list")
    assert Path(settings.KEY_ENCRYPTION_KEY_FILE) == tmp_path / "data" / "key_encryption_key"
    settings.KEY_ENCRYPTION_KEY_FILE, settings.KEY_ENCRYPTION_KEY = "", "ab" * 32
    run(*LOAD, lines=entering("amina", ONE))
    assert settings.KEY_ENCRYPTION_KEY_FILE == ""
