"""Custody of vending keys: sealed, bound to their attributes, opened for one call, and never in any text."""

import os
import secrets
import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from tests.support.world import ACTOR, KEY, NOW, VENDING_KEY
from vending.kernel.errors import DomainError
from vending.keys.errors import (
    CustodiansNotDifferent,
    KeyEncryptionKeyMissing,
    PublishedTestKeyRefused,
    VendingKeyDamaged,
    VendingKeyMissing,
    VendingKeyRefused,
    VendingKeyStopped,
)
from vending.keys.key_encryption import KeyEncryptionKey, read_key_encryption_keys
from vending.keys.models import VendingKey
from vending.keys.queries import list_vending_keys
from vending.keys.services import KeyAttributes, OpenVendingKey, check_value_of, load_vending_key, open_vending_key
from vending.sts.errors import KeyAttributeInvalid, VendingKeyParityWrong

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
OWN_KEY = bytes(range(20))
DES_KEY = bytes.fromhex("0123456789abcdef")
ACT, IUT = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, 12, 30, tzinfo=UTC)
EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
DKGA2 = replace(KEY, dkga=2)
LIMITED = replace(KEY, active_from_at=ACT, issue_until_at=IUT)
OPENED = OpenVendingKey(secret=OWN_KEY, base_date="14", dkga=4, ken=255, check_value=check_value_of(OWN_KEY))


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
    assert opened() == OPENED
    assert (row.check_value, row.loaded_at, len(row.sealed)) == (check_value_of(OWN_KEY), NOW, 12 + 16 + 20)
    assert bytes(row.sealed)[:12] == bytes(range(12))
    assert row.sealed_by == read_key_encryption_keys()[0].fingerprint


def test_key_with_act_and_iut_opens_with_them() -> None:
    load(attributes=LIMITED)
    assert opened() == replace(OPENED, active_from_at=ACT, issue_until_at=IUT)
    nairobi = timezone(timedelta(hours=3))
    again = replace(LIMITED, active_from_at=ACT.astimezone(nairobi), issue_until_at=IUT.astimezone(nairobi))
    assert load(attributes=again).pk == VendingKey.objects.get().pk
    assert str(again) == str(LIMITED)


@pytest.mark.parametrize(
    ("limits", "field"),
    [
        ({"active_from_at": datetime(2026, 1, 1)}, "active_from_at"),  # noqa: DTZ001
        ({"issue_until_at": datetime(2026, 1, 1)}, "issue_until_at"),  # noqa: DTZ001
        ({"active_from_at": datetime(1, 1, 1, tzinfo=EAST)}, "active_from_at"),
        ({"issue_until_at": datetime(9999, 12, 31, 23, tzinfo=WEST)}, "issue_until_at"),
        ({"active_from_at": IUT, "issue_until_at": IUT}, "issue_until_at"),
        ({"active_from_at": IUT, "issue_until_at": ACT}, "issue_until_at"),
    ],
    ids=[
        "act-without-zone",
        "iut-without-zone",
        "before-year-1",
        "after-year-9999",
        "no-time-between",
        "iut-before-act",
    ],
)
def test_key_with_impossible_moments_is_refused(limits: dict[str, datetime], field: str) -> None:
    assert refusal_of(VendingKeyRefused, attributes=KeyAttributes(**(vars(KEY) | limits))).field == field


def test_key_that_an_earlier_version_sealed_opens_under_any_key_encryption_key_of_the_process(
    settings: Settings, tmp_path: Path
) -> None:
    """It authenticated six attributes and did not say who had sealed it."""
    load()
    VendingKey.objects.update(sealed_by="")
    assert str(KEY) == "201457|1|2|14|4|255"
    assert opened() == OPENED
    path = tmp_path / "keys"
    path.write_text(secrets.token_hex(32) + "\n" + Path(settings.KEY_ENCRYPTION_KEY_FILE).read_text())
    settings.KEY_ENCRYPTION_KEY_FILE = str(path)
    assert opened() == OPENED
    path.write_text(secrets.token_hex(32) + "\n" + secrets.token_hex(32))
    with pytest.raises(VendingKeyDamaged):
        opened()


@pytest.mark.parametrize(
    ("dkga", "secret", "check_value"),
    [
        (1, DES_KEY, "d5d44f"),
        (2, DES_KEY, "d5d44f"),
        (3, DES_KEY + DES_KEY[::-1], "8b913f"),
        (3, DES_KEY * 2, "d5d44f"),
    ],
)
def test_des_key_has_the_customary_check_value_and_no_attribute_of_a_longer_one(
    dkga: int, secret: bytes, check_value: str
) -> None:
    row = load(secret, replace(KEY, dkga=dkga))
    assert (opened().secret, opened().dkga, row.check_value) == (secret, dkga, check_value)


@pytest.mark.parametrize(("dkga", "length"), [(1, 8), (2, 8), (3, 16)])
def test_des_key_with_wrong_parity_is_refused(dkga: int, length: int) -> None:
    right = (DES_KEY + DES_KEY[::-1])[:length]
    for place in (0, length - 1):
        wrong = bytes(octet ^ (index == place) for index, octet in enumerate(right))
        refusal_of(VendingKeyParityWrong, wrong, replace(KEY, dkga=dkga))
    assert load(right, replace(KEY, dkga=dkga)).dkga == dkga


@pytest.mark.parametrize("dkga", [0, 5])
def test_key_of_a_dkga_that_does_not_exist_is_refused(dkga: int) -> None:
    assert refusal_of(VendingKeyRefused, attributes=replace(KEY, dkga=dkga)).field == "dkga"


@pytest.mark.parametrize(("length", "dkga"), [(0, 4), (8, 4), (16, 4), (19, 4), (21, 4), (20, 2), (20, 1), (20, 3)])
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
    [
        (OWN_KEY[::-1], KEY),
        (OWN_KEY, replace(KEY, base_date="35")),
        (OWN_KEY, replace(KEY, ken=200)),
        (OWN_KEY, LIMITED),
    ],
    ids=["other-key", "other-base-date", "other-ken", "other-moments"],
)
def test_second_key_for_the_same_name_is_refused(secret: bytes, attributes: KeyAttributes) -> None:
    load()
    error = refusal_of(VendingKeyRefused, secret, attributes)
    assert str(error) == "another vending key is loaded for this SGC, KRN and KT"
    assert opened() == OPENED


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
    [
        {"sgc": "201458"},
        {"krn": 2},
        {"kt": 1},
        {"base_date": "35"},
        {"dkga": 2},
        {"ken": 254},
        {"active_from_at": None},
        {"active_from_at": ACT + timedelta(microseconds=1)},
        {"issue_until_at": None},
        {"active_from_at": None, "issue_until_at": ACT},
    ],
    ids="-".join,
)
def test_key_whose_row_was_given_other_attributes_does_not_open(change: dict[str, object]) -> None:
    row = load(attributes=LIMITED)
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


def test_key_under_another_key_encryption_key_waits_for_the_right_one(settings: Settings, tmp_path: Path) -> None:
    sealed_by = load().sealed_by
    other = tmp_path / "other"
    other.write_text(secrets.token_hex(32))
    settings.KEY_ENCRYPTION_KEY_FILE = str(other)
    with pytest.raises(KeyEncryptionKeyMissing, match=f"^this process has not the key-encryption key {sealed_by}$"):
        opened()
    VendingKey.objects.update(sealed_by=read_key_encryption_keys()[0].fingerprint)
    with pytest.raises(VendingKeyDamaged):
        opened()


def test_process_without_a_key_encryption_key_neither_loads_nor_opens(settings: Settings) -> None:
    load()
    settings.KEY_ENCRYPTION_KEY_FILE = ""
    with pytest.raises(KeyEncryptionKeyMissing, match="is set in this process") as refusal:
        opened()
    assert refusal.value.retryable
    refusal_of(KeyEncryptionKeyMissing, attributes=replace(KEY, krn=2))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the key-encryption key file cannot be read, or is no text"),
        (b"\xff\xfe" * 32, "the key-encryption key file cannot be read, or is no text"),
        (b" \n", "the key-encryption key is empty"),
        (b"ab" * 31, "key-encryption key 1 is not 64 hexadecimal digits"),
        (b"ab" * 33, "key-encryption key 1 is not 64 hexadecimal digits"),
        (b"xy" * 32, "key-encryption key 1 is not 64 hexadecimal digits"),
        (b"ab" * 32 + b"\n" + b"ab" * 16, "key-encryption key 2 is not 64 hexadecimal digits"),
        (b"# one\n" + b"ab" * 32, "key-encryption key 1 is not 64 hexadecimal digits"),
        (b"ab" * 32 + b"\0", "key-encryption key 1 is not 64 hexadecimal digits"),
        (b"\xef\xbb\xbf" + b"ab" * 32, "the key-encryption key file cannot be read, or is no text"),
        ((b"ab" * 32 + b"\n") * 10_000, "the key-encryption key file cannot be read, or is no text"),
    ],
    ids=["no-file", "no-text", "empty", "short", "long", "no-hex", "second-short", "comment", "zero", "mark", "large"],
)
def test_key_encryption_key_that_is_none_is_told_without_its_content(
    settings: Settings, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    settings.KEY_ENCRYPTION_KEY_FILE = str(path)
    refusal = refusal_of(KeyEncryptionKeyMissing)
    assert str(refusal) == message
    assert refusal.__context__ is None, "an error below would hold what stands in the file"


def test_key_encryption_key_is_read_from_a_plain_file_only(settings: Settings, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / ("n" * 300), Path("/dev/zero"), Path("/nowhere\0")):
        settings.KEY_ENCRYPTION_KEY_FILE = str(path)
        assert str(refusal_of(KeyEncryptionKeyMissing)).startswith("the key-encryption key file cannot be read")


def test_key_encryption_key_file_of_another_system_is_read(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b" AB" + b"ab" * 31 + b" \t\r\n" + b"cd" * 32 + b"\r\n\r\n")
    settings.KEY_ENCRYPTION_KEY_FILE = str(path)
    assert [kek.octets for kek in read_key_encryption_keys()] == [b"\xab" * 32, b"\xcd" * 32]


def test_key_encryption_key_may_stand_in_the_environment_and_the_file_wins(settings: Settings, tmp_path: Path) -> None:
    load()
    path, text = settings.KEY_ENCRYPTION_KEY_FILE, Path(settings.KEY_ENCRYPTION_KEY_FILE).read_text()
    settings.KEY_ENCRYPTION_KEY_FILE, settings.KEY_ENCRYPTION_KEY = "", f" {text.upper()}\n"
    assert opened() == OPENED
    settings.KEY_ENCRYPTION_KEY = secrets.token_hex(32) + " " + text
    assert opened() == OPENED
    settings.KEY_ENCRYPTION_KEY_FILE = str(tmp_path / "none")
    with pytest.raises(KeyEncryptionKeyMissing):
        opened()
    settings.KEY_ENCRYPTION_KEY_FILE, settings.KEY_ENCRYPTION_KEY = path, "nonsense"
    assert opened() == OPENED


def test_key_encryption_key_shows_a_fingerprint_and_no_octet() -> None:
    kek, other = KeyEncryptionKey(bytes(range(32))), KeyEncryptionKey(bytes(range(1, 33)))
    assert repr(kek) == "KeyEncryptionKey()"
    assert (len(kek.fingerprint), len({kek.fingerprint, other.fingerprint})) == (12, 2)
    assert kek.fingerprint not in kek.octets.hex()


def test_stopped_key_is_not_opened() -> None:
    load()
    VendingKey.objects.update(stopped_at=NOW, stopped_reason="verify_failed")
    with pytest.raises(VendingKeyStopped, match=r"^the vending key of SGC 201457, KRN 1, KT 2 is stopped: ") as refusal:
        opened()
    assert refusal.value.retryable


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


def test_one_person_loads_no_key_in_production(settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    refusal_of(CustodiansNotDifferent)
    settings.IS_PRODUCTION = False
    row = load()
    settings.IS_PRODUCTION = True
    assert load().pk == row.pk, "a key that is there is not loaded again"


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
