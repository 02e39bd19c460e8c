"""The SQL that makes a table append-only, tried on an SQLite of its own; PostgreSQL's is tried in the integration tests
and read here.
"""

import sqlite3
from collections.abc import Iterator

import pytest

from vending.kernel.append_only import REFUSAL, create_sql, drop_sql


@pytest.fixture
def database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT NOT NULL, b TEXT, seal INTEGER)")
    connection.execute("INSERT INTO t VALUES (1, 'one', '', NULL)")
    yield connection
    connection.close()


def apply(database: sqlite3.Connection, statements: list[str]) -> None:
    for statement in statements:
        database.execute(statement)


def refused(database: sqlite3.Connection, statement: str) -> bool:
    try:
        database.execute(statement)
    except sqlite3.IntegrityError as refusal:
        return str(refusal) == f"t is {REFUSAL}"
    return False


def test_table_without_columns_refuses_every_change_and_takes_new_rows(database: sqlite3.Connection) -> None:
    apply(database, create_sql("sqlite", "t"))
    assert refused(database, "DELETE FROM t")
    assert refused(database, "UPDATE t SET b = 'x'")
    assert refused(database, "UPDATE t SET a = a"), "even one that changes nothing"
    database.execute("INSERT INTO t VALUES (2, 'two', '', NULL)")
    assert database.execute("SELECT count(*) FROM t").fetchone() == (2,)


def test_table_with_columns_refuses_a_change_of_these(database: sqlite3.Connection) -> None:
    apply(database, create_sql("sqlite", "t", columns=("a",)))
    assert refused(database, "DELETE FROM t")
    assert refused(database, "UPDATE t SET a = 'x'")
    assert not refused(database, "UPDATE t SET a = 'one', b = 'x'")


def test_column_is_filled_once_and_never_changed_after(database: sqlite3.Connection) -> None:
    apply(database, create_sql("sqlite", "t", once={"b": "''", "seal": "NULL"}, columns=("a",)))
    assert not refused(database, "UPDATE t SET b = 'digits'")
    assert not refused(database, "UPDATE t SET b = 'digits'"), "the same again changes nothing"
    assert refused(database, "UPDATE t SET b = 'others'")
    assert refused(database, "UPDATE t SET b = ''")
    assert not refused(database, "UPDATE t SET seal = 7")
    assert refused(database, "UPDATE t SET seal = 8")
    assert refused(database, "UPDATE t SET seal = NULL")
    assert refused(database, "UPDATE t SET a = NULL")


def test_table_after_drop_takes_every_change(database: sqlite3.Connection) -> None:
    apply(database, create_sql("sqlite", "t"))
    apply(database, drop_sql("sqlite", "t"))
    assert not refused(database, "UPDATE t SET a = 'x'")
    assert not refused(database, "DELETE FROM t")
    apply(database, drop_sql("sqlite", "t"))


def test_postgresql_compares_so_that_empty_counts() -> None:
    function, no_delete, no_update = create_sql("postgresql", "t", once={"b": "''", "seal": "NULL"}, columns=("a",))
    assert f"RAISE EXCEPTION 't is {REFUSAL}'" in function
    assert no_delete.startswith("CREATE TRIGGER t_no_delete BEFORE DELETE ON t ")
    condition = (
        "OLD.a IS DISTINCT FROM NEW.a"
        " OR (OLD.b IS DISTINCT FROM NEW.b AND NOT (OLD.b = ''))"
        " OR (OLD.seal IS DISTINCT FROM NEW.seal AND NOT (OLD.seal IS NULL))"
    )
    assert no_update == (
        f"CREATE TRIGGER t_no_update BEFORE UPDATE ON t FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION t_keep()"
    )
    assert "WHEN (TRUE)" in create_sql("postgresql", "t")[2]
    assert drop_sql("postgresql", "t") == [
        "DROP TRIGGER IF EXISTS t_no_delete ON t",
        "DROP TRIGGER IF EXISTS t_no_update ON t",
    ]


def test_column_until_another_is_filled_changes_before_and_not_after(database: sqlite3.Connection) -> None:
    apply(database, create_sql("sqlite", "t", once={"b": "''"}, until={"seal": "b"}))
    database.execute("UPDATE t SET seal = 7")
    database.execute("UPDATE t SET seal = 8, b = 'x'")
    assert refused(database, "UPDATE t SET seal = 9")
    assert database.execute("SELECT seal, b FROM t").fetchone() == (8, "x")
