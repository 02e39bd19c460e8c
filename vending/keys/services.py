"""Custody: loading a vending key, opening one for the length of one call, sealing all of them anew.

The narrowest door in the product: only the software security module opens keys, only processes that were handed the
key-encryption key can.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.conf import settings
from django.db import IntegrityError, transaction

from fleet.audit.services import Act, record
from vending.kernel.errors import DomainError
from vending.keys.attributes import KeyAttributes, check_attributes, name_of
from vending.keys.check_values import check_value_of
from vending.keys.components import (
    COMPONENT_LIFE,
    check_component,
    check_fits,
    check_value_from_entry,
    joined,
    octets_of,
)
from vending.keys.errors import (
    CheckValueDiffers,
    CustodiansNotDifferent,
    KeyComponentRefused,
    KeyEncryptionKeyMissing,
    PublishedTestKeyRefused,
    VendingKeyDamaged,
    VendingKeyMissing,
    VendingKeyRefused,
)
from vending.keys.key_encryption import read_key_encryption_keys
from vending.keys.locks import lock_component, lock_components, lock_vending_keys
from vending.keys.models import KeyComponent, VendingKey
from vending.keys.published import is_published
from vending.keys.queries import check_not_stopped
from vending.keys.sealing import NONCE_OCTETS, seal, unseal
from vending.sts.decoder_keys import check_parity

__all__ = [
    "KeyAttributes",
    "Loading",
    "OpenVendingKey",
    "Rotation",
    "check_value_of",
    "forget_component",
    "load_component",
    "load_vending_key",
    "open_vending_key",
    "open_vending_key_for_reading",
    "rotate_vending_keys",
]


@dataclass(frozen=True)
class OpenVendingKey:
    """A vending key in the clear. It lives for one call and is never shown, not even by `repr`."""

    secret: bytes = field(repr=False)
    base_date: str
    dkga: int
    ken: int
    check_value: str
    active_from_at: datetime | None = None
    issue_until_at: datetime | None = None


@dataclass(frozen=True)
class Loading:
    """How far a loading came: `vending_key` is None while the other custodian's component is awaited."""

    vending_key: VendingKey | None
    waits_until_at: datetime | None = None


@dataclass(frozen=True)
class Rotation:
    """What was sealed anew, how many seals were the right ones already, and whose seal is on all of them now."""

    vending_keys: int
    components: int
    unchanged: int
    sealed_by: str


@transaction.atomic
def load_vending_key(
    *, attributes: KeyAttributes, secret: bytes, nonce: bytes, actor: str, now: datetime
) -> VendingKey:
    """Seal a vending key and store it. Idempotent by (SGC, KRN, KT) with the same check value and attributes.

    Raises `VendingKeyRefused` (length, or another key is there), `VendingKeyParityWrong`, `PublishedTestKeyRefused`,
    `KeyEncryptionKeyMissing`. For keys that anybody may know: everything else is loaded by two, `load_component`. So in
    production nothing is loaded by one person (`CustodiansNotDifferent`).
    """
    check_attributes(attributes)
    if len(secret) != octets_of(attributes.dkga):
        raise VendingKeyRefused(f"wrong length for DKGA{attributes.dkga:02d}", field="secret")
    check_parity(attributes.dkga, secret)
    if known := _known(attributes, check_value_of(secret)):
        return known
    _check_may_be_used(secret)
    if settings.IS_PRODUCTION:
        raise CustodiansNotDifferent("in production a vending key is loaded by two custodians")
    return _store(attributes, secret, nonce, [actor], now)


def load_component(
    *, attributes: KeyAttributes, key_check_value: str, component: bytes, nonce: bytes, actor: str, now: datetime
) -> Loading:
    """One custodian's half of a loading. The first component waits, sealed, for a day; the second makes the key.

    Both bring the same attributes and the same check value of the whole key. A refused second component loads nothing
    and leaves the first one waiting: who mistyped tries again, `forget_component` begins anew. Idempotent once the key
    is loaded. Each refusal is audited with its code.

    Raises `KeyComponentRefused`, `CustodiansNotDifferent`, `CheckValueDiffers`, and what `load_vending_key` raises.
    """
    check_attributes(attributes)
    try:
        with transaction.atomic():
            check_component(component, attributes.dkga)
            key_check_value = check_value_from_entry(key_check_value)
            return _take_component(attributes, key_check_value, component, nonce, actor, now)
    except DomainError as refusal:
        act = Act("key_component.refused", _subject_of(attributes), {"code": refusal.code})
        record(actor=actor, acts=[act], now=now)
        raise


@transaction.atomic
def forget_component(*, sgc: str, krn: int, kt: int, actor: str, now: datetime) -> bool:
    """Give up the loading that waits under this name; returns whether there was one. Idempotent."""
    waiting = lock_component(sgc=sgc, krn=krn, kt=kt)
    if waiting is None:
        return False
    _drop(waiting, "key_component.forgotten", actor, now)
    return True


@transaction.atomic
def rotate_vending_keys(*, random_octets: Callable[[int], bytes], actor: str, now: datetime) -> Rotation:
    """Seal under the first key-encryption key whatever is sealed under another one: vending keys and components.

    All or nothing. Idempotent: what the first one has sealed stays. Raises `KeyEncryptionKeyMissing` and
    `VendingKeyDamaged` when one does not open; nothing is changed then.
    """
    _drop_overdue(now)
    first = read_key_encryption_keys()[0]
    rows: list[VendingKey | KeyComponent] = [*lock_vending_keys(), *lock_components()]
    stale = [row for row in rows if row.sealed_by != first.fingerprint]
    for row in stale:
        secret, nonce = _unsealed(row), random_octets(NONCE_OCTETS)
        row.sealed = seal(secret, key_encryption_key=first.octets, attributes=_sealed_with(row), nonce=nonce)
        row.sealed_by = first.fingerprint
        row.save(update_fields=["sealed", "sealed_by"])
    keys = [row for row in stale if isinstance(row, VendingKey)]
    acts = [Act("vending_key.resealed", f"vending_key:{row.pk}", {"sealed_by": row.sealed_by}) for row in keys]
    acts += [
        Act("key_component.resealed", _subject_of(row), {"sealed_by": row.sealed_by})
        for row in stale
        if isinstance(row, KeyComponent)
    ]
    record(actor=actor, acts=acts, now=now)
    return Rotation(len(keys), len(stale) - len(keys), len(rows) - len(stale), first.fingerprint)


@contextmanager
def open_vending_key(*, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
    """The vending key in the clear, to make tokens, for the length of the block. A stopped one is refused
    (`VendingKeyStopped`); raises `VendingKeyMissing`, `PublishedTestKeyRefused` and what unsealing raises.

    Python cannot wipe memory; that the octets are gone after the block is not promised.
    """
    row = _row_of(sgc, krn, kt)
    check_not_stopped(row)
    yield _opened(row)


@contextmanager
def open_vending_key_for_reading(*, sgc: str, krn: int, kt: int) -> Iterator[OpenVendingKey]:
    """The same to read tokens that were made. A stopped one opens: what it made is to be looked at just then."""
    yield _opened(_row_of(sgc, krn, kt))


def _row_of(sgc: str, krn: int, kt: int) -> VendingKey:
    row = VendingKey.objects.filter(sgc=sgc, krn=krn, kt=kt).first()
    if row is None:
        raise VendingKeyMissing(f"no vending key for {name_of(sgc, krn, kt)}")
    return row


def _opened(row: VendingKey) -> OpenVendingKey:
    secret = _unsealed(row)
    _check_may_be_used(secret)
    return OpenVendingKey(
        secret=secret,
        base_date=row.base_date,
        dkga=row.dkga,
        ken=row.ken,
        check_value=row.check_value,
        active_from_at=row.active_from_at,
        issue_until_at=row.issue_until_at,
    )


def _take_component(
    attributes: KeyAttributes, key_check_value: str, component: bytes, nonce: bytes, actor: str, now: datetime
) -> Loading:
    _drop_overdue(now)
    # The component's lock comes first: whoever waited for it must see the key that the other one has loaded.
    waiting = lock_component(sgc=attributes.sgc, krn=attributes.krn, kt=attributes.kt)
    if known := _known(attributes, key_check_value):
        return Loading(known)
    if waiting is None:
        row = _keep_component(attributes, key_check_value, component, nonce, actor, now)
        return Loading(None, row.entered_at + COMPONENT_LIFE)
    _check_fits_waiting(waiting, attributes, key_check_value, actor)
    secret = joined(_unsealed(waiting), component, dkga=attributes.dkga)
    check_fits(secret, key_check_value)
    vending_key = _store(attributes, secret, nonce, [waiting.custodian, actor], now)
    waiting.delete()
    return Loading(vending_key)


def _keep_component(
    attributes: KeyAttributes, key_check_value: str, component: bytes, nonce: bytes, actor: str, now: datetime
) -> KeyComponent:
    first = read_key_encryption_keys()[0]
    row = KeyComponent(
        **vars(attributes),
        key_check_value=key_check_value,
        component_check_value=check_value_of(component),
        sealed_by=first.fingerprint,
        custodian=actor,
        entered_at=now,
    )
    row.sealed = seal(component, key_encryption_key=first.octets, attributes=_sealed_with(row), nonce=nonce)
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError:
        raise KeyComponentRefused("another component came at the same moment: enter this one again") from None
    check_values = {"key_check_value": key_check_value, "component_check_value": row.component_check_value}
    facts = _facts_of(attributes) | check_values
    record(actor=actor, acts=[Act("key_component.entered", _subject_of(attributes), facts)], now=now)
    return row


def _check_fits_waiting(waiting: KeyComponent, attributes: KeyAttributes, key_check_value: str, actor: str) -> None:
    if waiting.custodian == actor:
        raise CustodiansNotDifferent("the same person entered the first component: it takes another one")
    first = vars(_attributes_of(waiting))
    for name, value in vars(attributes).items():
        if first[name] != value:
            raise KeyComponentRefused(f"the first custodian named another {name}", field=name)
    if waiting.key_check_value != key_check_value:
        raise CheckValueDiffers("the first custodian named another check value of the key", field="check_value")


def _known(attributes: KeyAttributes, check_value: str) -> VendingKey | None:
    """The vending key that is loaded already, if it is this one; `VendingKeyRefused` if it is another."""
    known = VendingKey.objects.filter(sgc=attributes.sgc, krn=attributes.krn, kt=attributes.kt).first()
    if known and (known.check_value != check_value or _attributes_of(known) != attributes):
        raise VendingKeyRefused("another vending key is loaded for this SGC, KRN and KT", field="sgc")
    return known


def _store(attributes: KeyAttributes, secret: bytes, nonce: bytes, custodians: list[str], now: datetime) -> VendingKey:
    _check_may_be_used(secret)
    first = read_key_encryption_keys()[0]
    row = VendingKey.objects.create(
        **vars(attributes),
        check_value=check_value_of(secret),
        sealed=seal(secret, key_encryption_key=first.octets, attributes=str(attributes), nonce=nonce),
        sealed_by=first.fingerprint,
        loaded_at=now,
    )
    facts = _facts_of(attributes) | {"check_value": row.check_value, "custodians": custodians}
    record(actor=custodians[-1], acts=[Act("vending_key.loaded", f"vending_key:{row.pk}", facts)], now=now)
    return row


def _drop_overdue(now: datetime) -> None:
    """Components that waited too long are gone; nobody did it, so the slice signs."""
    for row in lock_components():
        if row.entered_at + COMPONENT_LIFE <= now:
            _drop(row, "key_component.expired", "system:keys", now)


def _drop(waiting: KeyComponent, act: str, actor: str, now: datetime) -> None:
    facts = {"custodian": waiting.custodian, "component_check_value": waiting.component_check_value}
    record(actor=actor, acts=[Act(act, _subject_of(waiting), facts)], now=now)
    waiting.delete()


def _subject_of(named: KeyAttributes | KeyComponent) -> str:
    """A component goes by the name of its key: its row does not stay."""
    return f"key_component:{named.sgc}-{named.krn}-{named.kt}"


def _facts_of(attributes: KeyAttributes) -> dict[str, object]:
    """For the audit trail: moments are text there, so they go by the standard's names, not by those of the columns."""
    facts = dict(vars(attributes))
    moments = {"act": facts.pop("active_from_at"), "iut": facts.pop("issue_until_at")}
    return facts | {name: moment.isoformat() for name, moment in moments.items() if moment}


def _attributes_of(row: VendingKey | KeyComponent) -> KeyAttributes:
    return KeyAttributes(
        row.sgc, row.krn, row.kt, row.base_date, row.dkga, row.ken, row.active_from_at, row.issue_until_at
    )


def _sealed_with(row: VendingKey | KeyComponent) -> str:
    """What is authenticated with the sealed octets. A component's row opens as no vending key, and the other way."""
    if isinstance(row, VendingKey):
        return str(_attributes_of(row))
    entered_at = row.entered_at.astimezone(UTC).isoformat()
    return f"component|{_attributes_of(row)}|{row.key_check_value}|{row.custodian}|{entered_at}"


def _unsealed(row: VendingKey | KeyComponent) -> bytes:
    """Raises `KeyEncryptionKeyMissing` when this process has not the one that sealed the row, else `VendingKeyDamaged`.

    A row of an earlier version does not say who sealed it: every key-encryption key is tried.
    """
    fitting = [kek for kek in read_key_encryption_keys() if row.sealed_by in {kek.fingerprint, ""}]
    if not fitting:
        raise KeyEncryptionKeyMissing(f"this process has not the key-encryption key {row.sealed_by}")
    for kek in fitting:
        with suppress(VendingKeyDamaged):
            return unseal(bytes(row.sealed), key_encryption_key=kek.octets, attributes=_sealed_with(row))
    raise VendingKeyDamaged("a sealed vending key does not open")


def _check_may_be_used(secret: bytes) -> None:
    if settings.IS_PRODUCTION and is_published(secret):
        raise PublishedTestKeyRefused("this vending key is printed in public test documents")
