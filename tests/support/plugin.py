"""Pytest plugin: starts the servers and sets every setting before Django's settings are read, and ends the servers.

`--database=sqlite`, or `TOKENI_TEST_DATABASE=sqlite`, runs on the embedded profile's SQLite file instead of PostgreSQL;
Redis is there in both. With `-p no:django` it does nothing, for tests that need neither Django nor a server.
"""

import contextlib
import os
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support.environment import setting_names, settings_for_tests
from tests.support.licensed import keep_tables_file
from tests.support.processes import Server, own_folder
from tests.support.programs import ServerMissingError
from tests.support.servers import PostgresServer, postgres_server, redis_server

DATABASES = ("postgres", "sqlite")
_open_things = pytest.StashKey[contextlib.ExitStack]()
_postgres = pytest.StashKey[PostgresServer]()
_redis = pytest.StashKey[Server]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=DATABASES,
        default=os.environ.get("TOKENI_TEST_DATABASE", "postgres"),
        help="what the tests run on (default: $TOKENI_TEST_DATABASE, else postgres)",
    )


# A wrapper runs before pytest-django's hook of the same name, which imports the settings.
@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    options = early_config.known_args_namespace
    if not (early_config.pluginmanager.is_blocked("django") or options.help or options.version):
        things = early_config.stash[_open_things] = contextlib.ExitStack()
        early_config.add_cleanup(things.close)
        folder = things.enter_context(own_folder())
        _set_environment(folder, _start_servers(early_config, things, options.database))
    return (yield)


def _start_servers(config: pytest.Config, things: contextlib.ExitStack, database: str) -> dict[str, str]:
    if database not in DATABASES:
        raise pytest.UsageError(f"TOKENI_TEST_DATABASE must be one of {', '.join(DATABASES)}")
    addresses = {}
    try:
        redis = config.stash[_redis] = things.enter_context(redis_server())
        addresses["BROKER_URL"] = addresses["REDIS_URL"] = redis.url
        if database == "postgres":
            postgres = config.stash[_postgres] = things.enter_context(postgres_server())
            addresses["DATABASE_URL"] = postgres.url
    except ServerMissingError as refusal:
        raise pytest.UsageError(str(refusal)) from refusal
    return addresses


def _set_environment(folder: Path, addresses: dict[str, str]) -> None:
    keep_tables_file()
    for name in setting_names():
        os.environ.pop(name, None)
    os.environ.update(settings_for_tests(folder, addresses))
    # By itself pytest names its folder after the user; under `unshare -r` that is somebody else's.
    os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)


def pytest_report_header(config: pytest.Config) -> str | None:
    return f"database: {config.getoption('database')}" if _open_things in config.stash else None


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> PostgresServer:
    """The run's PostgreSQL, for tests that need a database of their own (`create_database`)."""
    return request.config.stash[_postgres]


@pytest.fixture(scope="session")
def redis(request: pytest.FixtureRequest) -> Server:
    """The run's Redis. Whoever stops or pauses it brings it back."""
    return request.config.stash[_redis]
