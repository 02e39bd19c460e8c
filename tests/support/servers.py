"""PostgreSQL and Redis for the tests: private instances on free loopback ports, in folders of their own, always ended.

Nothing here knows Django. `with postgres_server() as postgres, redis_server() as redis:` gives `postgres.url` and
`redis.url`; both can be stopped, started, paused and resumed under their clients.
"""

import contextlib
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.processes import (
    Server,
    ServerFailedError,
    as_ordinary_user,
    bare_environment,
    group_of,
    own_folder,
    running,
    with_parent,
)
from tests.support.programs import find_postgres, find_redis


@dataclass
class PostgresServer(Server):
    """A PostgreSQL cluster with one role and its empty database `tokeni`."""

    password: str = field(default="", repr=False)

    def url_of(self, database: str) -> str:
        return f"postgres://tokeni:{self.password}@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str) -> str:
        """An empty database of this name, dropped first when it is there. Returns its address."""
        with psycopg.connect(self.url_of("postgres"), autocommit=True) as connection:
            quoted = sql.Identifier(name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(quoted))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(quoted))
        return self.url_of(name)


@contextlib.contextmanager
def postgres_server(*, durable: bool = False) -> Iterator[PostgresServer]:
    """A PostgreSQL of our own. Not durable (no fsync) is for tests; what is measured or killed asks for durable."""
    programs = find_postgres()
    with own_folder() as folder:
        wrapper, user = as_ordinary_user()
        password = secrets.token_hex(16)
        secret_file = folder / "password"
        secret_file.write_text(password)
        secret_file.chmod(0o600)
        if user is not None:
            for path in (folder, secret_file):
                shutil.chown(path, user, group_of(user))
        _make_cluster(programs, folder, wrapper, user)

        def build(port: int) -> PostgresServer:
            options = [f"port={port}", "listen_addresses=127.0.0.1", "unix_socket_directories=", "max_connections=100"]
            if not durable:
                options += ["fsync=off", "synchronous_commit=off", "full_page_writes=off"]
            command = [str(programs / "postgres"), "-D", str(folder / "data")]
            for option in options:
                command += ["-c", option]
            return PostgresServer(
                name="PostgreSQL",
                folder=folder,
                command=[*wrapper, *with_parent(signal.SIGQUIT), *command],
                port=port,
                url="",
                is_up=lambda: _postgres_answers(port, password),
                stop_signal=signal.SIGINT,
                user=user,
                password=password,
            )

        with running(build) as server:
            server.url = server.create_database("tokeni")
            yield server


@contextlib.contextmanager
def redis_server() -> Iterator[Server]:
    """A Redis (or Valkey) of our own that keeps nothing on disk."""
    program = str(find_redis())
    with own_folder() as folder:

        def build(port: int) -> Server:
            options = f"--port {port} --bind 127.0.0.1 --appendonly no".split()
            return Server(
                name="Redis",
                folder=folder,
                command=[*with_parent(signal.SIGTERM), program, *options, "--save", "", "--dir", str(folder)],
                port=port,
                url=f"redis://127.0.0.1:{port}/0",
                is_up=lambda: _redis_answers(port),
                stop_signal=signal.SIGTERM,
            )

        with running(build) as server:
            yield server


def _make_cluster(programs: Path, folder: Path, wrapper: Sequence[str], user: str | None) -> None:
    initdb = [
        *wrapper,
        str(programs / "initdb"),
        f"--pgdata={folder / 'data'}",
        f"--pwfile={folder / 'password'}",
        *["--username=tokeni", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"],
    ]
    done = subprocess.run(
        initdb,
        cwd=folder,
        env=bare_environment(),
        user=user,
        group=group_of(user),
        extra_groups=None if user is None else [],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise ServerFailedError(f"initdb failed:\n{done.stdout[-1000:]}{done.stderr[-1000:]}")


def _postgres_answers(port: int, password: str) -> bool:
    try:
        psycopg.connect(
            host="127.0.0.1", port=port, user="tokeni", password=password, dbname="postgres", connect_timeout=2
        ).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(16).startswith(b"+PONG")
    return False
