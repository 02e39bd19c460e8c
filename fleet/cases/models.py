"""A case: what a person must look at, with its reason, owner, due time and outcome."""

from django.db import models


class Case(models.Model):
    """`reason` is an error code, `subject` the row it is about ("vending_key:3"); both once among the open cases.

    Open while `closed_at` is empty. `details` holds what helps to decide; never a key, a token or a phone number.
    """

    reason = models.CharField(max_length=40)
    subject = models.CharField(max_length=60)
    details = models.JSONField(default=dict)
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    owner = models.ForeignKey("fleet.Operator", on_delete=models.PROTECT, related_name="+", null=True, db_index=False)
    outcome = models.CharField(max_length=200, blank=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="case_open_once", fields=["reason", "subject"], condition=models.Q(closed_at=None)
            ),
            models.CheckConstraint(name="case_outcome", condition=models.Q(closed_at=None) | ~models.Q(outcome="")),
        ]
        indexes = [models.Index(name="case_open_by_due", fields=["due_at"], condition=models.Q(closed_at=None))]
