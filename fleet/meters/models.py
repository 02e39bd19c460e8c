"""A meter, with the facts that decide its decoder key, and the phones linked to it."""

from django.db import models

from fleet.meters.lifecycle import MeterState


class MeterQuerySet(models.QuerySet["Meter"]):
    def linked_to(self, phone_e164: str) -> "MeterQuerySet":
        return self.filter(links__phone__e164=phone_e164)


class Meter(models.Model):
    """`sgc, krn, kt, ti` name the vending key and tariff index that the meter holds now; `ea` is what its firmware
    decodes.
    """

    site = models.ForeignKey("fleet.Site", on_delete=models.PROTECT, related_name="meters")
    customer = models.ForeignKey("fleet.Customer", on_delete=models.PROTECT, related_name="meters", null=True)
    drn = models.CharField(max_length=13, unique=True)
    meter_pan = models.CharField(max_length=18, unique=True)
    ea = models.PositiveSmallIntegerField()
    sgc = models.CharField(max_length=6)
    krn = models.PositiveSmallIntegerField()
    kt = models.PositiveSmallIntegerField()
    ti = models.PositiveSmallIntegerField()
    # Which of the site's prices and limits hold: "home", "shop", "mill", "school", ...
    customer_class = models.CharField(max_length=20, default="home", db_default="home")
    state = models.CharField(max_length=12, default=MeterState.STOCK)
    state_reason = models.CharField(max_length=80, blank=True)

    objects = MeterQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(name="meter_krn", condition=models.Q(krn__gte=1, krn__lte=9)),
            models.CheckConstraint(name="meter_ti", condition=models.Q(ti__lte=99)),
            models.CheckConstraint(name="meter_kt", condition=models.Q(kt__lte=3)),
            models.CheckConstraint(name="meter_state", condition=models.Q(state__in=[str(s) for s in MeterState])),
        ]


class MeterPhone(models.Model):
    """A phone that may buy for, and read the codes of, a meter."""

    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="links")
    phone = models.ForeignKey("fleet.Phone", on_delete=models.PROTECT, related_name="links")
    linked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="meter_phone_once", fields=["meter", "phone"])]
