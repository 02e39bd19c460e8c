"""Nothing lies about: no drawers for anything, no notes to self, no codes or keys, no stray characters."""

import re
from pathlib import Path

from tests.house_rules.tree import APPS, ROOT, files, short

# The top level is fixed; beside it only tool configuration and the documents that a repository is judged by.
TOP_LEVEL = {
    "manage.py", "gateway", "vending", "fleet", "templates", "tests", "docker", "requirements.txt",
    "requirements-dev.txt", "README.md", "CHANGELOG.md", "SECURITY.md", "CONTRIBUTING.md", "LICENSE", "docs",
    "Makefile", "pyproject.toml",
    ".env.example", ".gitignore", ".gitattributes", ".ci", ".git", ".venv", "var", ".env",
}  # fmt: skip
CACHES = re.compile(
    r"\.coverage(\..*)?|htmlcov|\.(mypy|ruff|pytest|import_linter)_cache|\.hypothesis|__pycache__|\.ruff_cache"
)
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "common.py", "managers.py", "misc.py", "tools.py"}
NOTES = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
# Twenty digits in a row or in groups; the counting row 1234 5678 9012 3456 7890 shows a form and is no code.
TOKEN = re.compile(r"(?<!\d)(?!1234 5678 9012 3456 7890)(\d{20}|\d{4}([ -]\d{4}){4})(?!\d)")
KEY = re.compile(r"(?<![0-9A-Za-z])[0-9A-Fa-f]{32,}(?![0-9A-Za-z])")
HOME = re.compile(r"/(home|root|Users|work)/\w")
# Files that may hold what looks like a code or a key, each with its reason.
WITH_KEYS: dict[str, str] = {
    "vending/keys/published.py": "the published test keys, so that production can refuse them",
    "gateway/management/commands/load_demo.py": "the published key that the demo site runs on",
    "vending/sts/known_answers.py": "published answers by which the security module tests itself",
    "vending/sts/sta_tables.py": "the fingerprint of the operational EA07 tables",
    "gateway/simulator/meter/misty1.py": "the tables of RFC 2994",
}
# Files in another script than ASCII, each with its reason.
NOT_ASCII: dict[str, str] = {
    "gateway/inbox/keywords.py": "Portuguese letters that a customer may type",
}


def text_files() -> list[Path]:
    found = [
        path
        for suffix in (".py", ".txt", ".html", ".css", ".js", ".sh", ".yaml")
        for path in files(*APPS, "templates", "docker", suffix=suffix)
    ]
    return [*found, ROOT / "manage.py", ROOT / "Makefile", ROOT / "docker" / "Dockerfile", *(ROOT / ".ci").iterdir()]


def hits(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{short(path)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if pattern.search(line)
    ]


def test_top_level_holds_what_was_agreed() -> None:
    unexpected = {path.name for path in ROOT.iterdir()} - TOP_LEVEL

    assert sorted(name for name in unexpected if not CACHES.fullmatch(name)) == []


def test_no_file_is_a_drawer_for_anything() -> None:
    assert [short(path) for path in files(*APPS, "tests") if path.name in FORBIDDEN_NAMES] == []


def test_no_notes_to_self() -> None:
    own_name = Path(__file__).name
    assert hits(NOTES, [*text_files(), *(path for path in files("tests") if path.name != own_name)]) == []


def test_no_path_of_a_developers_machine() -> None:
    assert hits(HOME, text_files()) == []


def test_product_holds_nothing_that_looks_like_a_code_or_a_key() -> None:
    paths = [path for path in text_files() if short(path) not in WITH_KEYS]

    assert hits(TOKEN, paths) == []
    assert hits(KEY, paths) == []
    assert all((ROOT / path).exists() for path in WITH_KEYS)


def test_source_is_ascii_unless_listed() -> None:
    foreign = {short(path) for path in [*text_files(), *files("tests")] if not path.read_bytes().isascii()}

    assert foreign == set(NOT_ASCII)
