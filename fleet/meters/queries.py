"""What can be asked about meters."""

from collections.abc import Collection
from typing import TYPE_CHECKING

from fleet.meters.models import Meter, MeterPhone

if TYPE_CHECKING:
    from django.db.models import QuerySet


def list_meters_of_phone(phone_e164: str) -> list[Meter]:
    """The meters that a phone may buy for and read the codes of, oldest link first."""
    linked = Meter.objects.linked_to(phone_e164).select_related("customer", "site")
    return list(linked.order_by("links__id"))


def find_meter(drn: str) -> Meter | None:
    return _with_names().filter(drn=drn).first()


def get_meter(meter_id: int) -> Meter:
    return _with_names().get(pk=meter_id)


def list_meters_by_drn(drns: Collection[str]) -> dict[str, Meter]:
    """The meters that exist among these DRNs, in one round trip."""
    return {meter.drn: meter for meter in Meter.objects.select_related("site").filter(drn__in=drns)}


def list_phones_of_meters(meter_ids: Collection[int]) -> dict[int, list[tuple[str, str]]]:
    """(E.164, SHA-256) of the phones linked to each meter, oldest link first."""
    phones: dict[int, list[tuple[str, str]]] = {meter_id: [] for meter_id in meter_ids}
    rows = MeterPhone.objects.filter(meter_id__in=meter_ids).order_by("pk")
    for meter_id, e164, sha256 in rows.values_list("meter_id", "phone__e164", "phone__msisdn_sha256"):
        phones[meter_id].append((e164, sha256))
    return phones


def _with_names() -> "QuerySet[Meter]":
    return Meter.objects.select_related("customer", "site")
