"""What the code offers stands in the documents: settings in `.env.example`, error codes in the error list."""

import ast
import re

from tests.house_rules.tree import ROOT, product_files, short, tree_of
from tests.support.environment import setting_names


def documented_settings() -> dict[str, str]:
    """Each setting of `.env.example`, commented out or not, with the comment line above it."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    found = {}
    for before, line in zip(["", *lines], lines, strict=False):
        if match := re.fullmatch(r"#? ?([A-Z][A-Z0-9_]+)=.*", line):
            found[match[1]] = before
    return found


def error_codes() -> dict[str, list[str]]:
    """Every code of every `DomainError`, with the classes that have it. A class is one when a class it builds on is."""
    classes = [
        (path, node) for path in product_files() for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)
    ]
    domain_errors = {"DomainError"}
    while True:
        more = {node.name for _path, node in classes if {ast.unparse(base) for base in node.bases} & domain_errors}
        if more <= domain_errors:
            break
        domain_errors |= more
    codes: dict[str, list[str]] = {}
    for path, node in classes:
        for statement in node.body:
            if node.name in domain_errors - {"DomainError"} and (code := _code_in(statement)):
                codes.setdefault(code, []).append(f"{short(path)}:{node.name}")
    return codes


def _code_in(statement: ast.stmt) -> str | None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    value = getattr(statement, "value", None)
    if any(isinstance(target, ast.Name) and target.id == "code" for target in targets) and isinstance(
        value, ast.Constant
    ):
        return str(value.value)
    return None


def test_every_setting_stands_in_the_example_with_one_line() -> None:
    documented = documented_settings()
    unexplained = [name for name in setting_names() & set(documented) if not re.match(r"# \S", documented[name])]

    assert sorted(setting_names() - set(documented)) == []
    assert unexplained == []


def test_every_error_code_is_used_once_and_stands_in_the_error_list() -> None:
    document = ROOT / "docs" / "reference" / "errors.md"
    listed = (
        set(re.findall(r"^\| `([a-z0-9_]+)` \|", document.read_text(), re.MULTILINE)) if document.exists() else set()
    )

    assert {code: owners for code, owners in error_codes().items() if len(owners) > 1} == {}
    assert sorted(set(error_codes()) - listed) == []
    assert sorted(listed - set(error_codes())) == []
