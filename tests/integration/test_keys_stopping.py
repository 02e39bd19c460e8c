"""A vending key stopped, started again by two, limited by ACT and IUT; and what is told of each key."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from fleet.audit.models import AuditEntry
from fleet.cases.errors import CaseOutcomeInvalid
from fleet.cases.models import Case
from fleet.cases.services import open_case
from tests.support.rows import rows_of
from tests.support.world import ACTOR, KEY, NOW, VENDING_KEY
from vending.keys.errors import (
    CustodiansNotDifferent,
    VendingKeyIssueEnded,
    VendingKeyNotActive,
    VendingKeyRefused,
    VendingKeyStopped,
)
from vending.keys.models import VendingKey
from vending.keys.queries import KeyDescription, check_may_issue, describe_keys
from vending.keys.services import KeyAttributes, load_vending_key
from vending.keys.stopping import start_vending_key, stop_vending_key

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
TWO = ("operator:1", "operator:2")
LATER = NOW + timedelta(hours=1)


def load(attributes: KeyAttributes = KEY, secret: bytes = bytes(range(20))) -> VendingKey:
    return load_vending_key(attributes=attributes, secret=secret, nonce=bytes(12), actor=ACTOR, now=NOW)


def stop(row: VendingKey, reason: str = "verify_failed", now: datetime = NOW) -> bool:
    return stop_vending_key(vending_key_id=row.pk, reason=reason, actor="system:test", now=now)


def test_stopped_key_keeps_its_first_reason_and_issues_nothing() -> None:
    row = load()
    check_may_issue(row, NOW)
    assert stop(row) is True
    assert stop(row, "another", LATER) is False
    row.refresh_from_db()
    assert (row.stopped_at, row.stopped_reason) == (NOW, "verify_failed")
    with pytest.raises(VendingKeyStopped, match=r"^the vending key of SGC 201457, KRN 1, KT 2 is stopped: verify_fail"):
        check_may_issue(row, NOW)
    entries = AuditEntry.objects.filter(act="vending_key.stopped")
    assert [(entry.actor, entry.subject, entry.details) for entry in entries] == [
        ("system:test", f"vending_key:{row.pk}", {"reason": "verify_failed"})
    ]


@pytest.mark.parametrize("reason", ["", "x" * 41])
def test_reason_that_is_none_is_refused(reason: str) -> None:
    row = load()
    before = rows_of(VendingKey, AuditEntry)
    with pytest.raises(VendingKeyRefused):
        stop(row, reason)
    assert rows_of(VendingKey, AuditEntry) == before
    assert stop(row, "x" * 40)


def test_stop_touches_no_other_key_and_one_that_is_not_there_is_not_stopped() -> None:
    row, other = load(), load(replace(KEY, krn=2))
    stop(row)
    other.refresh_from_db()
    assert other.stopped_at is None
    assert stop_vending_key(vending_key_id=10**6, reason="x", actor=ACTOR, now=NOW) is False


def test_two_persons_start_a_key_and_close_its_cases() -> None:
    row, other = load(), load(replace(KEY, krn=2))
    for subject in (f"vending_key:{row.pk}", f"vending_key:{other.pk}"):
        open_case(reason="verify_failed", subject=subject, details={}, due_at=LATER, actor=ACTOR, now=NOW)
    stop(row)
    assert start_vending_key(vending_key_id=row.pk, actors=TWO, now=LATER, outcome="module replaced") is True
    row.refresh_from_db()
    assert (row.stopped_at, row.stopped_reason) == (None, "")
    check_may_issue(row, LATER)
    cases = {case.subject: (case.closed_at, case.outcome) for case in Case.objects.all()}
    assert cases == {f"vending_key:{row.pk}": (LATER, "module replaced"), f"vending_key:{other.pk}": (None, "")}
    entry = AuditEntry.objects.get(act="vending_key.started")
    assert (entry.actor, entry.details) == ("operator:2", {"custodians": list(TWO)})
    before = rows_of(VendingKey, AuditEntry, Case)
    assert start_vending_key(vending_key_id=row.pk, actors=TWO, now=LATER) is False
    assert rows_of(VendingKey, AuditEntry, Case) == before


def test_one_person_does_not_start_a_key() -> None:
    row = load()
    stop(row)
    before = rows_of(VendingKey, AuditEntry)
    with pytest.raises(CustodiansNotDifferent):
        start_vending_key(vending_key_id=row.pk, actors=("operator:1", "operator:1"), now=NOW)
    assert rows_of(VendingKey, AuditEntry) == before


def test_start_of_a_key_that_was_stopped_anew_in_the_meantime_leaves_it_stopped() -> None:
    row = load()
    stop_vending_key(vending_key_id=row.pk, reason="sheet lost", actor="operator:1", now=NOW)
    start_vending_key(vending_key_id=row.pk, actors=TWO, now=NOW, stopped_at=NOW)
    stop_vending_key(vending_key_id=row.pk, reason="verify_failed", actor=ACTOR, now=LATER)
    before = rows_of(VendingKey, AuditEntry)
    with pytest.raises(VendingKeyStopped, match=r"^the vending key was stopped anew in the meantime: look why"):
        start_vending_key(vending_key_id=row.pk, actors=("operator:3", "operator:4"), now=LATER, stopped_at=NOW)
    assert rows_of(VendingKey, AuditEntry) == before
    assert start_vending_key(vending_key_id=row.pk, actors=TWO, now=LATER, stopped_at=LATER) is True
    assert start_vending_key(vending_key_id=row.pk, actors=TWO, now=LATER, stopped_at=LATER) is False


def test_start_with_an_outcome_that_is_none_leaves_the_key_stopped() -> None:
    row = load()
    stop(row)
    with pytest.raises(CaseOutcomeInvalid):
        start_vending_key(vending_key_id=row.pk, actors=TWO, now=NOW, outcome=" ")
    row.refresh_from_db()
    assert row.stopped_at == NOW


def test_key_issues_from_act_until_iut_both_included() -> None:
    row = load(replace(KEY, active_from_at=NOW, issue_until_at=LATER))
    second = timedelta(seconds=1)
    check_may_issue(row, NOW)
    check_may_issue(row, LATER)
    with pytest.raises(VendingKeyNotActive) as early:
        check_may_issue(row, NOW - second)
    with pytest.raises(VendingKeyIssueEnded) as late:
        check_may_issue(row, LATER + second)
    assert (early.value.retryable, late.value.retryable) == (True, False)


def test_description_has_every_attribute_and_opens_nothing() -> None:
    row = load(replace(KEY, ken=200, active_from_at=NOW, issue_until_at=LATER))
    stop(row, "verify_failed", LATER)
    VendingKey.objects.update(sealed=b"")
    (description,) = describe_keys()
    assert description == KeyDescription(
        sgc="201457",
        krn=1,
        kt=2,
        base_date="14",
        dkga=4,
        ken=200,
        check_value=row.check_value,
        active_from_at=NOW,
        issue_until_at=LATER,
        stopped_at=LATER,
        stopped_reason="verify_failed",
        is_verified=True,
        is_published=False,
        sealed_by=row.sealed_by,
    )


@pytest.mark.parametrize(
    ("base_date", "ken", "ends_at"),
    [
        ("93", 255, datetime(2024, 11, 24, 20, 15, tzinfo=UTC)),
        ("14", 255, datetime(2045, 11, 24, 20, 15, tzinfo=UTC)),
        ("35", 255, datetime(2066, 11, 24, 20, 15, tzinfo=UTC)),
        ("14", 0, datetime(2014, 2, 15, 12, 15, tzinfo=UTC)),
    ],
)
def test_description_says_when_ken_and_base_date_end(base_date: str, ken: int, ends_at: datetime) -> None:
    load(replace(KEY, base_date=base_date, ken=ken))
    assert describe_keys()[0].last_tid_at == ends_at


def test_keys_are_described_in_order_with_what_is_published_and_what_is_unverified() -> None:
    des = bytes.fromhex("0123456789abcdef")
    load(replace(KEY, krn=5, dkga=3), des + des)
    load(replace(KEY, krn=4, dkga=1), des)
    load(replace(KEY, krn=3, dkga=2), VENDING_KEY[8:16])
    load(replace(KEY, krn=2, kt=3))
    load(KEY, VENDING_KEY)
    assert [(key.krn, key.is_verified, key.is_published) for key in describe_keys()] == [
        (1, True, True),
        (2, False, False),
        (3, True, True),
        (4, False, False),
        (5, False, False),
    ]
