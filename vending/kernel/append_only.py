"""The SQL that makes a table append-only, for both databases, as text for migrations.

`pgtrigger` does this for PostgreSQL alone; the embedded profile keeps the same promise on SQLite. A table may name
columns that go from empty to a value exactly once (a seal, the digits of a token), and columns that may change as long
as another one is empty (a TID that the security module chooses with the digits): every other change is refused.
"""

REFUSAL = "append-only"


def create_sql(
    vendor: str,
    table: str,
    *,
    once: dict[str, str] | None = None,
    columns: tuple[str, ...] = (),
    until: dict[str, str] | None = None,
) -> list[str]:
    """Statements that refuse DELETE, and UPDATE of `columns` (of any, when neither these nor `once` are given).

    `once` maps a column to its empty value as SQL ("NULL" or "''"): it may be filled while it is empty, never changed
    after. `until` maps a column to one of those: it may change as long as that one is empty.
    """
    forbidden = _forbidden(vendor, once or {}, columns, until or {})
    if vendor == "postgresql":
        return _postgresql(table, forbidden)
    return _sqlite(table, forbidden)


def _is_empty(row: str, column: str, empty: str) -> str:
    return f"{row}.{column} IS NULL" if empty == "NULL" else f"{row}.{column} = {empty}"


def _changed(vendor: str, columns: tuple[str, ...]) -> list[str]:
    operator = "IS DISTINCT FROM" if vendor == "postgresql" else "IS NOT"
    return [f"OLD.{column} {operator} NEW.{column}" for column in columns]


def _forbidden(vendor: str, once: dict[str, str], columns: tuple[str, ...], until: dict[str, str]) -> str:
    """The condition under which an UPDATE is refused."""
    guards = {column: column for column in once} | until
    late = [
        f"({_changed(vendor, (column,))[0]} AND NOT ({_is_empty('OLD', guard, once[guard])}))"
        for column, guard in guards.items()
    ]
    return " OR ".join([*_changed(vendor, columns), *late]) or "TRUE"


def _postgresql(table: str, forbidden: str) -> list[str]:
    return [
        f"CREATE OR REPLACE FUNCTION {table}_keep() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{table} is {REFUSAL}'; END $$",
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_keep()",
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW "
        f"WHEN ({forbidden}) EXECUTE FUNCTION {table}_keep()",
    ]


def _sqlite(table: str, forbidden: str) -> list[str]:
    raise_it = f"BEGIN SELECT RAISE(ABORT, '{table} is {REFUSAL}'); END"
    return [
        f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW {raise_it}",
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW WHEN {forbidden} {raise_it}",
    ]


def drop_sql(vendor: str, table: str) -> list[str]:
    suffix = f" ON {table}" if vendor == "postgresql" else ""
    return [f"DROP TRIGGER IF EXISTS {table}_{kind}{suffix}" for kind in ("no_delete", "no_update")]
