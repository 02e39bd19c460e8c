"""A provider's statement, its lines, and how its columns are read."""

from django.db import models


class ColumnMapping(models.Model):
    """Which column of a provider's file is what; kept by name, so that it is chosen once."""

    provider = models.CharField(max_length=32)
    name = models.CharField(max_length=40)
    columns = models.JSONField()
    saved_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="mapping_once", fields=["provider", "name"])]


class Statement(models.Model):
    """One file, known by its digest: the same file again changes nothing. It speaks for `starts_at` to `ends_at`."""

    provider = models.CharField(max_length=32)
    file_sha256 = models.CharField(max_length=64)
    file_name = models.CharField(max_length=120)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    line_count = models.PositiveIntegerField()
    imported_by = models.ForeignKey("fleet.Operator", on_delete=models.PROTECT, null=True, related_name="+")
    imported_at = models.DateTimeField()
    # Set once every line was taken and our own payments were held against it: an import that died goes on from here.
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="statement_once", fields=["provider", "file_sha256"])]
        indexes = [models.Index(name="statement_by_period", fields=["provider", "ends_at"])]


class StatementLine(models.Model):
    """What the provider says about one receipt, once, whichever file or pull says it first.

    `kind` is "payment", "reversal", "charge" or "other"; `outcome` is what became of it: "matched", "created",
    "differs", "reversed", "noted".
    """

    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="lines")
    provider = models.CharField(max_length=32)
    receipt = models.CharField(max_length=32)
    kind = models.CharField(max_length=12)
    completed_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    account_text = models.CharField(max_length=100, blank=True)
    payer_masked = models.CharField(max_length=32, blank=True)
    payment_receipt = models.CharField(max_length=32, blank=True)
    payment = models.ForeignKey("gateway.Payment", on_delete=models.PROTECT, null=True, related_name="statement_lines")
    outcome = models.CharField(max_length=12)

    class Meta:
        constraints = [models.UniqueConstraint(name="line_once", fields=["receipt", "kind", "provider"])]
