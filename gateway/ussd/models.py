"""One row a USSD session: where it stands, and the last answer, so that a repeated hop is answered alike."""

from django.db import models

from gateway.ussd.lifecycle import SessionState


class UssdSession(models.Model):
    provider = models.CharField(max_length=32)
    session_id = models.CharField(max_length=128)
    phone_e164 = models.CharField(max_length=16)
    state = models.CharField(max_length=10, default=SessionState.OPEN)
    screen = models.CharField(max_length=40)
    answers = models.JSONField(default=dict)
    last_text = models.CharField(max_length=4096, blank=True)
    last_reply = models.CharField(max_length=400)
    hops = models.PositiveSmallIntegerField(default=1)
    started_at = models.DateTimeField()
    last_hop_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="ussd_session_once", fields=["provider", "session_id"])]
        indexes = [models.Index(name="ussd_open", fields=["last_hop_at"], condition=models.Q(state=SessionState.OPEN))]
