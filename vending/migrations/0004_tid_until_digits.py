"""A token's TID may change until it has its digits: a security module may keep its own TIDs, and says which it took."""

from django.db import migrations

from vending.kernel.append_only import create_sql, drop_sql

TABLE = "vending_token"
COLUMNS = ("authority_id", "meter_id", "vending_key_id", "base_date", "ti", "subclass", "rnd", "amount_field")


def forwards(apps, schema_editor):
    _replace(schema_editor, columns=COLUMNS, until={"tid": "digits"})


def backwards(apps, schema_editor):
    _replace(schema_editor, columns=(*COLUMNS, "tid"), until={})


def _replace(schema_editor, *, columns, until):
    vendor = schema_editor.connection.vendor
    statements = drop_sql(vendor, TABLE)
    statements += create_sql(vendor, TABLE, once={"digits": "''"}, columns=columns, until=until)
    for statement in statements:
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("vending", "0003_custody")]
    operations = [migrations.RunPython(forwards, backwards)]
