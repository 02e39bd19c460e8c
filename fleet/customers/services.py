"""Customers and their phones. The caller brings the hash of the number: how it is made belongs to the edge."""

from datetime import datetime

from django.db import transaction

from fleet.audit.services import Act, record
from fleet.customers.models import Customer, Phone


@transaction.atomic
def add_customer(*, name: str, e164: str, msisdn_sha256: str, actor: str, now: datetime) -> Phone:
    """A customer with a first phone; returns the phone. Idempotent by number: a known phone stays with its customer."""
    known = Phone.objects.filter(e164=e164).first()
    if known:
        return known
    customer = Customer.objects.create(name=name)
    phone = Phone.objects.create(customer=customer, e164=e164, msisdn_sha256=msisdn_sha256)
    record(actor=actor, acts=[Act("customer.added", f"customer:{customer.pk}", {"phone_id": phone.pk})], now=now)
    return phone
