"""Prices with a start time, and what a meter has had of a month: its fixed fee, its free allowance."""

from django.db import models


class Tariff(models.Model):
    """One version of the prices of a site and a customer class; never changed after it was published.

    `customer_class` empty: every class of the site that has no prices of its own. `vat_basis_points` 1600 is 16 %.
    `blocks` are [up to kWh tenths a month or null, price per kWh in minor units], empty for one flat price; `levies`
    are [name, basis points of the net price]. Zero means none for the limits and the allowance.
    """

    site = models.ForeignKey("fleet.Site", on_delete=models.PROTECT, related_name="tariffs")
    customer_class = models.CharField(max_length=20, blank=True, default="", db_default="")
    starts_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    price_per_kwh_minor = models.PositiveIntegerField()
    blocks = models.JSONField(default=list, db_default=[])
    lifeline_kwh_tenths = models.PositiveIntegerField(default=0, db_default=0)
    lifeline_price_minor = models.PositiveIntegerField(default=0, db_default=0)
    lifeline_most_kwh_tenths = models.PositiveIntegerField(default=0, db_default=0)
    price_includes_vat = models.BooleanField(default=False)
    vat_basis_points = models.PositiveIntegerField()
    levies = models.JSONField(default=list, db_default=[])
    rounding = models.CharField(max_length=10, default="half_up", db_default="half_up")
    fixed_fee_minor = models.PositiveIntegerField()
    fee_arrears_months = models.PositiveSmallIntegerField(default=0, db_default=0)
    free_kwh_tenths = models.PositiveIntegerField(default=0, db_default=0)
    least_energy_kwh_tenths = models.PositiveIntegerField(default=10)
    least_payment_minor = models.PositiveIntegerField()
    most_payment_minor = models.PositiveBigIntegerField()
    day_limit_minor = models.PositiveBigIntegerField(default=0, db_default=0)
    # The regulator's approval number, or whatever the operator wants kept with the version.
    note = models.CharField(max_length=200, blank=True, default="", db_default="")
    approval = models.OneToOneField("fleet.Approval", on_delete=models.PROTECT, related_name="+", null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(name="tariff_start_once", fields=["site", "customer_class", "starts_at"]),
            models.CheckConstraint(name="tariff_price", condition=models.Q(price_per_kwh_minor__gt=0)),
        ]


class FixedFeeCharge(models.Model):
    """The fixed fee of a calendar month, charged at most once a meter; given back when its sale is cancelled."""

    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="+")
    month_date = models.DateField()
    vend = models.ForeignKey("vending.Vend", on_delete=models.PROTECT, related_name="fee_charges")
    amount_minor = models.BigIntegerField()
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="fixed_fee_once_a_month", fields=["meter", "month_date"], condition=models.Q(cancelled_at=None)
            )
        ]


class FreeAllowance(models.Model):
    """The free energy of a calendar month, given at most once a meter; taken back when its sale is cancelled."""

    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="+")
    month_date = models.DateField()
    vend = models.OneToOneField("vending.Vend", on_delete=models.PROTECT, related_name="allowance")
    energy_kwh_tenths = models.PositiveIntegerField()
    cancelled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                name="allowance_once_a_month", fields=["meter", "month_date"], condition=models.Q(cancelled_at=None)
            )
        ]
