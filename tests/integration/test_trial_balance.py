"""`manage.py trial_balance`: a day of the books as text and as CSV, and its exit status."""

import io

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from gateway.management.commands import trial_balance
from tests.support.world import NOW, World
from vending.ledger.accounts import SUSPENSE
from vending.ledger.models import LedgerEntry, LedgerLine

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


@pytest.fixture(autouse=True)
def clock_of_the_world(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_balance, "now", lambda: NOW)


def run(*arguments: str) -> list[str]:
    out = io.StringIO()
    call_command("trial_balance", *arguments, stdout=out)
    return out.getvalue().splitlines()


def test_balance_of_today_says_what_moved_and_that_it_sums_to_nothing(world: World) -> None:
    world.sell()
    assert run() == [
        "trial balance of 2026-11-20 (Africa/Nairobi)",
        "currency  account            opening  debit  credit  closing",
        "KES       float:daraja             0    200       0      200",
        "KES       revenue:energy           0      0     162     -162",
        "KES       revenue:fixed_fee        0      0      10      -10",
        "KES       tax:vat                  0      0   25.92   -25.92",
        "KES       wallet                   0      0    2.08    -2.08",
        "KES sums to 0",
    ]


def test_balance_of_a_later_day_opens_with_what_was_there_and_as_csv_for_a_spreadsheet(world: World) -> None:
    world.sell()
    assert run("--date", "2026-11-21", "--csv") == [
        "currency,account,opening,debit,credit,closing",
        "KES,float:daraja,200,0,0,200",
        "KES,revenue:energy,-162,0,0,-162",
        "KES,revenue:fixed_fee,-10,0,0,-10",
        "KES,tax:vat,-25.92,0,0,-25.92",
        "KES,wallet,-2.08,0,0,-2.08",
    ]
    assert run("--date", "2026-11-19", "--csv") == ["currency,account,opening,debit,credit,closing"]


def test_day_is_that_of_the_clock_of_the_books(world: World, settings: Settings) -> None:
    """At 09:00 UTC it is the 20th in Nairobi, and still the 19th in Honolulu."""
    settings.BOOKS_TIMEZONE = "Pacific/Honolulu"
    world.sell()
    lines = run()
    assert lines[0] == "trial balance of 2026-11-19 (Pacific/Honolulu)"
    assert lines[-1] == "KES sums to 0"


@pytest.mark.parametrize("arguments", [(), ("--csv",)])
def test_balance_that_is_off_says_so_and_fails(world: World, arguments: tuple[str, ...]) -> None:
    world.sell()
    entry = LedgerEntry.objects.get()
    LedgerLine.objects.create(entry=entry, account=SUSPENSE, amount_minor=-7)
    with pytest.raises(CommandError, match=r"^the accounts do not sum to nothing: KES -0\.07$") as refusal:
        run(*arguments)
    assert refusal.value.returncode == 1


@pytest.mark.parametrize("text", ["yesterday", "2026-02-30", "20/11/2026", "0001-01-01", "9999-12-31"])
def test_day_that_is_none_is_refused_in_one_line(db: None, text: str) -> None:
    with pytest.raises(CommandError, match=r"^--date is a day: YYYY-MM-DD$"):
        run("--date", text)
