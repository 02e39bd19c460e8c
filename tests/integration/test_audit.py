"""The audit trail: an entry in each act's transaction, sealed in batches into one chain, whoever seals and when."""

import threading
from datetime import timedelta

import pytest
from django.db import transaction

from fleet.audit.models import AuditEntry, AuditSeal
from fleet.audit.queries import find_broken_seals, list_entries_of
from fleet.audit.services import GENESIS, Act, digest_of, record, seal_entries
from tests.support.committed import at_once, committed
from tests.support.tampering import drop_triggers, run_sql
from tests.support.world import ACTOR, NOW

__all__ = ["committed"]
pytestmark = pytest.mark.money_path


def act(number: int) -> Act:
    return Act("test.done", f"thing:{number}", {"number": number})


def record_acts(*numbers: int) -> None:
    record(actor=ACTOR, acts=[act(number) for number in numbers], now=NOW)


@pytest.mark.django_db
def test_record_keeps_who_did_what_to_which_row() -> None:
    record(actor="operator:7", acts=[Act("meter.moved", "meter:3", {"after": "ACTIVE"})], now=NOW)
    (entry,) = list_entries_of(["meter:3"])
    assert (entry.at, entry.actor, entry.act, entry.details) == (NOW, "operator:7", "meter.moved", {"after": "ACTIVE"})
    assert entry.seal is None


@pytest.mark.django_db
def test_record_stands_or_falls_with_the_act() -> None:
    with transaction.atomic():
        record_acts(1)
        transaction.set_rollback(True)
    assert not AuditEntry.objects.exists()


@pytest.mark.django_db
def test_entries_of_several_rows_come_in_order_of_time() -> None:
    record(actor=ACTOR, acts=[act(2)], now=NOW + timedelta(seconds=1))
    record_acts(1, 3)
    assert [entry.subject for entry in list_entries_of(["thing:1", "thing:2"])] == ["thing:1", "thing:2"]


@pytest.mark.django_db
def test_seal_covers_every_entry_once_and_is_idempotent() -> None:
    record_acts(1, 2, 3)
    assert seal_entries(now=NOW) == 3
    assert seal_entries(now=NOW) == 0
    seal = AuditSeal.objects.get()
    assert (seal.entry_count, seal.digest) == (3, digest_of(GENESIS, AuditEntry.objects.order_by("pk")))
    assert list(find_broken_seals()) == []


@pytest.mark.django_db
def test_seals_are_chained_in_batches_of_the_limit() -> None:
    record_acts(1, 2, 3)
    assert [seal_entries(now=NOW, limit=2) for _ in range(3)] == [2, 1, 0]
    first, second = AuditSeal.objects.order_by("pk")
    assert second.digest == digest_of(first.digest, AuditEntry.objects.filter(seal=second))
    assert list(find_broken_seals()) == []


@pytest.mark.django_db
def test_entry_that_commits_late_is_taken_by_a_later_seal() -> None:
    record_acts(1, 2)
    late = AuditEntry.objects.order_by("pk").first()
    assert late is not None
    AuditEntry.objects.filter(pk=late.pk).update(seal=None)
    sealed_first = AuditEntry.objects.exclude(pk=late.pk).get()
    seal = AuditSeal.objects.create(sealed_at=NOW, entry_count=1, digest=digest_of(GENESIS, [sealed_first]))
    AuditEntry.objects.filter(pk=sealed_first.pk).update(seal=seal)
    assert seal_entries(now=NOW) == 1
    late.refresh_from_db()
    assert late.seal_id is not None
    assert late.seal_id > seal.pk
    assert list(find_broken_seals()) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        "UPDATE fleet_auditentry SET actor = 'operator:9' WHERE subject = 'thing:1'",
        "UPDATE fleet_auditentry SET act = 'test.undone' WHERE subject = 'thing:1'",
        "UPDATE fleet_auditentry SET subject = 'thing:9' WHERE subject = 'thing:1'",
        """UPDATE fleet_auditentry SET details = '{"number": 9}' WHERE subject = 'thing:1'""",
        "UPDATE fleet_auditentry SET at = '2026-11-20 09:00:01+00:00' WHERE subject = 'thing:1'",
        "UPDATE fleet_auditentry SET seal_id = NULL WHERE subject = 'thing:1'",
        "DELETE FROM fleet_auditentry WHERE subject = 'thing:1'",
    ],
    ids=["actor", "act", "subject", "details", "at", "seal", "removed"],
)
def test_entry_changed_behind_the_trigger_breaks_its_seal(change: str) -> None:
    record_acts(1, 2)
    seal_entries(now=NOW)
    record_acts(3)
    seal_entries(now=NOW)
    first = AuditSeal.objects.order_by("pk")[0]
    drop_triggers("fleet_auditentry")
    assert run_sql(change) == 1
    left = list(AuditEntry.objects.filter(seal=first).order_by("pk").values_list("pk", flat=True))
    place = f"audit_entry:{left[0]} to {left[-1]}"
    assert list(find_broken_seals()) == [f"audit_seal:{first.pk}: its 2 entries ({place}) are not what was sealed"]


@pytest.mark.django_db
def test_seal_whose_entries_are_all_gone_is_found() -> None:
    record_acts(1)
    seal_entries(now=NOW)
    drop_triggers("fleet_auditentry")
    AuditEntry.objects.all().delete()
    seal = AuditSeal.objects.get()
    assert list(find_broken_seals()) == [f"audit_seal:{seal.pk}: its 1 entries (none left) are not what was sealed"]


@pytest.mark.django_db
def test_seal_made_anew_to_fit_a_changed_entry_cuts_the_chain_behind_it() -> None:
    for number in (1, 2):
        record_acts(number)
        seal_entries(now=NOW)
    first, second = AuditSeal.objects.order_by("pk")
    drop_triggers("fleet_auditentry", "fleet_auditseal")
    AuditEntry.objects.filter(seal=first).update(actor="operator:9")
    forged = digest_of(GENESIS, AuditEntry.objects.filter(seal=first))
    AuditSeal.objects.filter(pk=first.pk).update(digest=forged)
    (broken,) = find_broken_seals()
    assert broken.startswith(f"audit_seal:{second.pk}: its 1 entries ")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("sealed_before", [0, 1], ids=["the-first-seal", "a-later-seal"])
def test_two_sealers_at_once_make_one_chain(committed: None, sealed_before: int) -> None:
    """The second one waits, and then chains to the seal that it waited for, not to the one it saw before."""
    for number in range(sealed_before):
        record_acts(number)
        seal_entries(now=NOW)
    record_acts(10)
    first_has_sealed = threading.Event()

    def first() -> int:
        with transaction.atomic():
            count = seal_entries(now=NOW)
            first_has_sealed.set()
            threading.Event().wait(0.3)  # long enough for the second to have begun
            record_acts(11)
        return count

    def second() -> int:
        first_has_sealed.wait(10)
        return seal_entries(now=NOW)

    assert at_once([first, second]) == [1, 1]
    assert list(find_broken_seals()) == []
    assert AuditSeal.objects.count() == sealed_before + 2
    assert not AuditEntry.objects.filter(seal=None).exists()
