"""Money that reached us, and purchases that customers have started."""

from django.db import models

from gateway.payments.lifecycle import PaymentState


class Payment(models.Model):
    """Known by the operator's receipt once money moved, by `checkout_id` while a prompt is open.

    `reference` is what we gave as account reference; `account_text` what the payer typed. `reason` says why it is
    where it is. `leased_until` and `next_try_at` belong to whoever works on the row now: a prompt while EXPECTED,
    else fulfilment. `next_query_at` is when the provider is asked about it, `queries` how often it was.

    `authenticity` is how far the claim is believed. A payment that `must_verify` buys nothing until the provider was
    asked; one with a `frozen_reason` buys nothing until a person decides.
    """

    provider = models.CharField(max_length=32)
    receipt = models.CharField(max_length=32, null=True)  # noqa: DJ001 -- NULL is outside of the unique constraint
    checkout_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 -- as above
    reference = models.CharField(max_length=20, blank=True)
    state = models.CharField(max_length=16)
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    account_text = models.CharField(max_length=100, blank=True)
    payer_e164 = models.CharField(max_length=16, blank=True)
    payer_sha256 = models.CharField(max_length=64, blank=True)
    payer_masked = models.CharField(max_length=32, blank=True)
    # Its own index would stand beside payment_by_meter.
    meter = models.ForeignKey(
        "fleet.Meter", on_delete=models.PROTECT, null=True, related_name="payments", db_index=False
    )
    reason = models.CharField(max_length=60, blank=True)
    authenticity = models.CharField(max_length=12, blank=True, default="", db_default="")
    must_verify = models.BooleanField(default=False, db_default=False)
    frozen_reason = models.CharField(max_length=40, blank=True, default="", db_default="")
    started_at = models.DateTimeField()
    pushed_at = models.DateTimeField(null=True)
    confirmed_at = models.DateTimeField(null=True)
    paid_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    next_query_at = models.DateTimeField(null=True)
    queries = models.PositiveIntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="receipt_once", fields=["receipt", "provider"]),
            models.UniqueConstraint(name="checkout_once", fields=["checkout_id", "provider"]),
            models.CheckConstraint(name="payment_positive", condition=models.Q(amount_minor__gt=0)),
            models.CheckConstraint(name="payment_state", condition=models.Q(state__in=[str(s) for s in PaymentState])),
            models.CheckConstraint(
                name="money_has_receipt",
                condition=models.Q(receipt__isnull=False)
                | models.Q(state__in=[PaymentState.EXPECTED, PaymentState.DECLINED, PaymentState.UNKNOWN]),
            ),
        ]
        indexes = [
            models.Index(
                name="payment_waiting",
                fields=["next_try_at"],
                condition=models.Q(state__in=[PaymentState.CONFIRMED, PaymentState.EXPECTED, PaymentState.SUSPENSE]),
            ),
            models.Index(
                name="payment_open_reference",
                fields=["reference", "provider"],
                condition=models.Q(state__in=[PaymentState.EXPECTED, PaymentState.UNKNOWN]),
            ),
            models.Index(name="payment_by_meter", fields=["meter", "-id"]),
            models.Index(
                name="payment_to_query", fields=["next_query_at"], condition=models.Q(next_query_at__isnull=False)
            ),
            # What a statement of a period should hold.
            models.Index(name="payment_by_paid_at", fields=["provider", "paid_at"]),
            models.Index(name="payment_by_payer", fields=["payer_sha256", "-id"]),
        ]
