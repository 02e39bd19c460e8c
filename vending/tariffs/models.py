"""Prices with a start time, and the monthly fee that a meter has already paid."""

from django.db import models


class Tariff(models.Model):
    """One version of a site's prices; never changed after it has started. `vat_basis_points` 1600 is 16 %."""

    site = models.ForeignKey("fleet.Site", on_delete=models.PROTECT, related_name="tariffs")
    starts_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    price_per_kwh_minor = models.PositiveIntegerField()
    price_includes_vat = models.BooleanField(default=False)
    vat_basis_points = models.PositiveIntegerField()
    fixed_fee_minor = models.PositiveIntegerField()
    least_energy_kwh_tenths = models.PositiveIntegerField(default=10)
    least_payment_minor = models.PositiveIntegerField()
    most_payment_minor = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(name="tariff_start_once", fields=["site", "starts_at"]),
            models.CheckConstraint(name="tariff_price", condition=models.Q(price_per_kwh_minor__gt=0)),
        ]


class FixedFeeCharge(models.Model):
    """The fixed fee of a calendar month, charged at most once a meter."""

    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="+")
    month_date = models.DateField()
    vend = models.OneToOneField("vending.Vend", on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(name="fixed_fee_once_a_month", fields=["meter", "month_date"])]
