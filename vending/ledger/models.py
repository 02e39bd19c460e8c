"""Double entry, append-only by trigger: an entry for each cause, lines that sum to nothing."""

from django.db import models


class LedgerEntry(models.Model):
    """`cause` is the key that keeps an entry from being made twice: "payment:12:allocated"."""

    cause = models.CharField(max_length=64, unique=True)
    currency = models.CharField(max_length=3)
    at = models.DateTimeField(db_index=True)


class LedgerLine(models.Model):
    """Debits are positive, credits negative. `meter` says whose wallet or whose sale it is."""

    entry = models.ForeignKey(LedgerEntry, on_delete=models.PROTECT, related_name="lines")
    account = models.CharField(max_length=32)
    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, null=True, related_name="+", db_index=False)
    amount_minor = models.BigIntegerField()

    class Meta:
        indexes = [models.Index(name="ledger_account_meter", fields=["meter", "account"])]


class ClosedDay(models.Model):
    """A day whose books are closed: no entry may be written into it or before it (a trigger). Append-only.

    `until` is the first moment after the day, by the clock of the books. `totals` is the trial balance at closing.
    """

    day_date = models.DateField(unique=True)
    until = models.DateTimeField(unique=True)
    totals = models.JSONField()
    closed_by = models.ForeignKey("fleet.Operator", on_delete=models.PROTECT, related_name="+", db_index=False)
    closed_at = models.DateTimeField()
