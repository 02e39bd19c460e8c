"""Loading a vending key by two custodians: who, with what, what is refused, and what stays of a loading."""

import traceback
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, KEY, NOW, VENDING_KEY
from vending.kernel.errors import DomainError
from vending.keys import services
from vending.keys.attributes import KeyAttributes
from vending.keys.check_values import check_value_of
from vending.keys.components import COMPONENT_LIFE
from vending.keys.errors import (
    CheckValueDiffers,
    CustodiansNotDifferent,
    KeyComponentRefused,
    KeyEncryptionKeyMissing,
    PublishedTestKeyRefused,
    VendingKeyDamaged,
    VendingKeyRefused,
)
from vending.keys.models import KeyComponent, VendingKey
from vending.keys.queries import WaitingComponent, list_waiting_components
from vending.keys.services import Loading, forget_component, load_component, load_vending_key, open_vending_key
from vending.sts.errors import KeyAttributeInvalid, VendingKeyParityWrong

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
FIRST, SECOND = "operator:1", "operator:2"
ONE, OTHER = bytes(range(1, 21)), bytes(range(101, 121))
DES_ONE, DES_OTHER = bytes.fromhex("f0e1d2c3b4a59687"), bytes.fromhex("f1c297a43d0e5b68")
LIMITED = replace(
    KEY, active_from_at=datetime(2026, 1, 1, tzinfo=UTC), issue_until_at=datetime(2027, 1, 1, tzinfo=UTC), ken=200
)


def together(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


SECRET = together(ONE, OTHER)
CHECK_VALUE = check_value_of(SECRET)


def bring(component: bytes, actor: str, attributes: KeyAttributes = KEY, **changes: Any) -> Loading:
    given: dict[str, Any] = {"key_check_value": CHECK_VALUE, "nonce": bytes(12), "now": NOW} | changes
    return load_component(attributes=attributes, component=component, actor=actor, **given)


def written() -> Rows:
    return rows_of(VendingKey, KeyComponent)


def acts() -> list[tuple[str, str, str]]:
    return list(AuditEntry.objects.order_by("pk").values_list("actor", "act", "subject"))


def refusal_of(error: type[DomainError], component: bytes, actor: str, *args: Any, **changes: Any) -> DomainError:
    """What bringing it raises; nothing was written but the refusal in the audit trail."""
    before, said = written(), acts()
    with pytest.raises(error) as refusal:
        bring(component, actor, *args, **changes)
    assert written() == before
    assert acts() == [*said, (actor, "key_component.refused", "key_component:201457-1-2")]
    assert AuditEntry.objects.latest("pk").details == {"code": error.code}
    return refusal.value


def test_two_custodians_with_a_component_each_load_the_key() -> None:
    first = bring(ONE, FIRST, LIMITED)
    assert first == Loading(None, NOW + timedelta(hours=24))
    assert not VendingKey.objects.exists()

    second = bring(OTHER, SECOND, LIMITED, nonce=bytes(range(12)))

    row = VendingKey.objects.get()
    assert second == Loading(row)
    assert (row.check_value, row.loaded_at, row.ken) == (CHECK_VALUE, NOW, 200)
    assert not KeyComponent.objects.exists()
    with open_vending_key(sgc=KEY.sgc, krn=KEY.krn, kt=KEY.kt) as vending_key:
        assert (vending_key.secret, vending_key.check_value) == (SECRET, CHECK_VALUE)
        assert vending_key.active_from_at == LIMITED.active_from_at
    assert acts() == [
        (FIRST, "key_component.entered", "key_component:201457-1-2"),
        (SECOND, "vending_key.loaded", f"vending_key:{row.pk}"),
    ]
    assert AuditEntry.objects.latest("pk").details == {
        "sgc": "201457",
        "krn": 1,
        "kt": 2,
        "base_date": "14",
        "dkga": 4,
        "ken": 200,
        "act": "2026-01-01T00:00:00+00:00",
        "iut": "2027-01-01T00:00:00+00:00",
        "check_value": CHECK_VALUE,
        "custodians": [FIRST, SECOND],
    }


def test_component_that_waits_is_sealed_and_shown_without_its_octets() -> None:
    bring(ONE, FIRST)
    row = KeyComponent.objects.get()
    assert ONE not in bytes(row.sealed)
    assert list_waiting_components(NOW) == [
        WaitingComponent("201457", 1, 2, CHECK_VALUE, check_value_of(ONE), FIRST, NOW + COMPONENT_LIFE)
    ]
    shown = [*map(str, AuditEntry.objects.values()), repr(list_waiting_components(NOW)), repr(bring(OTHER, SECOND))]
    octets = [ONE, OTHER, SECRET]
    assert [text for text in shown for secret in octets if secret.hex() in text or repr(secret)[2:-1] in text] == []


@pytest.mark.parametrize("dkga", [1, 2, 3])
def test_des_key_is_loaded_by_components_and_its_parity_is_that_of_the_whole(dkga: int) -> None:
    one, other = (part * 2 if dkga == 3 else part for part in (DES_ONE, DES_OTHER))
    attributes, secret = replace(KEY, dkga=dkga), together(one, other)
    bring(one, FIRST, attributes, key_check_value=check_value_of(secret).upper())
    wrong = bytes([other[0] ^ 1]) + other[1:]
    refusal_of(VendingKeyParityWrong, wrong, SECOND, attributes, key_check_value=check_value_of(together(one, wrong)))
    assert bring(other, SECOND, attributes, key_check_value=check_value_of(secret)).vending_key


@pytest.mark.parametrize(
    ("component", "dkga", "message"),
    [
        (bytes(20), 4, "a component of zeros leaves the whole key to the other custodian"),
        (bytes(8), 2, "a component of zeros leaves the whole key to the other custodian"),
        (b"", 4, "a component for DKGA 04 has 20 octets"),
        (ONE[:19], 4, "a component for DKGA 04 has 20 octets"),
        (ONE + b"x", 4, "a component for DKGA 04 has 20 octets"),
        (ONE, 1, "a component for DKGA 01 has 8 octets"),
        (ONE, 2, "a component for DKGA 02 has 8 octets"),
        (ONE, 3, "a component for DKGA 03 has 16 octets"),
    ],
)
def test_component_that_is_none_is_refused(component: bytes, dkga: int, message: str) -> None:
    error = refusal_of(KeyComponentRefused, component, FIRST, replace(KEY, dkga=dkga))
    assert (str(error), error.field) == (message, "component")


def test_loading_for_a_dkga_that_does_not_exist_is_refused() -> None:
    assert refusal_of(VendingKeyRefused, ONE, FIRST, replace(KEY, dkga=5)).field == "dkga"


@pytest.mark.parametrize("check_value", ["", "12345", "1234567", "12345g", "12 456"])
def test_loading_without_a_check_value_is_refused(check_value: str) -> None:
    assert refusal_of(VendingKeyRefused, ONE, FIRST, key_check_value=check_value).field == "check_value"


def test_loading_with_impossible_attributes_is_refused_and_leaves_nothing_of_what_was_typed() -> None:
    with pytest.raises(KeyAttributeInvalid):
        bring(ONE, FIRST, replace(KEY, sgc="not an SGC" * 50))
    assert (written(), acts()) == ({"VendingKey": [], "KeyComponent": []}, [])


def test_one_person_cannot_bring_both_components() -> None:
    bring(ONE, FIRST)
    assert refusal_of(CustodiansNotDifferent, OTHER, FIRST).code == "custodians_not_different"


def test_same_component_twice_is_refused() -> None:
    bring(ONE, FIRST)
    assert str(refusal_of(KeyComponentRefused, ONE, SECOND)) == "both custodians brought the same component"


@pytest.mark.parametrize(
    ("field", "value"),
    [("base_date", "35"), ("dkga", 2), ("ken", 254), ("active_from_at", NOW), ("issue_until_at", NOW)],
)
def test_second_custodian_with_other_attributes_is_told_which(field: str, value: object) -> None:
    bring(ONE, FIRST)
    other = DES_OTHER if field == "dkga" else OTHER
    error = refusal_of(KeyComponentRefused, other, SECOND, KeyAttributes(**(vars(KEY) | {field: value})))
    assert (str(error), error.field) == (f"the first custodian named another {field}", field)
    assert bring(OTHER, SECOND).vending_key, "the first component is still there"


def test_second_custodian_with_another_check_value_is_refused() -> None:
    bring(ONE, FIRST)
    error = refusal_of(CheckValueDiffers, OTHER, SECOND, key_check_value="000000")
    assert str(error) == "the first custodian named another check value of the key"


def test_components_of_another_key_load_nothing_and_the_first_one_waits_on() -> None:
    bring(ONE, FIRST)
    wrong = bytes([OTHER[0] ^ 1]) + OTHER[1:]
    error = refusal_of(CheckValueDiffers, wrong, SECOND)
    assert str(error) == "the components make another key than the check value says"
    texts = "".join(traceback.format_exception(error))
    assert [secret for secret in (ONE, wrong, SECRET, together(ONE, wrong)) if secret.hex() in texts] == []
    assert bring(OTHER, SECOND).vending_key


def test_first_component_is_gone_after_a_day_and_both_begin_anew() -> None:
    bring(ONE, FIRST)
    bring(ONE, FIRST, replace(KEY, krn=2), now=NOW + timedelta(hours=1))
    later = NOW + COMPONENT_LIFE
    assert [row.krn for row in list_waiting_components(later)] == [2]

    assert bring(OTHER, SECOND, now=later) == Loading(None, later + COMPONENT_LIFE)

    assert {(row.krn, row.custodian) for row in KeyComponent.objects.all()} == {(1, SECOND), (2, FIRST)}
    assert acts()[-2:] == [
        ("system:keys", "key_component.expired", "key_component:201457-1-2"),
        (SECOND, "key_component.entered", "key_component:201457-1-2"),
    ]
    assert bring(ONE, FIRST, now=later).vending_key


def test_component_whose_moment_was_moved_on_does_not_open() -> None:
    bring(ONE, FIRST)
    KeyComponent.objects.update(entered_at=NOW + timedelta(hours=23))
    refusal_of(VendingKeyDamaged, OTHER, SECOND, now=NOW + timedelta(hours=25))


def test_component_whose_custodian_was_changed_does_not_open() -> None:
    bring(ONE, FIRST)
    KeyComponent.objects.update(custodian=SECOND)
    refusal_of(VendingKeyDamaged, OTHER, FIRST)


def test_component_put_into_the_row_of_a_key_does_not_open() -> None:
    bring(ONE, FIRST)
    row = load_vending_key(attributes=replace(KEY, krn=2), secret=ONE, nonce=bytes(12), actor=ACTOR, now=NOW)
    VendingKey.objects.filter(pk=row.pk).update(sealed=KeyComponent.objects.get().sealed, krn=1)
    with pytest.raises(VendingKeyDamaged), open_vending_key(sgc=KEY.sgc, krn=1, kt=KEY.kt):
        pass


def test_forgotten_loading_begins_anew() -> None:
    bring(ONE, FIRST)
    assert forget_component(sgc=KEY.sgc, krn=KEY.krn, kt=KEY.kt, actor=SECOND, now=NOW) is True
    assert not KeyComponent.objects.exists()
    assert acts()[-1] == (SECOND, "key_component.forgotten", "key_component:201457-1-2")
    said = acts()
    assert forget_component(sgc=KEY.sgc, krn=KEY.krn, kt=KEY.kt, actor=SECOND, now=NOW) is False
    assert acts() == said
    assert bring(OTHER, FIRST).vending_key is None


def test_loading_a_key_that_is_loaded_changes_nothing() -> None:
    bring(ONE, FIRST)
    row = bring(OTHER, SECOND).vending_key
    before, said = written(), acts()
    for component, actor in ((ONE, FIRST), (OTHER, SECOND), (ONE, SECOND)):
        assert bring(component, actor) == Loading(row)
    assert (written(), acts()) == (before, said)


@pytest.mark.parametrize(("attributes", "check_value"), [(LIMITED, CHECK_VALUE), (KEY, "000000")])
def test_another_key_for_the_same_name_is_refused(attributes: KeyAttributes, check_value: str) -> None:
    bring(ONE, FIRST)
    bring(OTHER, SECOND)
    error = refusal_of(VendingKeyRefused, ONE, FIRST, attributes, key_check_value=check_value)
    assert str(error) == "another vending key is loaded for this SGC, KRN and KT"


def test_published_key_is_refused_in_production_however_it_is_split(settings: Settings) -> None:
    settings.IS_PRODUCTION = True
    check_value = check_value_of(VENDING_KEY)
    bring(ONE, FIRST, key_check_value=check_value)
    refusal_of(PublishedTestKeyRefused, together(ONE, VENDING_KEY), SECOND, key_check_value=check_value)
    settings.IS_PRODUCTION = False
    assert bring(together(ONE, VENDING_KEY), SECOND, key_check_value=check_value).vending_key


def test_process_without_a_key_encryption_key_takes_no_component(settings: Settings) -> None:
    path, settings.KEY_ENCRYPTION_KEY_FILE = settings.KEY_ENCRYPTION_KEY_FILE, ""
    refusal_of(KeyEncryptionKeyMissing, ONE, FIRST)
    settings.KEY_ENCRYPTION_KEY_FILE = path
    bring(ONE, FIRST)
    settings.KEY_ENCRYPTION_KEY_FILE = ""
    refusal_of(KeyEncryptionKeyMissing, OTHER, SECOND)


def test_two_first_components_at_one_moment_leave_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither has seen the other's row: the database has the last word."""
    bring(ONE, FIRST)
    monkeypatch.setattr(services, "lock_component", lambda **name: None)
    error = refusal_of(KeyComponentRefused, OTHER, SECOND)
    assert str(error) == "another component came at the same moment: enter this one again"
