"""P5: one sale after another in one process with one connection, against pgbench with the very same statements.

The statements of a series of sales are written down as the flow sends them, literals and transactions included, in a
copy of the database from before; pgbench then plays them, one client, in another copy of that moment, where every row
gets the same number again. What is left between the two is Python, the cipher and the wire.
"""

import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import psycopg

from tests.bench.flow import confirm, count_issued, tools
from tests.bench.ratios import MeasurementError, interleave, line
from tests.bench.server_profile import Installation
from tests.support.programs import ServerMissingError, find_postgres

AIM = 0.55
SALES = 100
ROUNDS = 5
_BEFORE, _REPLAY = "bench_before", "bench_replay"


def measure(installation: Installation, payers: Sequence[dict[str, str]]) -> str:
    _sell(confirm(payers, SALES))  # prepared statements and caches
    payment_ids = confirm(payers, SALES)
    script = installation.folder / "sales.sql"
    _copy(_BEFORE, _name_of_database())
    script.write_text("".join(f"{statement};\n" for statement in _write_down(payment_ids)))
    rounds = interleave(lambda: _rate(payers), _replaying(script), rounds=ROUNDS)
    return line("P5", "server", rounds, aim=AIM, sales=str(SALES))


def _sell(payment_ids: Sequence[int]) -> None:
    from gateway.fulfilment.services import fulfil

    mine = tools()
    for payment_id in payment_ids:
        fulfil(payment_ids=[payment_id], tools=mine)
    if (issued := count_issued(payment_ids)) != len(payment_ids):
        raise MeasurementError(f"{issued} of {len(payment_ids)} sales were issued")


def _rate(payers: Sequence[dict[str, str]]) -> float:
    payment_ids = confirm(payers, SALES)
    started = time.perf_counter()
    _sell(payment_ids)
    return SALES / (time.perf_counter() - started)


def _write_down(payment_ids: Sequence[int]) -> list[str]:
    """What is sent to the database while these are sold."""
    from django.db import connection

    connection.force_debug_cursor = True
    statements: list[str] = []
    try:
        from gateway.fulfilment.services import fulfil

        mine = tools()
        for payment_id in payment_ids:
            connection.queries_log.clear()
            fulfil(payment_ids=[payment_id], tools=mine)
            statements += [query["sql"].rstrip("; \n") for query in connection.queries_log]
    finally:
        connection.force_debug_cursor = False
        connection.queries_log.clear()
    return statements


def _replaying(script: Path) -> Callable[[], float]:
    def sales_a_second() -> float:
        _copy(_REPLAY, _BEFORE)
        address = _address(_REPLAY)
        arguments = [_pgbench(), "-n", "-c", "1", "-t", "1", "-f", str(script), address]
        started = time.perf_counter()
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - started
        if done.returncode or "number of failed transactions: 0" not in done.stdout:
            raise MeasurementError(f"pgbench did not play the sales:\n{done.stderr[-1500:]}")
        return SALES / seconds

    return sales_a_second


def _pgbench() -> str:
    program = find_postgres() / "pgbench"
    if not program.exists():
        raise ServerMissingError("postgresql")
    return str(program)


def _name_of_database() -> str:
    from django.conf import settings

    return str(settings.DATABASES["default"]["NAME"])


def _address(name: str) -> str:
    from django.conf import settings

    config = settings.DATABASES["default"]
    return (
        f"host={config['HOST']} port={config['PORT']} user={config['USER']} password={config['PASSWORD']} dbname={name}"
    )


def _copy(name: str, source: str) -> None:
    """The database as it is now under another name. Nobody may be connected to it meanwhile."""
    from tests.bench.server_profile import close_connections

    close_connections()
    with psycopg.connect(_address("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name}")
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {source}")
