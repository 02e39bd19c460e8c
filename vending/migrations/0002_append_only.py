"""The ledger and authorities are append-only; a token takes its digits once."""

from django.db import migrations

from vending.kernel.append_only import create_sql, drop_sql

WHOLE = ("vending_ledgerentry", "vending_ledgerline", "vending_authority")
TOKEN_COLUMNS = (
    "authority_id", "meter_id", "vending_key_id", "base_date", "ti", "subclass", "tid", "rnd", "amount_field",
)


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    statements = [statement for table in WHOLE for statement in create_sql(vendor, table)]
    statements += create_sql(vendor, "vending_token", once={"digits": "''"}, columns=TOKEN_COLUMNS)
    for statement in statements:
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    for table in (*WHOLE, "vending_token"):
        for statement in drop_sql(schema_editor.connection.vendor, table):
            schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    dependencies = [("vending", "0001_initial")]
    operations = [migrations.RunPython(forwards, backwards)]
