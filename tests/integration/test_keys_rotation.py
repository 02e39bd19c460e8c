"""Sealing everything under another key-encryption key, without an hour in which nothing can be sold."""

import secrets
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from tests.support.rows import rows_of
from tests.support.world import ACTOR, KEY, NOW
from vending.keys.check_values import check_value_of
from vending.keys.components import COMPONENT_LIFE
from vending.keys.errors import KeyEncryptionKeyMissing, VendingKeyDamaged
from vending.keys.key_encryption import read_key_encryption_keys
from vending.keys.models import KeyComponent, VendingKey
from vending.keys.services import (
    Rotation,
    load_component,
    load_vending_key,
    open_vending_key,
    rotate_vending_keys,
)

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
SECRETS = {krn: bytes([krn]) * 20 for krn in (1, 2, 3)}
COMPONENT, OTHER_COMPONENT = b"\x10" * 20, b"\x25" * 20
WAITING = replace(KEY, krn=9)
Give = Callable[..., list[str]]


@pytest.fixture
def give(settings: Settings, tmp_path: Path) -> Give:
    """Give this process key-encryption keys; returns their fingerprints."""

    def give(*words: str) -> list[str]:
        path = tmp_path / "key_encryption_key"
        path.write_text("\n".join(words) + "\n")
        settings.KEY_ENCRYPTION_KEY_FILE = str(path)
        return [kek.fingerprint for kek in read_key_encryption_keys()]

    return give


def load(krn: int) -> None:
    load_vending_key(
        attributes=replace(KEY, krn=krn), secret=SECRETS[krn], nonce=bytes([krn]) * 12, actor=ACTOR, now=NOW
    )


def bring(component: bytes, actor: str) -> VendingKey | None:
    check_value = check_value_of(bytes(a ^ b for a, b in zip(COMPONENT, OTHER_COMPONENT, strict=True)))
    return load_component(
        attributes=WAITING, key_check_value=check_value, component=component, nonce=bytes(12), actor=actor, now=NOW
    ).vending_key


def rotate(now: timedelta = timedelta()) -> Rotation:
    return rotate_vending_keys(random_octets=secrets.token_bytes, actor="operator:1", now=NOW + now)


def opened() -> dict[int, bytes]:
    found = {}
    for krn in SECRETS:
        with open_vending_key(sgc=KEY.sgc, krn=krn, kt=KEY.kt) as vending_key:
            found[krn] = vending_key.secret
    return found


def test_rotation_seals_every_row_under_the_first_key_and_the_old_one_can_go(give: Give) -> None:
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    give(old)
    load(1)
    load(2)
    VendingKey.objects.filter(krn=2).update(sealed_by="")
    bring(COMPONENT, "operator:1")
    fingerprint, _ = give(new, old)
    load(3)
    assert opened() == SECRETS, "nothing stops while there are two"
    before = dict(VendingKey.objects.values_list("krn", "sealed"))

    assert rotate() == Rotation(vending_keys=2, components=1, unchanged=1, sealed_by=fingerprint)

    give(new)
    assert opened() == SECRETS
    after = dict(VendingKey.objects.values_list("krn", "sealed"))
    assert {krn for krn in after if bytes(after[krn]) != bytes(before[krn])} == {1, 2}
    assert len({bytes(sealed)[:12] for sealed in after.values()}) == 3, "a fresh nonce for each"
    assert bring(OTHER_COMPONENT, "operator:2"), "the component that waited was sealed anew too"
    acts = AuditEntry.objects.filter(act__endswith=".resealed").order_by("pk")
    assert [(entry.actor, entry.act, entry.details) for entry in acts] == [
        ("operator:1", "vending_key.resealed", {"sealed_by": fingerprint}),
        ("operator:1", "vending_key.resealed", {"sealed_by": fingerprint}),
        ("operator:1", "key_component.resealed", {"sealed_by": fingerprint}),
    ]


def test_rotation_again_changes_nothing(give: Give) -> None:
    (fingerprint,) = give(secrets.token_hex(32))
    load(1)
    before = rows_of(VendingKey, KeyComponent, AuditEntry)
    assert rotate() == Rotation(0, 0, 1, fingerprint)
    assert rows_of(VendingKey, KeyComponent, AuditEntry) == before


def test_rotation_of_nothing_is_no_error(give: Give) -> None:
    (fingerprint,) = give(secrets.token_hex(32))
    assert rotate() == Rotation(0, 0, 0, fingerprint)


def test_rotation_drops_components_that_waited_too_long(give: Give) -> None:
    give(secrets.token_hex(32))
    bring(COMPONENT, "operator:1")
    assert rotate(COMPONENT_LIFE - timedelta(seconds=1)).unchanged == 1
    assert rotate(COMPONENT_LIFE).unchanged == 0
    assert not KeyComponent.objects.exists()


def test_rotation_without_the_old_key_changes_no_row(give: Give) -> None:
    first, second, new = (secrets.token_hex(32) for _ in range(3))
    give(first)
    load(1)
    give(second)
    load(2)
    give(new, first)
    before = rows_of(VendingKey, AuditEntry)
    with pytest.raises(KeyEncryptionKeyMissing, match="this process has not the key-encryption key"):
        rotate()
    assert rows_of(VendingKey, AuditEntry) == before


def test_rotation_of_a_damaged_row_changes_no_row(give: Give) -> None:
    old, new = secrets.token_hex(32), secrets.token_hex(32)
    give(old)
    load(1)
    load(2)
    VendingKey.objects.filter(krn=2).update(ken=1)
    give(new, old)
    before = rows_of(VendingKey, AuditEntry)
    with pytest.raises(VendingKeyDamaged):
        rotate()
    assert rows_of(VendingKey, AuditEntry) == before
