"""What customers say about a payment: it was mine, it belongs to that meter, I got no code."""

from django.db import models

from gateway.claims.lifecycle import ClaimState


class MeterClaim(models.Model):
    """A phone says that a payment belongs to a meter. `kind` is "suspense" or "wrong_meter".

    While OPEN it waits for the phone's YES or, for a wrong meter, for staff. One open claim a payment.
    """

    kind = models.CharField(max_length=12)
    payment = models.ForeignKey("gateway.Payment", on_delete=models.PROTECT, related_name="claims")
    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="+", db_index=False)
    phone_sha256 = models.CharField(max_length=64)
    state = models.CharField(max_length=10)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="claim_open_once", fields=["payment"], condition=models.Q(state="OPEN")),
            models.CheckConstraint(name="claim_state", condition=models.Q(state__in=[str(s) for s in ClaimState])),
        ]
        indexes = [
            models.Index(name="claim_open", fields=["expires_at"], condition=models.Q(state="OPEN")),
            models.Index(name="claim_by_phone", fields=["phone_sha256", "-id"]),
        ]


class ClaimTry(models.Model):
    """One try to name a payment by its receipt, right or wrong: guessing is limited by phone and in total."""

    phone_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField()
    is_right = models.BooleanField()

    class Meta:
        indexes = [
            models.Index(name="claim_try_by_phone", fields=["phone_sha256", "at"]),
            models.Index(name="claim_try_wrong", fields=["at"], condition=models.Q(is_right=False)),
        ]
