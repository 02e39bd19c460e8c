"""Money that the provider took back from us, whoever asked it to."""

from django.db import models


class Reversal(models.Model):
    """Known by the receipt of the payment that was taken back, once: it may be told before the payment itself.

    `applied_at` is empty until its payment is here and the books say so; `outcome` is what it met ("wallet", "token",
    "suspense", "refund": the end of a refund of ours, "twice": it had gone back before).
    """

    provider = models.CharField(max_length=32)
    payment_receipt = models.CharField(max_length=32)
    receipt = models.CharField(max_length=32, blank=True)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    door = models.CharField(max_length=16)
    seen_at = models.DateTimeField()
    payment = models.ForeignKey("gateway.Payment", on_delete=models.PROTECT, null=True, related_name="reversals")
    outcome = models.CharField(max_length=16, blank=True)
    applied_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="reversal_once", fields=["payment_receipt", "provider"]),
            models.CheckConstraint(name="reversal_positive", condition=models.Q(amount_minor__gt=0)),
        ]
        indexes = [models.Index(name="reversal_open", fields=["id"], condition=models.Q(applied_at=None))]
