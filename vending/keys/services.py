"""Custody: loading a vending key, and opening one for the length of one call.

The narrowest door in the product: only the software security module opens keys, only processes that were handed the
key-encryption key can.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import transaction

from fleet.audit.services import Act, record
from vending.keys.errors import KeyEncryptionKeyMissing, PublishedTestKeyRefused, VendingKeyMissing, VendingKeyRefused
from vending.keys.models import VendingKey
from vending.keys.published import is_published
from vending.keys.sealing import seal, unseal
from vending.sts.base_dates import BaseDate
from vending.sts.identifiers import KeyExpiryNumber, KeyRevisionNumber, KeyType, SupplyGroupCode

OCTETS_OF_DKGA = {2: 8, 4: 20}


@dataclass(frozen=True)
class KeyAttributes:
    """What a vending key is for. `base_date` is "93", "14" or "35"; `ken` 255 never expires."""

    sgc: str
    krn: int
    kt: int
    base_date: str
    dkga: int
    ken: int

    def __str__(self) -> str:
        return f"{self.sgc}|{self.krn}|{self.kt}|{self.base_date}|{self.dkga}|{self.ken}"


@dataclass(frozen=True)
class OpenVendingKey:
    """A vending key in the clear. It lives for one call and is never shown, not even by `repr`."""

    secret: bytes = field(repr=False)
    base_date: str
    dkga: int
    ken: int


@transaction.atomic
def load_vending_key(
    *, attributes: KeyAttributes, secret: bytes, nonce: bytes, actor: str, now: datetime
) -> VendingKey:
    """Seal a vending key and store it. Idempotent by (SGC, KRN, KT) with the same check value and attributes.

    Raises `VendingKeyRefused` (length, or another key is there), `PublishedTestKeyRefused`, `KeyEncryptionKeyMissing`.
    """
    _check_attributes(attributes)
    if len(secret) != OCTETS_OF_DKGA.get(attributes.dkga):
        raise VendingKeyRefused(f"wrong length for DKGA{attributes.dkga:02d}", field="secret")
    _check_may_be_used(secret)
    check_value = check_value_of(secret)
    known = VendingKey.objects.filter(sgc=attributes.sgc, krn=attributes.krn, kt=attributes.kt).first()
    if known:
        if known.check_value != check_value or _attributes_of(known) != attributes:
            raise VendingKeyRefused("another vending key is loaded for this SGC, KRN and KT", field="sgc")
        return known
    sealed = seal(secret, key_encryption_key=_key_encryption_key(), attributes=str(attributes), nonce=nonce)
    row = VendingKey.objects.create(**vars(attributes), check_value=check_value, sealed=sealed, loaded_at=now)
    facts = vars(attributes) | {"check_value": check_value}
    record(actor=actor, acts=[Act("vending_key.loaded", f"vending_key:{row.pk}", facts)], now=now)
    return row


@contextmanager
def open_vending_key(*, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
    """The vending key in the clear, for the length of the block. Raises `VendingKeyMissing` and what sealing raises.

    Python cannot wipe memory; that the octets are gone after the block is not promised.
    """
    row = VendingKey.objects.filter(sgc=sgc, krn=krn, kt=kt).first()
    if row is None:
        raise VendingKeyMissing(f"no vending key for SGC {sgc}, KRN {krn}, KT {kt}")
    secret = unseal(bytes(row.sealed), key_encryption_key=_key_encryption_key(), attributes=str(_attributes_of(row)))
    _check_may_be_used(secret)
    yield OpenVendingKey(secret=secret, base_date=row.base_date, dkga=row.dkga, ken=row.ken)


def check_value_of(secret: bytes) -> str:
    """Six hexadecimal digits by which two persons can see that they hold the same key: SHA-256, domain separated."""
    return hashlib.sha256(b"vending key check value" + secret).hexdigest()[:6]


def _attributes_of(row: VendingKey) -> KeyAttributes:
    return KeyAttributes(row.sgc, row.krn, row.kt, row.base_date, row.dkga, row.ken)


def _check_attributes(attributes: KeyAttributes) -> None:
    """Each by its own rule of the standard; `KeyAttributeInvalid` names the field."""
    SupplyGroupCode(attributes.sgc)
    KeyRevisionNumber(attributes.krn)
    KeyType.of(attributes.kt)
    BaseDate.of(attributes.base_date)
    KeyExpiryNumber(attributes.ken)


def _check_may_be_used(secret: bytes) -> None:
    if settings.IS_PRODUCTION and is_published(secret):
        raise PublishedTestKeyRefused("this vending key is printed in public test documents")


def _key_encryption_key() -> bytes:
    if not settings.KEY_ENCRYPTION_KEY_FILE:
        raise KeyEncryptionKeyMissing("KEY_ENCRYPTION_KEY_FILE is not set in this process")
    try:
        value = bytes.fromhex(Path(settings.KEY_ENCRYPTION_KEY_FILE).read_text().strip())
    except (OSError, ValueError):
        raise KeyEncryptionKeyMissing("the key-encryption key file cannot be read, or is not hex") from None
    if len(value) != 32:
        raise KeyEncryptionKeyMissing("the key-encryption key is not 32 octets")
    return value
