"""The server profile for this process and its children: a durable PostgreSQL and a Redis of our own, tables, a site.

PostgreSQL keeps fsync and synchronous_commit on: an accepted payment is on the disk here as it is at a customer's.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.children import environment_of
from tests.support.environment import setting_names
from tests.support.processes import own_folder
from tests.support.servers import postgres_server, redis_server


@dataclass(frozen=True)
class Installation:
    """`folder` is for logs and state; `environment` what its processes are started with."""

    folder: Path
    environment: dict[str, str]
    redis_url: str


@contextlib.contextmanager
def server_profile() -> Iterator[Installation]:
    """Django is set up in this process too, once: the settings are read here and nowhere before."""
    with postgres_server(durable=True) as postgres, redis_server() as redis, own_folder() as folder:
        addresses = {"DATABASE_URL": postgres.url, "BROKER_URL": redis.url, "REDIS_URL": redis.url}
        environment = environment_of(folder, addresses)
        for name in setting_names():
            os.environ.pop(name, None)
        os.environ.update(environment)
        _set_up()
        try:
            yield Installation(folder, environment, redis.url)
        finally:
            close_connections()


def _set_up() -> None:
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", interactive=False, verbosity=0)


def close_connections() -> None:
    """Before the server goes away, so that the pool does not try to reach it again."""
    from django.db import connections
    from django.db.backends.postgresql.base import DatabaseWrapper

    connection = connections["default"]
    connection.close()
    if isinstance(connection, DatabaseWrapper):
        connection.close_pool()
