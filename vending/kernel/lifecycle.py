"""States as a table: every state a row, dead ends included.

A slice's `lifecycle.py` holds one `Lifecycle` and its theory in prose; services move rows only along it. Drawings,
labels and tests are made from the same table.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from vending.kernel.errors import DomainError


class MoveNotAllowed(DomainError):
    """A row was asked to make a move that its lifecycle does not have."""

    code = "move_not_allowed"


@dataclass(frozen=True)
class Lifecycle:
    """The allowed moves of one kind of row: `moves[state]` is where that state may go; an empty set is an end."""

    name: str
    moves: Mapping[str, frozenset[str]]

    def can_move(self, before: str, after: str) -> bool:
        return after in self.moves.get(before, frozenset())

    def check_can_move(self, before: str, after: str) -> None:
        """Raise `MoveNotAllowed` unless the table has this move."""
        if not self.can_move(before, after):
            raise MoveNotAllowed(f"{self.name}: {before} cannot become {after}", field="state")

    def sources_of(self, after: str) -> tuple[str, ...]:
        """Every state from which `after` can be reached in one move, for compare-and-set updates."""
        return tuple(sorted(before for before, afters in self.moves.items() if after in afters))

    @property
    def ends(self) -> frozenset[str]:
        return frozenset(state for state, afters in self.moves.items() if not afters)


def table(states: type[StrEnum], moves: Mapping[StrEnum, set[StrEnum]]) -> dict[str, frozenset[str]]:
    """The moves as plain text values; a state without a row, or a move to an unknown state, is an error at import."""
    rows = {str(state): frozenset(str(after) for after in moves[state]) for state in states}
    if unknown := set(map(str, moves)).union(*rows.values()) - set(rows):
        raise ValueError(f"unknown states: {sorted(unknown)}")
    return rows
