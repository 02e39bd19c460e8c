"""Authority to make a token, the token itself, and the last TID that a meter was given under each base date."""

from django.db import models


class Authority(models.Model):
    """Why a token may exist: an allocated payment, or an approval by two persons. Unique, so it is spent once."""

    kind = models.CharField(max_length=16)
    reference = models.CharField(max_length=40)
    granted_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="authority_once", fields=["kind", "reference"])]


class MeterTid(models.Model):
    """The last TID of a meter under one base date. It never falls; it is read and written under the meter's lock."""

    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="+", db_index=False)
    base_date = models.CharField(max_length=2)
    last_tid = models.PositiveIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(name="meter_tid_once", fields=["meter", "base_date"])]


class Token(models.Model):
    """One STS token. TID and random field are stored before the module is asked; the digits once, after it answered.

    The facts of the meter's key at that moment are kept, so that the digits can be checked years later.
    """

    authority = models.OneToOneField(Authority, on_delete=models.PROTECT, related_name="token")
    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="+", db_index=False)
    vending_key = models.ForeignKey("vending.VendingKey", on_delete=models.PROTECT, related_name="+", db_index=False)
    base_date = models.CharField(max_length=2)
    ti = models.PositiveSmallIntegerField()
    subclass = models.PositiveSmallIntegerField(default=0)
    tid = models.PositiveIntegerField()
    rnd = models.PositiveSmallIntegerField()
    amount_field = models.PositiveIntegerField()
    digits = models.CharField(max_length=20, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="tid_once", fields=["meter", "base_date", "tid"]),
            models.CheckConstraint(name="token_rnd", condition=models.Q(rnd__lte=15)),
        ]
