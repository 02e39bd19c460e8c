"""The meter's lock: the first of the three on the sale path (meters by ascending id, then payments, then vends)."""

from collections.abc import Collection

from fleet.meters.models import Meter


def lock_meters(meter_ids: Collection[int]) -> dict[int, Meter]:
    """Lock these meters in order of id until the transaction ends; returns them with their site.

    Not against rows that only come to name a meter: a door that holds a payment and gives it its meter would wait here
    for a sale that waits for the payment, and PostgreSQL would end one of them.
    """
    rows = Meter.objects.select_for_update(of=("self",), no_key=True).select_related("site")
    return {meter.pk: meter for meter in rows.filter(pk__in=meter_ids).order_by("pk")}
