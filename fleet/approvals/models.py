"""Maker and checker: what one person asked for, and what another one decided."""

from django.db import models

from fleet.approvals.lifecycle import ApprovalState


class Approval(models.Model):
    """`kind` names the act ("payment.refund"), `subject` the row ("payment:12"); both once among the waiting ones.

    `terms` say exactly what would be done, so that the checker agrees to that and to nothing else: they, the maker and
    the reason never change (a trigger). No key, token or phone number stands in them.
    """

    kind = models.CharField(max_length=40)
    subject = models.CharField(max_length=60)
    terms = models.JSONField(default=dict)
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=10)
    maker = models.ForeignKey("fleet.Operator", on_delete=models.PROTECT, related_name="+", db_index=False)
    checker = models.ForeignKey("fleet.Operator", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    answer = models.CharField(max_length=200, blank=True)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="approval_waiting_once", fields=["kind", "subject"], condition=models.Q(state="WAITING")
            ),
            models.CheckConstraint(
                name="approval_state", condition=models.Q(state__in=[str(state) for state in ApprovalState])
            ),
            models.CheckConstraint(
                name="approval_two_persons",
                condition=models.Q(checker=None) | ~models.Q(checker=models.F("maker")),
            ),
            models.CheckConstraint(
                name="approval_has_checker",
                condition=~models.Q(state__in=["APPROVED", "REFUSED"]) | models.Q(checker__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="approval_waiting", fields=["expires_at"], condition=models.Q(state="WAITING")),
            models.Index(name="approval_by_subject", fields=["subject", "-id"]),
        ]
