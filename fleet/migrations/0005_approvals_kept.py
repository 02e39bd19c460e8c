"""What a maker asked for never changes: the checker agrees to exactly that."""

from django.db import migrations

from vending.kernel.append_only import create_sql, drop_sql

TABLE = "fleet_approval"
COLUMNS = ("kind", "subject", "terms", "reason", "maker_id", "asked_at")


def forwards(apps, schema_editor):
    for statement in create_sql(schema_editor.connection.vendor, TABLE, columns=COLUMNS):
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    for statement in drop_sql(schema_editor.connection.vendor, TABLE):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("fleet", "0004_approvals")]
    operations = [migrations.RunPython(forwards, backwards)]
