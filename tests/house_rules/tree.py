"""The code base as the house rules see it: files and their syntax trees. Nothing is imported for it."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
APPS = ("gateway", "vending", "fleet")
Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(*folders: str, suffix: str = ".py") -> list[Path]:
    """Files below these folders of the repository, without caches and migrations."""
    found = [path for folder in folders for path in (ROOT / folder).rglob(f"*{suffix}")]
    return sorted(path for path in found if not {"__pycache__", "migrations"} & set(path.parts))


def product_files() -> list[Path]:
    return files(*APPS)


def rooms(name: str) -> list[Path]:
    """Every slice's file of this name."""
    return [path for path in product_files() if path.name == name]


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def short(path: Path) -> str:
    return str(path.relative_to(ROOT))


def module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def functions(path: Path) -> Iterator[Function]:
    return (node for node in ast.walk(tree_of(path)) if isinstance(node, Function))


def calls(path: Path) -> Iterator[tuple[str, int]]:
    """The last name of everything that is called, with its line: `timezone.now()` is `timezone.now`."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node.lineno
