"""The journal of callbacks is append-only."""

from django.db import migrations

from vending.kernel.append_only import create_sql, drop_sql


def forwards(apps, schema_editor):
    for statement in create_sql(schema_editor.connection.vendor, "gateway_callback"):
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    for statement in drop_sql(schema_editor.connection.vendor, "gateway_callback"):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("gateway", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
