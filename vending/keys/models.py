"""Vending keys, sealed. The clear octets exist only inside the software security module, for one call."""

from django.db import models


class VendingKey(models.Model):
    """One vending key: of an SGC, a KRN and a KT. `sealed` is nonce, tag and AES-256-GCM ciphertext.

    `active_from_at` and `issue_until_at` are the key's ACT and IUT; empty means no limit. A key with `stopped_at` makes
    no token until two persons start it again; `stopped_reason` is an error code. `sealed_by` names the key-encryption
    key, and tells nothing of it.
    """

    sgc = models.CharField(max_length=6)
    krn = models.PositiveSmallIntegerField()
    kt = models.PositiveSmallIntegerField()
    base_date = models.CharField(max_length=2)
    dkga = models.PositiveSmallIntegerField()
    ken = models.PositiveSmallIntegerField(default=255)
    active_from_at = models.DateTimeField(null=True)
    issue_until_at = models.DateTimeField(null=True)
    check_value = models.CharField(max_length=6)
    sealed = models.BinaryField()
    sealed_by = models.CharField(max_length=16, blank=True)
    loaded_at = models.DateTimeField()
    stopped_at = models.DateTimeField(null=True)
    stopped_reason = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(name="vending_key_once", fields=["sgc", "krn", "kt"])]


class KeyComponent(models.Model):
    """The first of the two components of a vending key, sealed, until the second custodian brings the other.

    It says nothing of the key: the key is the XOR of both. It is gone as soon as the key is loaded or the loading is
    given up.
    """

    sgc = models.CharField(max_length=6)
    krn = models.PositiveSmallIntegerField()
    kt = models.PositiveSmallIntegerField()
    base_date = models.CharField(max_length=2)
    dkga = models.PositiveSmallIntegerField()
    ken = models.PositiveSmallIntegerField()
    active_from_at = models.DateTimeField(null=True)
    issue_until_at = models.DateTimeField(null=True)
    key_check_value = models.CharField(max_length=6)
    component_check_value = models.CharField(max_length=6)
    sealed = models.BinaryField()
    sealed_by = models.CharField(max_length=16)
    custodian = models.CharField(max_length=150)
    entered_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="key_component_once", fields=["sgc", "krn", "kt"])]
