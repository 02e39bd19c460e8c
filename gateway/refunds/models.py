"""Money on its way back to the payer."""

from django.db import models

from gateway.refunds.lifecycle import RefundState


class Refund(models.Model):
    """Always to the wallet that paid: `payment` names it. `meter` is empty when the money came out of suspense.

    `payout_receipt` is the provider's name of the money that left, once it did.
    """

    payment = models.ForeignKey("gateway.Payment", on_delete=models.PROTECT, related_name="refunds")
    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="+", null=True)
    approval = models.OneToOneField("fleet.Approval", on_delete=models.PROTECT, related_name="+")
    state = models.CharField(max_length=10)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    payout_receipt = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=60, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    approved_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="refund_positive", condition=models.Q(amount_minor__gt=0)),
            models.CheckConstraint(
                name="refund_state", condition=models.Q(state__in=[str(state) for state in RefundState])
            ),
            models.CheckConstraint(
                name="refund_done_has_receipt", condition=~models.Q(state="DONE") | ~models.Q(payout_receipt="")
            ),
        ]
        indexes = [
            models.Index(name="refund_open", fields=["next_try_at"], condition=~models.Q(state="DONE")),
        ]
