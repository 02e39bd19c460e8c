"""`docs/reference/states.md` has every lifecycle as it stands in the code: its states, their labels, and every move."""

import importlib
import re

import pytest

from tests.house_rules.tree import ROOT, module_name, rooms
from vending.kernel.lifecycle import Lifecycle

DOCUMENT = ROOT / "docs" / "reference" / "states.md"
STATE = re.compile(r"^\| `([A-Z_]+)` \| ([^`|]+?) \|", re.MULTILINE)
MOVE = re.compile(r"^\| `([A-Z_]+)` \| `([A-Z_]+)` \| \S", re.MULTILINE)


def sections() -> dict[str, str]:
    """The text below each second heading, by the heading."""
    parts = re.split(r"^## (.+)$", DOCUMENT.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def lifecycles() -> dict[str, tuple[Lifecycle, dict[str, str]]]:
    """Each lifecycle with the labels of its states, by its name."""
    modules = [
        importlib.import_module(module_name(path)) for path in rooms("lifecycle.py") if path.parent.name != "kernel"
    ]
    return {
        value.name: (value, {str(state): label for state, label in module.LABELS.items()})
        for module in modules
        for value in vars(module).values()
        if isinstance(value, Lifecycle)
    }


def test_states_document_has_a_section_for_each_lifecycle() -> None:
    assert sorted(sections()) == sorted(lifecycles())


@pytest.mark.parametrize("name", sorted(lifecycles()))
def test_states_document_has_the_states_and_moves_of_the_code(name: str) -> None:
    lifecycle, labels = lifecycles()[name]
    section = sections()[name]
    moves = MOVE.findall(section)

    assert dict(STATE.findall(section)) == labels
    assert set(moves) == {(before, after) for before, afters in lifecycle.moves.items() for after in afters}
    assert len(moves) == len(set(moves))
