"""Fixtures of tests that run the whole product: one `up` for a module, on the database of the test run.

A module may hold `SETTINGS`, what it wants set beside the usual.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.outside_world import OutsideWorld
from tests.support.product import Product, running
from tests.support.servers import redis_server


@pytest.fixture(scope="module")
def world() -> Iterator[OutsideWorld]:
    with OutsideWorld() as world:
        yield world


@pytest.fixture(scope="module")
def addresses(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """None on SQLite: the product has its own file and broker. Else an empty database and a Redis that nobody shares."""
    if request.config.getoption("database") == "sqlite":
        yield {}
        return
    postgres = request.getfixturevalue("postgres")
    with redis_server() as redis:
        database = postgres.create_database(f"product_{Path(str(request.path)).stem}")
        yield {"DATABASE_URL": database, "BROKER_URL": redis.url}


@pytest.fixture(scope="module")
def product(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    world: OutsideWorld,
    addresses: dict[str, str],
) -> Iterator[Product]:
    folder = tmp_path_factory.mktemp("product")
    with running(folder, world, addresses, **getattr(request.module, "SETTINGS", {})) as product:
        yield product
