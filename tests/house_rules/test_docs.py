"""The documents are part of the product: their links lead somewhere, and their lists hold what the code has."""

import ast
import re
from pathlib import Path

from packaging.utils import canonicalize_name

from tests.house_rules.test_leftovers import HOME, KEY, TOKEN, hits
from tests.house_rules.test_lock import asked, pins
from tests.house_rules.tree import ROOT, files, short, tree_of

LONGEST_README = 120
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
# What stands in backticks and looks like a path of this repository. A folder that only a run makes is not one.
PATH = re.compile(r"`((?:gateway|vending|fleet|tests|templates|docker|docs)/[\w./-]*)`")


def documents() -> list[Path]:
    return [*sorted(ROOT.glob("*.md")), *files("docs", suffix=".md")]


def slug(heading: str) -> str:
    """The anchor that a heading gets: lower case, no punctuation, a hyphen for each space."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def anchors(path: Path) -> set[str]:
    prose = CODE_BLOCK.sub("", path.read_text())
    return {slug(heading) for heading in re.findall(r"^#+ (.+)$", prose, re.MULTILINE)}


def leads_nowhere(path: Path, target: str) -> bool:
    file_name, _, anchor = target.partition("#")
    file = path.parent / file_name if file_name else path
    return not file.exists() or (bool(anchor) and anchor not in anchors(file))


def first_column(document: str) -> set[str]:
    """What stands in backticks at the start of a table's row."""
    text = (ROOT / "docs" / "reference" / document).read_text()
    return set(re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE))


def test_every_relative_link_leads_somewhere() -> None:
    dead = [
        f"{short(path)}: {target}"
        for path in documents()
        for target in LINK.findall(CODE_BLOCK.sub("", path.read_text()))
        if not target.startswith("https://") and leads_nowhere(path, target)
    ]

    assert len(documents()) > 15
    assert dead == []


def test_every_path_named_in_a_document_exists() -> None:
    missing = [
        f"{short(path)}: {name}"
        for path in documents()
        for name in PATH.findall(path.read_text())
        if not (ROOT / name).exists()
    ]

    assert missing == []


def test_every_document_can_be_found_from_the_readme() -> None:
    linked = {(ROOT / target).resolve() for target in LINK.findall((ROOT / "README.md").read_text())}

    assert [short(path) for path in files("docs", suffix=".md") if path not in linked] == []


def test_readme_is_short_and_names_its_licence() -> None:
    text = (ROOT / "README.md").read_text()

    assert len(text.splitlines()) < LONGEST_README
    assert "SPDX-License-Identifier: Apache-2.0" in text
    assert "Apache License" in (ROOT / "LICENSE").read_text()


def test_documents_hold_no_code_no_key_and_no_path_of_a_developers_machine() -> None:
    assert hits(TOKEN, documents()) + hits(KEY, documents()) + hits(HOME, documents()) == []


def test_failpoints_document_has_every_failpoint() -> None:
    points = next(
        node
        for node in tree_of(ROOT / "gateway" / "failpoints.py").body
        if isinstance(node, ast.ClassDef) and node.name == "Failpoint"
    )
    names = [ast.literal_eval(line.value) for line in points.body if isinstance(line, ast.Assign)]

    assert sorted(first_column("failpoints.md")) == sorted(names)


def test_dependencies_document_has_every_direct_dependency_in_its_pinned_version() -> None:
    text = (ROOT / "docs" / "reference" / "dependencies.md").read_text()
    rows = re.findall(r"^\| `([A-Za-z0-9_.-]+)(?:\[.*?\])?` \| (\S+) \|", text, re.MULTILINE)
    pinned = {
        canonicalize_name(requirement.name): pins(name)[canonicalize_name(requirement.name)]
        for name, requirements in asked().items()
        for requirement in requirements
    }

    assert {canonicalize_name(name): version for name, version in rows} == pinned


def test_interfaces_document_has_every_command() -> None:
    text = (ROOT / "docs" / "reference" / "interfaces.md").read_text()
    targets = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = [path.stem for path in files("gateway/management/commands") if path.stem != "__init__"]

    assert [target for target in targets if f"| `make {target}` |" not in text] == []
    assert [command for command in commands if not re.search(rf"^\| `{command}[ `]", text, re.MULTILINE)] == []
