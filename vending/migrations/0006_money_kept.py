"""Rows of before get what is kept of every sale now; a day that is closed stays closed; tariffs never change."""

from django.db import migrations, models
from django.db.models import F, OuterRef, Subquery

from vending.kernel.append_only import create_sql, drop_sql

CLOSED = "vending_closedday"
ENTRY = "vending_ledgerentry"
TARIFF = "vending_tariff"


def fill(apps, schema_editor):
    vends = apps.get_model("vending", "Vend").objects
    charges = apps.get_model("vending", "FixedFeeCharge").objects
    vends.filter(priced_at=None).update(priced_at=F("funded_at"))
    fee = vends.filter(pk=OuterRef("vend_id")).values("fee_minor")[:1]
    charges.filter(amount_minor=None).update(amount_minor=Subquery(fee))


def forwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    for statement in [*create_sql(vendor, CLOSED), *create_sql(vendor, TARIFF), *_day_sql(vendor)]:
        schema_editor.execute(statement, params=None)


def backwards(apps, schema_editor):
    vendor = schema_editor.connection.vendor
    suffix = f" ON {ENTRY}" if vendor == "postgresql" else ""
    for statement in [
        f"DROP TRIGGER IF EXISTS {ENTRY}_day_open{suffix}", *drop_sql(vendor, TARIFF), *drop_sql(vendor, CLOSED)
    ]:
        schema_editor.execute(statement, params=None)


def _day_sql(vendor):
    """An entry is refused in a day that is closed, and in any day before it."""
    late = f"EXISTS (SELECT 1 FROM {CLOSED} WHERE until > NEW.at)"
    if vendor == "postgresql":
        return [
            f"CREATE OR REPLACE FUNCTION {ENTRY}_day() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN IF {late} THEN RAISE EXCEPTION 'the day is closed'; END IF; RETURN NEW; END $$",
            f"CREATE TRIGGER {ENTRY}_day_open BEFORE INSERT ON {ENTRY} FOR EACH ROW EXECUTE FUNCTION {ENTRY}_day()",
        ]
    return [
        f"CREATE TRIGGER {ENTRY}_day_open BEFORE INSERT ON {ENTRY} FOR EACH ROW WHEN {late} "
        "BEGIN SELECT RAISE(ABORT, 'the day is closed'); END"
    ]


class Migration(migrations.Migration):
    dependencies = [("vending", "0005_money")]
    operations = [
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AlterField("vend", "priced_at", models.DateTimeField()),
        migrations.AlterField("fixedfeecharge", "amount_minor", models.BigIntegerField()),
        migrations.RunPython(forwards, backwards),
    ]
