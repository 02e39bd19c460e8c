"""Custody of vending keys: sealed, bound to their attributes, opened for one call, and never in any text."""

import secrets
import traceback
from dataclasses import replace
from pathlib import Path

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from tests.support.world import ACTOR, KEY, NOW, VENDING_KEY
from vending.kernel.errors import DomainError
from vending.keys.errors import (
    KeyEncryptionKeyMissing,
    PublishedTestKeyRefused,
    VendingKeyDamaged,
    VendingKeyMissing,
    VendingKeyRefused,
)
from vending.keys.models import VendingKey
from vending.keys.queries import list_vending_keys
from vending.keys.services import KeyAttributes, OpenVendingKey, check_value_of, load_vending_key, open_vending_key
from vending.sts.errors import KeyAttributeInvalid

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
OWN_KEY = bytes(range(20))
DKGA2 = replace(KEY, dkga=2)


def load(secret: bytes = OWN_KEY, attributes: KeyAttributes = KEY, nonce: bytes = bytes(12)) -> VendingKey:
    return load_vending_key(attributes=attributes, secret=secret, nonce=nonce, actor=ACTOR, now=NOW)


def opened() -> OpenVendingKey:
    with open_vending_key(sgc=KEY.sgc, krn=KEY.krn, kt=KEY.kt) as vending_key:
        return vending_key


def refusal_of(error: type[DomainError], secret: bytes = OWN_KEY, attributes: KeyAttributes = KEY) -> DomainError:
    """What loading raises; and it wrote nothing."""
    before = VendingKey.objects.count(), AuditEntry.objects.count()
    with pytest.raises(error) as refusal:
        load(secret, attributes)
    assert (VendingKey.objects.count(), AuditEntry.objects.count()) == before
    return refusal.value


def test_key_that_was_loaded_opens_with_what_it_is_for() -> None:
    row = load(nonce=bytes(range(12)))
    vending_key = opened()
    assert vending_key == OpenVendingKey(secret=OWN_KEY, base_date="14", dkga=4, ken=255)
    assert (row.check_value, row.loaded_at, len(row.sealed)) == (check_value_of(OWN_KEY), NOW, 12 + 16 + 20)
    assert bytes(row.sealed)[:12] == bytes(range(12))


def test_key_of_dkga_2_has_eight_octets() -> None:
    load(OWN_KEY[:8], DKGA2)
    assert (opened().secret, opened().dkga) == (OWN_KEY[:8], 2)


@pytest.mark.parametrize(
    ("length", "dkga"), [(0, 4), (8, 4), (16, 4), (19, 4), (21, 4), (20, 2), (20, 1), (20, 3), (16, 3)]
)
def test_key_whose_length_does_not_fit_is_refused(length: int, dkga: int) -> None:
    error = refusal_of(VendingKeyRefused, bytes(range(length)), replace(KEY, dkga=dkga))
    assert (str(error), error.field) == (f"wrong length for DKGA{dkga:02d}", "secret")


@pytest.mark.parametrize(
    ("field", "value"),
    [("sgc", "12345"), ("krn", 0), ("kt", 4), ("base_date", "15"), ("ken", 256)],
)
def test_key_with_an_impossible_attribute_is_refused(field: str, value: object) -> None:
    attributes = KeyAttributes(**(vars(KEY) | {field: value}))
    assert refusal_of(KeyAttributeInvalid, attributes=attributes).field == field


def test_key_loaded_again_stays_as_it_is() -> None:
    first = load()
    again = load(nonce=bytes(range(12)))
    assert (again.pk, bytes(again.sealed)) == (first.pk, bytes(first.sealed))
    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("secret", "attributes"),
    [(OWN_KEY[::-1], KEY), (OWN_KEY, replace(KEY, base_date="35")), (OWN_KEY, replace(KEY, ken=200))],
    ids=["other-key", "other-base-date", "other-ken"],
)
def test_second_key_for_the_same_name_is_refused(secret: bytes, attributes: KeyAttributes) -> None:
    load()
    error = refusal_of(VendingKeyRefused, secret, attributes)
    assert str(error) == "another vending key is loaded for this SGC, KRN and KT"
    assert opened() == OpenVendingKey(secret=OWN_KEY, base_date="14", dkga=4, ken=255)


def test_key_for_another_revision_stands_beside_it() -> None:
    load()
    second = load(OWN_KEY[::-1], replace(KEY, krn=2))
    names = [(KEY.sgc, 1, 2), (KEY.sgc, 2, 2), (KEY.sgc, 3, 2)]
    found = list_vending_keys(names)
    assert sorted(found) == names[:2]
    assert found[KEY.sgc, 2, 2].pk == second.pk
    assert list_vending_keys([]) == {}


@pytest.mark.parametrize(
    "change",
    [{"sgc": "201458"}, {"krn": 2}, {"kt": 1}, {"base_date": "35"}, {"dkga": 2}, {"ken": 254}],
    ids="-".join,
)
def test_key_whose_row_was_given_other_attributes_does_not_open(change: dict[str, object]) -> None:
    row = load()
    VendingKey.objects.update(**change)
    row.refresh_from_db()
    with pytest.raises(VendingKeyDamaged, match="does not open"), open_vending_key(sgc=row.sgc, krn=row.krn, kt=row.kt):
        pass


@pytest.mark.parametrize("octets", [slice(0), slice(11), slice(27), slice(47)])
def test_key_whose_sealed_octets_are_cut_does_not_open(octets: slice) -> None:
    row = load()
    VendingKey.objects.update(sealed=bytes(row.sealed)[octets])
    with pytest.raises(VendingKeyDamaged):
        opened()


@pytest.mark.parametrize("place", [0, 12, 28, 47], ids=["nonce", "tag", "first-octet", "last-octet"])
def test_key_with_one_bit_changed_does_not_open(place: int) -> None:
    sealed = bytearray(load().sealed)
    sealed[place] ^= 1
    VendingKey.objects.update(sealed=bytes(sealed))
    with pytest.raises(VendingKeyDamaged):
        opened()


def test_key_under_another_key_encryption_key_does_not_open(settings: Settings, tmp_path: Path) -> None:
    load()
    other = tmp_path / "other"
    other.write_text(secrets.token_hex(32))
    settings.KEY_ENCRYPTION_KEY_FILE = str(other)
    with pytest.raises(VendingKeyDamaged):
        opened()


def test_process_without_a_key_encryption_key_neither_loads_nor_opens(settings: Settings) -> None:
    load()
    settings.KEY_ENCRYPTION_KEY_FILE = ""
    with pytest.raises(KeyEncryptionKeyMissing, match="not set in this process") as refusal:
        opened()
    assert refusal.value.retryable
    refusal_of(KeyEncryptionKeyMissing, attributes=replace(KEY, krn=2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read, or is not hex"),
        (b"", "is not 32 octets"),
        (b"ab" * 31, "is not 32 octets"),
        (b"ab" * 33, "is not 32 octets"),
        (b"ab" * 16, "is not 32 octets"),
        (b"xy" * 32, "cannot be read, or is not hex"),
        (b"\xff\xfe" * 32, "cannot be read, or is not hex"),
    ],
    ids=["no-file", "empty", "short", "long", "half", "no-hex", "no-text"],
)
def test_key_encryption_key_that_is_none_is_told_without_its_content(
    settings: Settings, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    settings.KEY_ENCRYPTION_KEY_FILE = str(path)
    error = refusal_of(KeyEncryptionKeyMissing)
    assert str(error) in (f"the key-encryption key {message}", f"the key-encryption key file {message}")


def test_key_encryption_key_may_end_with_a_line_end(settings: Settings, tmp_path: Path) -> None:
    load()
    path = tmp_path / "key"
    path.write_text(Path(settings.KEY_ENCRYPTION_KEY_FILE).read_text() + "\n")
    settings.KEY_ENCRYPTION_KEY_FILE = str(path)
    assert opened().secret == OWN_KEY


@pytest.mark.parametrize(
    ("published", "attributes"),
    [
        (VENDING_KEY, KEY),
        (VENDING_KEY[:8], DKGA2),
        (VENDING_KEY[8:] + VENDING_KEY[:8], KEY),
        (VENDING_KEY[8:16], DKGA2),
    ],
)
def test_published_key_is_refused_in_production(
    settings: Settings, published: bytes, attributes: KeyAttributes
) -> None:
    settings.IS_PRODUCTION = True
    error = refusal_of(PublishedTestKeyRefused, published, attributes)
    assert error.code == "published_test_key_refused"
    load(bytes(len(published)), attributes)


def test_published_key_that_is_there_is_not_opened_in_production(settings: Settings) -> None:
    load(VENDING_KEY)
    assert opened().secret == VENDING_KEY
    settings.IS_PRODUCTION = True
    with pytest.raises(PublishedTestKeyRefused):
        opened()


def test_key_that_is_not_there_is_missing() -> None:
    with pytest.raises(VendingKeyMissing, match=r"^no vending key for SGC 201457, KRN 1, KT 2$"):
        opened()


def test_key_is_in_no_text(settings: Settings, tmp_path: Path) -> None:
    """Neither shown, nor audited, nor in what any refusal says, with all of its frames' lines."""
    settings.KEY_ENCRYPTION_KEY_FILE, right = str(tmp_path / "none"), settings.KEY_ENCRYPTION_KEY_FILE
    texts = ["".join(traceback.format_exception(refusal_of(KeyEncryptionKeyMissing)))]
    settings.KEY_ENCRYPTION_KEY_FILE = right
    row = load()
    texts += [repr(opened()), str(opened()), repr(vars(row)), str(list(AuditEntry.objects.values()))]
    for error in (
        refusal_of(VendingKeyRefused, OWN_KEY + b"x"),
        refusal_of(VendingKeyRefused, OWN_KEY[::-1]),
        refusal_of(KeyAttributeInvalid, attributes=replace(KEY, krn=0)),
    ):
        texts.append("".join(traceback.format_exception(error)))
    forms = (OWN_KEY.hex(), OWN_KEY[::-1].hex(), repr(OWN_KEY)[2:-1], str(list(OWN_KEY))[1:-1])
    assert [form for form in forms for text in texts if form.lower() in text.lower()] == []
    assert check_value_of(OWN_KEY) in texts[-4], "the check value is what the trail keeps"
