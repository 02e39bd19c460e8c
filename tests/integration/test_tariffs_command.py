"""`manage.py tariffs`: from a file to a version in force by two persons; what is told before, and what is refused."""

import io
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from fleet.approvals.models import Approval
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.management.commands import tariffs
from tests.support.world import ACTOR, NOW, World
from tests.unit.tariffs.test_files import ALL
from vending.tariffs.models import Tariff
from vending.tariffs.queries import facts_of

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
PASSWORDS = {"amina": "amina-password-1", "juma": "juma-password-22"}
FILE: dict[str, Any] = {**ALL, "site": "test", "customer_class": ""}
Run = Callable[..., str]
Write = Callable[[object], str]


@pytest.fixture
def run(settings: Settings, monkeypatch: pytest.MonkeyPatch, world: World) -> Run:
    """Run the command with these lines on standard input; returns standard output."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    for username, password in PASSWORDS.items():
        set_operator(username=username, password=password, actor=ACTOR, now=NOW)
    monkeypatch.setattr(tariffs, "now", lambda: NOW)
    monkeypatch.setattr(time, "sleep", lambda _: None)

    def run(*arguments: str, lines: tuple[str, ...] = ()) -> str:
        out = io.StringIO()
        monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        call_command("tariffs", *arguments, stdout=out, stderr=out)
        assert sys.stdin.read() == "", "every line was asked for"
        return out.getvalue()

    return run


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: object) -> str:
        path = tmp_path / "tariff.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return str(path)

    return write


def login(username: str) -> tuple[str, str]:
    return username, PASSWORDS[username]


def proposed(run: Run, write: Write, username: str = "amina") -> Approval:
    run("propose", write(FILE), "--reason", "EPRA order 12", "--operator", username, lines=login(username)[1:])
    return Approval.objects.get()


def count_rows() -> tuple[int, int]:
    return Tariff.objects.count(), Approval.objects.count()


def test_list_tells_every_version_in_plain_words(run: Run) -> None:
    version = Tariff.objects.get()
    assert run("list").splitlines() == [
        f"tariff {version.pk}: site test, all classes without prices of their own, from 2026-10-21 12:00 +0300: "
        "KES 20 a kWh",
        "  prices are without VAT and levies",
        "  VAT 16 %",
        "  rounded to the nearest minor unit, halves up",
        "  fixed fee 10 a month",
        "  a payment is 10 to 100000, a sale at least 0.1 kWh",
    ]


def test_preview_tells_the_effect_and_writes_nothing(run: Run, write: Write, world: World) -> None:
    world.now = NOW.replace(month=10, day=25)
    world.sell(20_000)
    rows = count_rows()
    flat = {name: value for name, value in FILE.items() if name not in ("blocks", "lifeline", "levies", "free_kwh")}
    told = run("preview", write({**flat, "price_per_kwh": "25.00", "price_includes_vat": False}))
    assert told.startswith("preview: site test, all classes without prices of their own, from 2026-12-01 03:00 +0300")
    assert told.splitlines()[-8:] == [
        "effect on the sales of 2026-10 (customers: 1): as sold -> as proposed",
        "  sales: 1 -> 1",
        "  units: 8.1 -> 6.5",
        "  units per customer: 8.1 -> 6.5",
        "  revenue: KES 172 -> KES 172.50",
        "  taxes: KES 25.92 -> KES 26",
        "  who loses most, in units for the same money:",
        f"    meter {world.meter.drn}: 8.1 -> 6.5",
    ]
    assert count_rows() == rows


def test_two_persons_publish_what_the_file_says(run: Run, write: Write, world: World) -> None:
    told = run("propose", write(FILE), "--reason", "EPRA order 12", lines=login("amina"))
    approval = Approval.objects.get()
    assert told.splitlines()[-1] == f"proposal {approval.pk} waits for a second person until 2026-11-23 09:00 UTC"
    assert "effect on the sales of 2026-10" in told
    assert (approval.maker.username, approval.reason, approval.subject) == (
        "amina",
        "EPRA order 12",
        f"site:{world.site.pk}",
    )
    assert f"proposal {approval.pk} by amina (EPRA order 12): site test" in run("list")
    told = run("approve", str(approval.pk), "--operator", "juma", lines=login("juma")[1:])
    assert "effect on the sales of 2026-10" in told
    assert told.splitlines()[-1] == "approved and published"
    version = Tariff.objects.order_by("-pk")[0]
    assert (version.approval_id, version.site_id) == (approval.pk, world.site.pk)
    assert facts_of(version).prices.levies[1].basis_points == 12
    assert f"tariff {version.pk}: site test" in run("list")
    assert "proposal" not in run("list")


def test_proposer_cannot_approve(run: Run, write: Write) -> None:
    approval = proposed(run, write)
    rows = count_rows()
    with pytest.raises(CommandError, match=r"^approval_by_maker: "):
        run("approve", str(approval.pk), lines=login("amina"))
    approval.refresh_from_db()
    assert (approval.state, count_rows()) == ("WAITING", rows)


def test_refused_proposal_publishes_nothing_and_is_over(run: Run, write: Write) -> None:
    approval = proposed(run, write)
    told = run("refuse", str(approval.pk), "--answer", "wrong month", "--operator", "juma", lines=login("juma")[1:])
    assert told == "refused; nothing was published\n"
    approval.refresh_from_db()
    assert (approval.state, approval.answer, Tariff.objects.count()) == ("REFUSED", "wrong month", 1)
    with pytest.raises(CommandError, match=r"^approval_decided: "):
        run("approve", str(approval.pk), lines=login("juma"))


def test_wrong_password_and_another_login_do_nothing(run: Run, write: Write) -> None:
    rows = count_rows()
    with pytest.raises(CommandError, match=r"^custodian_refused: "):
        run("propose", write(FILE), "--reason", "x", lines=("amina", "wrong"))
    with pytest.raises(CommandError, match=r"^custodian_refused: "):
        run("propose", write(FILE), "--reason", "x", "--operator", "amina", lines=login("juma")[1:])
    with pytest.raises(CommandError, match="not UTF-8"):
        run("propose", write(FILE), "--reason", "x", "--operator", "ami\udce4", lines=login("amina")[1:])
    assert count_rows() == rows


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        ({"site": "nowhere"}, "no site with this code"),
        ({"starts_at": "2026-11-20"}, "^tariff_invalid: starts_at: .*future"),
        ({"vat_percent": "160"}, "^tariff_invalid: vat_basis_points: from 0 to 10000$"),
        ({"blocks": []}, "^tariff_invalid: price_per_kwh: give one price, or blocks$"),
        ({"most_payment": 1e3}, "^tariff_invalid: most_payment: a number in quotes"),
        ({"\x1b[2J" + "x" * 90: 1}, r"^tariff_invalid: '\\x1b\[2Jx{32}: missing"),
    ],
)
def test_file_that_cannot_be_published_is_refused_before_anybody_is_asked(
    run: Run, write: Write, change: dict[str, object], refusal: str
) -> None:
    rows = count_rows()
    for act in (("preview",), ("propose", "--reason", "x")):
        with pytest.raises(CommandError, match=refusal):
            run(act[0], write({**FILE, **change}), *act[1:])
    assert count_rows() == rows


@pytest.mark.parametrize("content", ["", "{", "\udcff", "[" * 60_000, " " * 65_537, '{"site": NaN'])
def test_file_that_is_no_json_is_refused_in_one_line(run: Run, tmp_path: Path, content: str) -> None:
    path = tmp_path / "tariff.json"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(CommandError, match=r"^the file "):
        run("preview", str(path))


def test_file_that_is_not_there_is_refused_in_one_line(run: Run, tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(CommandError, match="cannot be read"):
            run("preview", str(path))


def test_start_that_is_in_use_is_refused(run: Run, write: Write) -> None:
    approval = proposed(run, write)
    run("approve", str(approval.pk), lines=login("juma"))
    with pytest.raises(CommandError, match=r"^tariff_start_taken: "):
        run("propose", write(FILE), "--reason", "again", lines=())


def test_proposal_that_is_not_there_or_of_another_act_is_refused(run: Run, write: Write) -> None:
    approval = proposed(run, write)
    other = Approval.objects.create(
        kind="payment.refund",
        subject="payment:1",
        reason="x",
        state="WAITING",
        maker=Operator.objects.get(username="amina"),
        asked_at=NOW,
        expires_at=NOW,
    )
    assert f"proposal {approval.pk} by" in run("list")
    assert f"proposal {other.pk} by" not in run("list")
    for number in (other.pk, approval.pk + 1_000):
        for act in (("approve", str(number)), ("refuse", str(number), "--answer", "x")):
            with pytest.raises(CommandError, match="no proposal of a tariff"):
                run(*act)
