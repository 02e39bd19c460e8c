"""Questions to a provider whose answer comes later, by a door of ours."""

from django.db import models

from gateway.inquiries.lifecycle import InquiryState


class Inquiry(models.Model):
    """One question about a payment, stored before it is asked. `kind` is "status" or "reversal".

    `conversation_id` is the provider's name of it, known once it took the question; `outcome` and `result_code` are
    what it answered. A lost answer is no answer: the question is asked again, in a row of its own.
    """

    provider = models.CharField(max_length=32)
    kind = models.CharField(max_length=12)
    payment = models.ForeignKey("gateway.Payment", on_delete=models.PROTECT, related_name="inquiries")
    state = models.CharField(max_length=10)
    conversation_id = models.CharField(max_length=64, null=True)  # noqa: DJ001 -- NULL is outside of the unique constraint
    originator_id = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=12, blank=True)
    result_code = models.CharField(max_length=32, blank=True)
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="conversation_once", fields=["conversation_id", "provider"]),
            models.CheckConstraint(
                name="inquiry_state", condition=models.Q(state__in=[str(state) for state in InquiryState])
            ),
        ]
        indexes = [models.Index(name="inquiry_open", fields=["asked_at"], condition=models.Q(state="ASKED"))]
