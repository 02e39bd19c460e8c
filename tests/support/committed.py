"""A database in which transactions are real, so that threads meet in it, and that is clean afterwards.

For tests marked `django_db(transaction=True)`. PostgreSQL is emptied by TRUNCATE, which the append-only triggers let
pass. SQLite has only DELETE, which they refuse: there a test works on a copy of the empty file.
"""

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.db import connection

from tests.support.world import World, make_world


@pytest.fixture
def committed(transactional_db: None, tmp_path: Path) -> Iterator[None]:
    if connection.vendor == "postgresql":
        yield
        return
    shared = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = shutil.copy(shared, tmp_path / "copy.sqlite3")
    yield
    connection.close()
    connection.settings_dict["NAME"] = shared


@pytest.fixture
def committed_world(committed: None) -> World:
    """The world of `world`, committed."""
    return make_world()


def at_once(acts: list[Callable[[], object]], *, patience_seconds: float = 30) -> list[object]:
    """Start these acts together, each on a connection of its own; what each returned, or its exception."""
    start = threading.Barrier(len(acts))
    results: list[object] = [None] * len(acts)

    def run(place: int, act: Callable[[], object]) -> None:
        try:
            start.wait(patience_seconds)
            results[place] = act()
        except Exception as error:
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item, daemon=True) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(patience_seconds)
    assert not any(thread.is_alive() for thread in threads), "an act did not end"
    return results
