"""The journal is append-only still: SQLite loses a table's triggers when a column is added to it with a default."""

from django.db import migrations

from vending.kernel.append_only import create_sql, drop_sql

TABLE = "gateway_callback"


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in [*drop_sql(vendor, TABLE), *create_sql(vendor, TABLE)]:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("gateway", "0003_money")]
    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
