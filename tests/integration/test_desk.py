"""Acts of two persons: what can be proposed, what is done at approval, and what changed meanwhile."""

from datetime import timedelta
from functools import partial

import pytest

from fleet.approvals.errors import ApprovalByMaker, ApprovalDecided, ApprovalExpired, ApprovalWaiting
from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.models import Approval
from fleet.approvals.services import ask
from fleet.audit.models import AuditEntry
from gateway.desk.acts.table import ACTS
from gateway.desk.errors import (
    KindUnknown,
    SecondPersonNeeded,
    TermsOutdated,
    VendMissing,
)
from gateway.desk.kinds import LABELS
from gateway.desk.services import Kind, assign_alone, refuse, withdraw
from gateway.desk.tasks import expire_approvals
from gateway.payments.errors import PaymentNotInSuspense
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from tests.support.committed import at_once, committed, committed_world
from tests.support.desk import approved, differences, held_sale, lines_of, operator, proposed, written
from tests.support.world import ACTOR, AMINA, NOW, PRICES, World
from vending.kernel.errors import DomainError
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import get_wallet
from vending.tariffs.errors import TariffInvalid
from vending.tariffs.models import Tariff
from vending.tariffs.terms import TariffFacts, terms_of
from vending.vends.errors import VendNotCancellable
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
Give = dict[str, object]


def test_every_kind_has_its_act_and_its_label() -> None:
    assert set(ACTS) == set(Kind) == set(LABELS)


# Assigning


def test_assigned_payment_buys_for_its_meter_after_approval(world: World) -> None:
    payment = world.sell(20_000, account="NO SUCH METER")
    approval = proposed(world, Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)
    assert approval.subject == f"payment:{payment.pk}"
    assert approval.terms == {
        "payment_state": "SUSPENSE",
        "payment_minor": 20_000,
        "currency": "KES",
        "receipt": payment.receipt,
        "meter_id": world.meter.pk,
        "drn": world.meter.drn,
    }
    assert approval.expires_at == NOW + timedelta(hours=72)
    assert world.fulfil().rows == 0

    approved(world, approval)
    world.fulfil()

    payment.refresh_from_db()
    assert (payment.state, payment.meter_id) == (PaymentState.ALLOCATED, world.meter.pk)
    assert Vend.objects.get().state == VendState.ISSUED
    assert lines_of(f"payment:{payment.pk}:allocated")[-2:] == [
        ("tax:vat", world.meter.pk, -2_592),
        ("wallet", world.meter.pk, -208),
    ]
    assert differences(world) == []


def test_assignment_that_somebody_else_made_meanwhile_is_outdated(world: World) -> None:
    payment = world.sell(20_000, account="NO SUCH METER")
    approval = proposed(world, Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)
    Payment.objects.filter(pk=payment.pk).update(meter=world.other_meter)
    before = written()
    with pytest.raises(TermsOutdated):
        approved(world, approval)
    approval.refresh_from_db()
    assert (approval.state, written()) == (ApprovalState.WAITING, before)


def test_small_payment_is_assigned_by_one_person_and_a_larger_one_is_not(world: World, settings: object) -> None:
    payment = world.sell(20_000, account="NO SUCH METER")
    facts = {"payment_id": payment.pk, "meter_id": world.meter.pk, "operator_id": 7, "actor": ACTOR, "now": NOW}
    for most in (0, 199):
        settings.ASSIGN_ALONE_UP_TO = most  # type: ignore[attr-defined]
        with pytest.raises(SecondPersonNeeded):
            assign_alone(**facts)  # type: ignore[arg-type]
    settings.ASSIGN_ALONE_UP_TO = 200  # type: ignore[attr-defined]
    assert assign_alone(**facts) is True  # type: ignore[arg-type]
    assert assign_alone(**facts) is False  # type: ignore[arg-type]
    with pytest.raises(PaymentNotInSuspense):
        assign_alone(**(facts | {"meter_id": world.other_meter.pk}))  # type: ignore[arg-type]
    world.fulfil()
    assert Vend.objects.get().meter_id == world.meter.pk
    assert AuditEntry.objects.get(act="payment.assigned_alone").details == {
        "operator_id": 7,
        "meter_id": world.meter.pk,
    }


# Who decides


def test_maker_cannot_approve_and_nothing_is_done(world: World) -> None:
    payment = held_sale(world)
    approval = proposed(world, Kind.SALE_CANCEL, Vend.objects.get().pk)
    before = written()
    with pytest.raises(ApprovalByMaker):
        approved(world, approval, by="maker")
    assert (written(), Vend.objects.get().state) == (before, VendState.HELD)
    assert payment.state == PaymentState.ALLOCATED


def test_refused_and_withdrawn_proposals_do_nothing(world: World) -> None:
    held_sale(world)
    vend_id, entries = Vend.objects.get().pk, LedgerEntry.objects.count()
    first = proposed(world, Kind.SALE_CANCEL, vend_id)
    with pytest.raises(ApprovalWaiting):
        proposed(world, Kind.SALE_CANCEL, vend_id)
    refuse(approval_id=first.pk, checker_id=operator("checker").pk, answer="wait", actor=ACTOR, now=world.now)
    second = proposed(world, Kind.SALE_CANCEL, vend_id)
    withdraw(approval_id=second.pk, operator_id=operator("maker").pk, actor=ACTOR, now=world.now)
    for approval in (first, second):
        with pytest.raises(ApprovalDecided):
            approved(world, approval)
    assert (LedgerEntry.objects.count(), Vend.objects.get().state) == (entries, VendState.HELD)


def test_approval_after_72_hours_is_refused_and_the_task_expires_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    held_sale(world)
    approval = proposed(world, Kind.SALE_CANCEL, Vend.objects.get().pk)
    world.later(72 * 3600)
    with pytest.raises(ApprovalExpired):
        approved(world, approval)
    monkeypatch.setattr("gateway.desk.tasks.now", lambda: world.now)
    expire_approvals()
    approval.refresh_from_db()
    assert approval.state == ApprovalState.EXPIRED


def test_approval_of_something_else_is_not_done_here(world: World) -> None:
    later = NOW + timedelta(hours=1)
    facts: Give = {"kind": "key.load", "subject": "key:1", "terms": {}, "reason": "x", "maker_id": operator("maker").pk}
    approval = ask(**facts, expires_at=later, actor=ACTOR, now=NOW)  # type: ignore[arg-type]
    with pytest.raises(KindUnknown):
        approved(world, approval)
    approval.refresh_from_db()
    assert approval.state == ApprovalState.WAITING


@pytest.mark.django_db(transaction=True)
def test_two_checkers_at_once_cancel_a_sale_once(committed_world: World) -> None:
    world = committed_world
    held_sale(world)
    approval = proposed(world, Kind.SALE_CANCEL, Vend.objects.get().pk)
    operator("one"), operator("two")

    results = at_once([partial(approved, world, approval, by) for by in ("one", "two")])

    assert [type(result) for result in results if isinstance(result, DomainError)] == [ApprovalDecided]
    assert Vend.objects.get().state == VendState.CANCELLED
    assert get_wallet(world.meter.pk) == 20_000
    assert differences(world) == []


# Cancelling


def test_cancelled_sale_brings_all_its_money_into_the_wallet(world: World) -> None:
    payment = held_sale(world)
    vend = Vend.objects.get()
    approval = proposed(world, Kind.SALE_CANCEL, vend.pk)
    assert approval.terms == {
        "vend_state": "HELD",
        "meter_id": world.meter.pk,
        "drn": world.meter.drn,
        "currency": "KES",
        "energy_kwh_tenths": 81,
        "money_back_minor": 19_792,
    }
    approved(world, approval)
    assert lines_of(f"vend:{vend.pk}:cancelled") == [
        ("revenue:energy", world.meter.pk, 16_200),
        ("revenue:fixed_fee", world.meter.pk, 1_000),
        ("tax:vat", world.meter.pk, 2_592),
        ("wallet", world.meter.pk, -19_792),
    ]
    assert get_wallet(world.meter.pk) == 20_000
    message = Message.objects.get()
    assert (message.to_e164, message.cause) == (AMINA, f"payment:{payment.pk}:money_kept")
    assert message.body.endswith(f"KES200 ({payment.receipt}) kept for meter {world.meter.drn}.")
    assert differences(world) == []


def test_sale_that_got_its_code_meanwhile_is_not_cancelled(world: World) -> None:
    held_sale(world)
    vend = Vend.objects.get()
    approval = proposed(world, Kind.SALE_CANCEL, vend.pk)
    world.later(600)
    world.resume()
    assert Vend.objects.get().state == VendState.ISSUED
    before = written()
    with pytest.raises(TermsOutdated, match="vend_not_cancellable"):
        approved(world, approval)
    assert written() == before


def test_cancelling_refuses_an_issued_and_an_unknown_sale(world: World) -> None:
    world.sell()
    with pytest.raises(VendNotCancellable):
        proposed(world, Kind.SALE_CANCEL, Vend.objects.get().pk)
    with pytest.raises(VendMissing):
        proposed(world, Kind.SALE_CANCEL, 99_999)
    assert not Approval.objects.exists()


# Tariffs


def tariff_terms(starts_in: timedelta) -> Give:
    facts = TariffFacts(
        "KES", PRICES, least_payment_minor=1000, most_payment_minor=9_000_000, starts_at=NOW + starts_in
    )
    return terms_of(facts)


def test_tariff_is_published_by_two_persons(world: World) -> None:
    approval = proposed(world, Kind.TARIFF_PUBLISH, world.site.pk, **tariff_terms(timedelta(days=2)))
    assert Tariff.objects.count() == 1
    approved(world, approval)
    tariff = Tariff.objects.get(approval=approval)
    assert (tariff.site, tariff.most_payment_minor, tariff.starts_at) == (
        world.site,
        9_000_000,
        NOW + timedelta(days=2),
    )


def test_tariff_never_starts_in_the_past(world: World) -> None:
    with pytest.raises(TariffInvalid):
        proposed(world, Kind.TARIFF_PUBLISH, world.site.pk, **tariff_terms(timedelta(0)))
    approval = proposed(world, Kind.TARIFF_PUBLISH, world.site.pk, **tariff_terms(timedelta(hours=1)))
    world.later(3600)
    with pytest.raises(TermsOutdated, match="tariff_invalid"):
        approved(world, approval)
    assert Tariff.objects.count() == 1
