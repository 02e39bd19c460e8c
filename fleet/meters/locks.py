"""The meter's lock: the first of the three on the sale path (meters by ascending id, then payments, then vends)."""

from collections.abc import Collection

from fleet.meters.models import Meter


def lock_meters(meter_ids: Collection[int]) -> dict[int, Meter]:
    """Lock these meters in order of id until the transaction ends; returns them with their site."""
    rows = Meter.objects.select_for_update(of=("self",)).select_related("site").filter(pk__in=meter_ids).order_by("pk")
    return {meter.pk: meter for meter in rows}
