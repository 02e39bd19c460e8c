"""Vending keys, sealed. The clear octets exist only inside the software security module, for one call."""

from django.db import models


class VendingKey(models.Model):
    """One vending key: of an SGC, a KRN and a KT. `sealed` is nonce, tag and AES-256-GCM ciphertext."""

    sgc = models.CharField(max_length=6)
    krn = models.PositiveSmallIntegerField()
    kt = models.PositiveSmallIntegerField()
    base_date = models.CharField(max_length=2)
    dkga = models.PositiveSmallIntegerField()
    ken = models.PositiveSmallIntegerField(default=255)
    check_value = models.CharField(max_length=6)
    sealed = models.BinaryField()
    loaded_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(name="vending_key_once", fields=["sgc", "krn", "kt"])]
