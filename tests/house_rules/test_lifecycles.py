"""Every state of every lifecycle has a row in its table and a label for people; every move leads to a state."""

import importlib
import inspect
from enum import StrEnum
from pathlib import Path
from types import ModuleType

import pytest

from tests.house_rules.tree import module_name, rooms, short
from vending.kernel.lifecycle import Lifecycle


def lifecycle_files() -> list[Path]:
    return [path for path in rooms("lifecycle.py") if path.parent.name != "kernel"]


def own_states(module: ModuleType) -> set[str]:
    enums = [value for value in vars(module).values() if inspect.isclass(value) and issubclass(value, StrEnum)]
    return {str(state) for enum in enums if enum.__module__ == module.__name__ for state in enum}


@pytest.mark.parametrize("path", lifecycle_files(), ids=short)
def test_lifecycle_gives_each_state_a_row_and_a_label(path: Path) -> None:
    module = importlib.import_module(module_name(path))
    lifecycles = [value for value in vars(module).values() if isinstance(value, Lifecycle)]
    rows = {state for lifecycle in lifecycles for state in lifecycle.moves}
    targets = {after for lifecycle in lifecycles for afters in lifecycle.moves.values() for after in afters}
    labels = {str(state): label for state, label in module.LABELS.items()}

    assert lifecycles
    assert rows == own_states(module)
    assert targets <= rows
    assert set(labels) == rows
    assert all(label.strip() for label in labels.values())


def test_lifecycle_opens_with_its_theory() -> None:
    too_short = [short(path) for path in lifecycle_files() if len((path.read_text().split('"""')[1]).split()) < 20]

    assert too_short == []
