"""Fixtures of tests that run the whole product: one `up` for a module, on the database of the test run.

A module may hold `SETTINGS`, what it wants set beside the usual.
"""

from collections.abc import Iterator

import pytest

from tests.support.outside_world import OutsideWorld
from tests.support.processes import Server
from tests.support.product import Product, running
from tests.support.servers import redis_server


@pytest.fixture(scope="module")
def world() -> Iterator[OutsideWorld]:
    with OutsideWorld() as world:
        yield world


@pytest.fixture(scope="module")
def own_redis(request: pytest.FixtureRequest) -> Iterator[Server | None]:
    """A Redis that no other test shares; None on SQLite, where the product starts its own broker."""
    if request.config.getoption("database") == "sqlite":
        yield None
        return
    with redis_server() as redis:
        yield redis


@pytest.fixture(scope="module")
def addresses(request: pytest.FixtureRequest, own_redis: Server | None) -> dict[str, str]:
    """None on SQLite; else an empty database and the Redis above."""
    if own_redis is None:
        return {}
    database = request.getfixturevalue("postgres").create_database(f"product_{request.path.stem}")
    return {"DATABASE_URL": database, "BROKER_URL": own_redis.url}


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
