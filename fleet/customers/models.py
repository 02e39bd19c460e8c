"""A person with a meter, and the phones by which we know that person."""

from django.db import models


class Customer(models.Model):
    name = models.CharField(max_length=80)
    language = models.CharField(max_length=8, default="en")


class Phone(models.Model):
    """`msisdn_sha256` joins payers whom a mobile money operator shows only as a hash; it is personal data too."""

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="phones")
    e164 = models.CharField(max_length=16, unique=True)
    msisdn_sha256 = models.CharField(max_length=64, unique=True)
