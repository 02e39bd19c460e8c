"""Rows changed as somebody who owns the database could change them: by SQL, without the triggers that keep a table.

Only inside of a test's transaction: its end brings rows and triggers back.
"""

from django.db import connection

from vending.kernel.append_only import drop_sql

APPEND_ONLY = (
    "fleet_auditentry",
    "fleet_auditseal",
    "gateway_callback",
    "vending_authority",
    "vending_ledgerentry",
    "vending_ledgerline",
    "vending_tariff",
    "vending_token",
)


def run_sql(*statements: str) -> int:
    """Run these; returns how many rows the last one touched."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return int(cursor.rowcount)


def drop_triggers(*tables: str) -> None:
    if connection.vendor == "postgresql":
        # A table with checks that wait for the end of the transaction cannot be changed.
        run_sql("SET CONSTRAINTS ALL IMMEDIATE", "SET CONSTRAINTS ALL DEFERRED")
    run_sql(*(statement for table in tables or APPEND_ONLY for statement in drop_sql(connection.vendor, table)))
