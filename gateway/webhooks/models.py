"""The journal: every body that came through a hook, as it came. Append-only by trigger; uniqueness is elsewhere."""

from django.db import models


class Callback(models.Model):
    """`subject` is what the body is about (a receipt, a message id); `outcome` what we made of it at the door.

    `source` is the address of the peer that posted it, empty where nobody posted (a statement's line, a pull).
    """

    provider = models.CharField(max_length=32)
    door = models.CharField(max_length=16)
    received_at = models.DateTimeField()
    content_type = models.CharField(max_length=80, blank=True)
    query = models.CharField(max_length=2000, blank=True)
    body = models.BinaryField()
    subject = models.CharField(max_length=128, blank=True)
    outcome = models.CharField(max_length=32)
    source = models.CharField(max_length=45, blank=True, default="", db_default="")

    class Meta:
        indexes = [models.Index(name="callback_subject", fields=["subject"])]
