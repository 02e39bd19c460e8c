"""The audit trail is append-only; an entry takes its seal once."""

from django.db import migrations

from vending.kernel.append_only import create_sql, drop_sql

ENTRY_COLUMNS = ("at", "actor", "act", "subject", "details")


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    statements = create_sql(vendor, "fleet_auditseal")
    statements += create_sql(vendor, "fleet_auditentry", once={"seal_id": "NULL"}, columns=ENTRY_COLUMNS)
    for statement in statements:
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    for table in ("fleet_auditseal", "fleet_auditentry"):
        for statement in drop_sql(schema_editor.connection.vendor, table):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("fleet", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
