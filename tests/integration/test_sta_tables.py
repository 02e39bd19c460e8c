"""The operator's EA 07 tables: which are in force, and what may be installed.

The licensed numbers are not needed here: to these tests another set, of no meter, is the operational one.
"""

import json
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from tests.support.world import ACTOR, NOW
from vending.sta_tables.errors import Ea07TablesMissing, Ea07TablesRefused
from vending.sta_tables.queries import check_may_sell_under_ea07, get_tables, get_tables_path, get_tables_source
from vending.sta_tables.services import install_tables
from vending.sts.sta_tables import SAMPLE_TABLES, StaTables

pytestmark = pytest.mark.django_db

LICENSED = StaTables(SAMPLE_TABLES.second, SAMPLE_TABLES.first, SAMPLE_TABLES.permutation)
NEITHER = StaTables(SAMPLE_TABLES.first, SAMPLE_TABLES.first, SAMPLE_TABLES.permutation)


@pytest.fixture(autouse=True)
def licensed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vending.sts.sta_tables.OPERATIONAL_SHA256", LICENSED.sha256)


@pytest.fixture(autouse=True)
def data_folder(settings: Settings, tmp_path: Path) -> Path:
    settings.TOKENI_DATA_DIR = tmp_path / "data"
    return tmp_path / "data"


def text_of(tables: StaTables) -> str:
    lists = {"_note": "any", "sub1": tables.first, "sub2": tables.second, "perm": tables.permutation}
    return json.dumps(lists)


def file_of(folder: Path, tables: StaTables) -> Path:
    path = folder / "tables.json"
    path.write_text(text_of(tables))
    return path


def install(path: Path) -> StaTables:
    return install_tables(path=path, actor=ACTOR, now=NOW)


def assert_nothing_installed(folder: Path) -> None:
    assert not folder.exists() or list(folder.iterdir()) == []
    assert not AuditEntry.objects.exists()
    assert get_tables() == SAMPLE_TABLES


def test_without_a_file_the_sample_tables_are_in_force() -> None:
    assert get_tables() == SAMPLE_TABLES
    assert get_tables_source() == "sample"


def test_installed_tables_are_in_force_and_the_owners_alone(tmp_path: Path) -> None:
    assert install(file_of(tmp_path, LICENSED)) == LICENSED

    assert get_tables() == LICENSED
    assert get_tables_source() == "installed"
    assert stat.S_IMODE(get_tables_path().stat().st_mode) == 0o600
    assert [path.name for path in get_tables_path().parent.iterdir()] == ["ea07_tables.json"]


def test_installing_is_audited_by_the_fingerprint_alone(tmp_path: Path) -> None:
    install(file_of(tmp_path, LICENSED))

    entry = AuditEntry.objects.get()
    assert (entry.actor, entry.act, entry.subject) == (ACTOR, "sta_tables.installed", "sta_tables:ea07")
    assert entry.details == {"sha256": LICENSED.sha256}


def test_installing_again_puts_the_same_there(tmp_path: Path) -> None:
    install(file_of(tmp_path, LICENSED))
    before = get_tables_path().read_bytes()

    assert install(get_tables_path()) == LICENSED
    assert get_tables_path().read_bytes() == before


def _link(path: Path) -> None:
    target = path.with_name("target")
    target.write_text(text_of(LICENSED))
    path.symlink_to(target)


BAD_FILES: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "sample tables": lambda path: path.write_text(text_of(SAMPLE_TABLES)),
    "tables of nobody": lambda path: path.write_text(text_of(NEITHER)),
    "empty": lambda path: path.touch(),
    "half-written": lambda path: path.write_text(text_of(LICENSED)[:-20]),
    "a list": lambda path: path.write_text("[1, 2]"),
    "a number twice": lambda path: path.write_text(text_of(LICENSED).replace("29,", "27,")),
    "numbers as text": lambda path: path.write_text(text_of(LICENSED).replace("12,", '"12",')),
    "no UTF-8": lambda path: path.write_bytes(b"\xff\xfe"),
    "nested without end": lambda path: path.write_text("[" * 60_000),
    "a huge number": lambda path: path.write_text('{"sub1": [' + "9" * 5000 + "]}"),
    "huge": lambda path: path.write_text(text_of(LICENSED) + " " * (1 << 20)),
    "a folder": lambda path: path.mkdir(),
    "a link": _link,
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("make", BAD_FILES.values(), ids=BAD_FILES)
def test_file_without_the_operational_tables_is_refused(
    make: Callable[[Path], object], tmp_path: Path, data_folder: Path
) -> None:
    path = tmp_path / "bad"
    make(path)

    with pytest.raises(Ea07TablesRefused):
        install(path)

    assert_nothing_installed(data_folder)


def test_name_that_no_file_can_have_is_refused(data_folder: Path) -> None:
    with pytest.raises(Ea07TablesRefused):
        install(Path("a\0b"))

    assert_nothing_installed(data_folder)


def test_refused_file_leaves_what_was_installed(tmp_path: Path) -> None:
    install(file_of(tmp_path, LICENSED))

    with pytest.raises(Ea07TablesRefused):
        install(file_of(tmp_path, NEITHER))

    assert get_tables() == LICENSED
    assert AuditEntry.objects.count() == 1


def test_data_folder_that_cannot_be_written_is_refused(tmp_path: Path, data_folder: Path) -> None:
    data_folder.write_text("a file in its place")

    with pytest.raises(Ea07TablesRefused):
        install(file_of(tmp_path, LICENSED))

    assert not AuditEntry.objects.exists()


@pytest.mark.parametrize("tables", [LICENSED, SAMPLE_TABLES], ids=["licensed", "sample"])
def test_named_file_wins_over_installed_tables(tables: StaTables, tmp_path: Path, settings: Settings) -> None:
    install(file_of(tmp_path, LICENSED))
    settings.STS_EA07_TABLES = str(file_of(tmp_path, tables))

    assert get_tables() == tables
    assert get_tables_source() == "STS_EA07_TABLES"


def test_named_file_may_be_a_link(tmp_path: Path, settings: Settings) -> None:
    _link(tmp_path / "link")
    settings.STS_EA07_TABLES = str(tmp_path / "link")

    assert get_tables() == LICENSED


def test_named_file_that_changes_is_read_again(tmp_path: Path, settings: Settings) -> None:
    settings.STS_EA07_TABLES = str(file_of(tmp_path, SAMPLE_TABLES))
    assert get_tables() == SAMPLE_TABLES

    os.replace(file_of(tmp_path, LICENSED).rename(tmp_path / "new"), settings.STS_EA07_TABLES)

    assert get_tables() == LICENSED


@pytest.mark.parametrize("name", [name for name in BAD_FILES if name not in ("sample tables", "a link")])
def test_named_file_that_is_bad_is_refused_and_nothing_falls_back(
    name: str, tmp_path: Path, settings: Settings
) -> None:
    install(file_of(tmp_path, LICENSED))
    BAD_FILES[name](tmp_path / "bad")
    settings.STS_EA07_TABLES = str(tmp_path / "bad")

    for _ in range(2):
        with pytest.raises(Ea07TablesRefused):
            get_tables()


def test_installed_file_that_was_changed_is_refused(tmp_path: Path) -> None:
    install(file_of(tmp_path, LICENSED))
    get_tables_path().write_text(text_of(NEITHER))

    with pytest.raises(Ea07TablesRefused):
        get_tables()


@pytest.mark.parametrize(("is_production", "tables", "may_sell"), [
    (True, SAMPLE_TABLES, False), (True, LICENSED, True), (False, SAMPLE_TABLES, True), (False, LICENSED, True),
])  # fmt: skip
def test_sale_under_ea07_needs_operational_tables_in_production(
    is_production: bool, tables: StaTables, may_sell: bool, tmp_path: Path, settings: Settings
) -> None:
    settings.IS_PRODUCTION = is_production
    settings.STS_EA07_TABLES = str(file_of(tmp_path, tables))

    if may_sell:
        check_may_sell_under_ea07()
    else:
        with pytest.raises(Ea07TablesMissing, match="no real meter takes"):
            check_may_sell_under_ea07()


def test_command_installs_and_shows_by_fingerprint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("sts_tables", "show")
    call_command("sts_tables", "install", str(file_of(tmp_path, LICENSED)))

    assert capsys.readouterr().out.splitlines() == [
        "EA 07 tables: none installed: the standard's sample tables",
        f"SHA-256: {SAMPLE_TABLES.sha256}",
        "These are the standard's SAMPLE tables: no real meter takes a token that they make.",
        "EA 07 tables: installed",
        f"SHA-256: {LICENSED.sha256}",
    ]
    assert get_tables() == LICENSED


def test_command_refuses_in_one_line_with_the_code(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"\Aea07_tables_refused: [^\n]+\Z"):
        call_command("sts_tables", "install", str(file_of(tmp_path, NEITHER)))
