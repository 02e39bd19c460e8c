"""Which phone paid, as far as anybody can tell, and which phones a text about a payment goes to.

A number that the operator shows is the payer. One shown as a hash is known if it is registered with us. One with its
middle starred out may only choose among the phones linked to the meter, and only if exactly one of them fits; it never
names a phone by itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fleet.customers.queries import list_numbers_by_sha256
from fleet.meters.queries import list_phones_of_meters
from gateway.payments.masks import fits_mask
from gateway.payments.models import Payment


@dataclass(frozen=True)
class Phones:
    """`payer` is empty when nobody knows it; `linked` are the meter's, oldest link first."""

    payer: str
    linked: tuple[str, ...]

    @property
    def first(self) -> str:
        """The one phone for a text that is sent once: the payer's, else the meter's oldest; empty for nobody."""
        return self.payer or next(iter(self.linked), "")


def list_phones(payments: Sequence[Payment], meter_of: Mapping[int, int | None]) -> dict[int, Phones]:
    """The phones of each payment by its id; `meter_of` says for which meter it is. Two round trips for all of them."""
    hashes = {payment.payer_sha256 for payment in payments if payment.payer_sha256 and not payment.payer_e164}
    numbers = list_numbers_by_sha256(hashes)
    linked_to = list_phones_of_meters({meter_id for meter_id in meter_of.values() if meter_id})
    phones = {}
    for payment in payments:
        linked = tuple(e164 for e164, _ in linked_to.get(meter_of.get(payment.pk) or 0, ()))
        known = payment.payer_e164 or numbers.get(payment.payer_sha256, "")
        phones[payment.pk] = Phones(known or _chosen(payment, linked), linked)
    return phones


def _chosen(payment: Payment, linked: Sequence[str]) -> str:
    """A hash that nobody registered is somebody else, whatever a masked form of another callback would fit."""
    if payment.payer_sha256 or not payment.payer_masked:
        return ""
    fitting = [phone for phone in linked if fits_mask(phone, payment.payer_masked)]
    return fitting[0] if len(fitting) == 1 else ""
