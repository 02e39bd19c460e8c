"""Texts to customers, and the delivery reports that providers send of them."""

from django.db import models

from gateway.sms.lifecycle import MessageState


class Message(models.Model):
    """`cause` is the key that keeps one reason from making two messages: "vend:12:token:7" or "sms_in:<id>:1".

    `sent_at` is when the provider was last asked: it tells how long an unanswered request has been open.
    """

    cause = models.CharField(max_length=128, unique=True)
    kind = models.CharField(max_length=24)
    to_e164 = models.CharField(max_length=16)
    body = models.CharField(max_length=800)
    vend = models.ForeignKey("vending.Vend", on_delete=models.PROTECT, null=True, related_name="messages")
    state = models.CharField(max_length=10, default=MessageState.QUEUED)
    provider = models.CharField(max_length=32, blank=True)
    provider_message_id = models.CharField(max_length=128, blank=True)
    code = models.CharField(max_length=40, blank=True)
    cost = models.CharField(max_length=24, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    queued_at = models.DateTimeField()
    next_try_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="message_state", condition=models.Q(state__in=[str(s) for s in MessageState]))
        ]
        indexes = [
            models.Index(
                name="message_waiting",
                fields=["next_try_at"],
                condition=models.Q(state__in=[MessageState.QUEUED, MessageState.SENDING]),
            ),
            models.Index(
                name="message_by_provider_id",
                fields=["provider", "provider_message_id"],
                condition=~models.Q(provider_message_id=""),
            ),
            models.Index(name="message_to_phone", fields=["to_e164", "-id"]),
            models.Index(name="message_queued", fields=["queued_at"]),
        ]


class DeliveryReport(models.Model):
    """A report whose message we did not know yet when it came: it may overtake our own commit of the send."""

    provider = models.CharField(max_length=32)
    provider_message_id = models.CharField(max_length=128)
    status = models.CharField(max_length=12)
    phone_e164 = models.CharField(max_length=16, blank=True)
    received_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(name="report_by_id", fields=["provider", "provider_message_id"]),
            models.Index(name="report_received", fields=["received_at"]),
            models.Index(name="report_by_phone", fields=["phone_e164", "received_at"]),
        ]
