"""One sale to one meter: what was paid, what it bought, and how far its token has come."""

from django.db import models

from vending.vends.lifecycle import VendState

UNFINISHED = (VendState.FUNDED, VendState.ISSUING, VendState.HELD)


class Vend(models.Model):
    """`paid_minor` and `wallet_used_minor` in; `net, vat, levies, fee, kept` out: both sides are equal (a constraint).

    `energy_kwh_tenths` is what the token carries, `free_kwh_tenths` the part of it that was not paid for.
    `month_before_kwh_tenths` is what the meter had been sold of the month before, and `is_lifeline` whether the
    lifeline block held: with the tariff they give the price again. `priced_at` is the moment whose prices were used.

    `next_try_at` empty on an unfinished vend means that only a person can move it.
    """

    authority = models.OneToOneField("vending.Authority", on_delete=models.PROTECT, related_name="vend")
    # Its own index would stand beside vend_by_meter; nobody asks for the sales of a tariff.
    meter = models.ForeignKey("fleet.Meter", on_delete=models.PROTECT, related_name="vends", db_index=False)
    tariff = models.ForeignKey("vending.Tariff", on_delete=models.PROTECT, related_name="+", db_index=False)
    state = models.CharField(max_length=10)
    currency = models.CharField(max_length=3)
    paid_minor = models.BigIntegerField()
    wallet_used_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    vat_minor = models.BigIntegerField()
    levies_minor = models.BigIntegerField(default=0, db_default=0)
    fee_minor = models.BigIntegerField()
    kept_minor = models.BigIntegerField()
    energy_kwh_tenths = models.PositiveIntegerField()
    free_kwh_tenths = models.PositiveIntegerField(default=0, db_default=0)
    month_before_kwh_tenths = models.PositiveIntegerField(default=0, db_default=0)
    is_lifeline = models.BooleanField(default=False, db_default=False)
    priced_at = models.DateTimeField()
    held_reason = models.CharField(max_length=40, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    funded_at = models.DateTimeField()
    issued_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(name="vend_state", condition=models.Q(state__in=[str(s) for s in VendState])),
            models.CheckConstraint(
                name="vend_parts_sum",
                condition=models.Q(
                    paid_minor=models.F("net_minor")
                    + models.F("vat_minor")
                    + models.F("levies_minor")
                    + models.F("fee_minor")
                    + models.F("kept_minor")
                    - models.F("wallet_used_minor")
                ),
            ),
        ]
        indexes = [
            models.Index(
                name="vend_unfinished",
                fields=["next_try_at"],
                condition=models.Q(state__in=[str(s) for s in UNFINISHED]),
            ),
            models.Index(name="vend_by_meter", fields=["meter", "-id"]),
            # What a meter was sold of a day and of a month.
            models.Index(name="vend_by_meter_priced", fields=["meter", "priced_at"]),
        ]
