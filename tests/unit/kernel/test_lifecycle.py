"""States as a table."""

from enum import StrEnum

import pytest

from vending.kernel.lifecycle import Lifecycle, MoveNotAllowed, table


class Door(StrEnum):
    OPEN = "OPEN"
    SHUT = "SHUT"
    GONE = "GONE"


class Window(StrEnum):
    AJAR = "AJAR"


DOOR = Lifecycle("door", table(Door, {Door.OPEN: {Door.SHUT}, Door.SHUT: {Door.OPEN, Door.GONE}, Door.GONE: set()}))


def test_table_is_plain_text() -> None:
    assert DOOR.moves == {"OPEN": {"SHUT"}, "SHUT": {"OPEN", "GONE"}, "GONE": set()}


def test_table_with_a_state_without_a_row_is_refused() -> None:
    with pytest.raises(KeyError, match="GONE"):
        table(Door, {Door.OPEN: set(), Door.SHUT: set()})


@pytest.mark.parametrize(
    "moves",
    [
        {Door.OPEN: set(), Door.SHUT: set(), Door.GONE: set(), Window.AJAR: set()},
        {Door.OPEN: {Window.AJAR}, Door.SHUT: set(), Door.GONE: set()},
    ],
    ids=["row", "move"],
)
def test_table_with_an_unknown_state_is_refused(moves: dict[StrEnum, set[StrEnum]]) -> None:
    with pytest.raises(ValueError, match=r"unknown states: \['AJAR'\]"):
        table(Door, moves)


def test_move_of_the_table_is_allowed() -> None:
    assert DOOR.can_move("SHUT", "GONE")
    DOOR.check_can_move(Door.SHUT, Door.GONE)


@pytest.mark.parametrize(("before", "after"), [("OPEN", "GONE"), ("GONE", "OPEN"), ("OPEN", "OPEN"), ("LOST", "OPEN")])
def test_move_that_is_not_in_the_table_is_refused(before: str, after: str) -> None:
    assert not DOOR.can_move(before, after)
    with pytest.raises(MoveNotAllowed, match=f"^door: {before} cannot become {after}$") as refusal:
        DOOR.check_can_move(before, after)
    assert (refusal.value.code, refusal.value.field, refusal.value.retryable) == ("move_not_allowed", "state", False)


def test_sources_and_ends_are_read_from_the_table() -> None:
    assert DOOR.sources_of("OPEN") == ("SHUT",)
    assert DOOR.sources_of("SHUT") == ("OPEN",)
    assert DOOR.sources_of("LOST") == ()
    assert DOOR.ends == {"GONE"}
