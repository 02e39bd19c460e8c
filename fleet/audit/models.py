"""Who did what to which row, and the seals that make a later change show. Both are append-only by trigger."""

from django.db import models


class AuditSeal(models.Model):
    """The hash of a batch of entries chained to the seal before it (SHA-256, hex)."""

    sealed_at = models.DateTimeField()
    entry_count = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)


class AuditEntry(models.Model):
    """`actor` is "operator:<id>", "customer:<phone's last digits>" or "system:<slice>"; `details` holds no secret."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=64)
    act = models.CharField(max_length=48)
    subject = models.CharField(max_length=64)
    details = models.JSONField(default=dict)
    seal = models.ForeignKey(AuditSeal, on_delete=models.PROTECT, null=True, related_name="entries")

    class Meta:
        indexes = [
            models.Index(name="audit_subject", fields=["subject", "id"]),
            models.Index(name="audit_unsealed", fields=["id"], condition=models.Q(seal=None)),
        ]
