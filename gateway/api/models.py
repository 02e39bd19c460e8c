"""Who may read the API: programs of the operator or of its partners."""

from django.db import models


class ApiKey(models.Model):
    """`prefix` finds it, `digest` (SHA-256, hex) proves it; the whole of it is shown once, when it is made."""

    name = models.CharField(max_length=60, unique=True)
    prefix = models.CharField(max_length=12, unique=True)
    digest = models.CharField(max_length=64)
    made_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
