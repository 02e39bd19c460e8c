"""Ordering refunds from the provider: again while there is no answer, by hand when it refuses."""

from datetime import timedelta

import pytest

from gateway.inquiries.models import Inquiry
from gateway.payments.lifecycle import PaymentState
from gateway.payments.ports import Outcome, ProviderAnswer, PushOutcome
from gateway.refunds import tasks
from gateway.refunds.errors import (
    RefundNotByHand,
)
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.locks import LEASE
from gateway.refunds.queries import list_open_refunds
from gateway.refunds.services import (
    ask_again,
    record_payout,
    settle_reversal_answer,
)
from gateway.reversals.models import Reversal
from gateway.reversals.services import note_reversal
from tests.support.desk import (
    answered,
    ask,
    differences,
    lost_payment,
    open_cases,
    provider,
    refund_of,
)
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.world import ACTOR, NOW, World
from vending.ledger.models import LedgerEntry

__all__ = ["provider"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def test_unavailable_provider_is_asked_again_with_growing_waits(world: World, provider: FakePaymentProvider) -> None:
    refund = refund_of(world, lost_payment(world))
    provider.ask_next(PushOutcome.UNAVAILABLE, PushOutcome.UNAVAILABLE)
    ask(world)
    refund.refresh_from_db()
    assert (refund.state, refund.next_try_at) == (RefundState.WAITING, NOW + timedelta(minutes=1))
    assert ask(world) is False
    world.later(60)
    ask(world)
    refund.refresh_from_db()
    assert refund.next_try_at == world.now + timedelta(minutes=5)
    world.later(300)
    ask(world)
    refund.refresh_from_db()
    assert (refund.state, refund.attempts, len(provider.reversal_asks)) == (RefundState.ASKED, 3, 3)


@pytest.mark.parametrize("outcome", [PushOutcome.ACCEPTED, PushOutcome.AMBIGUOUS])
def test_order_without_an_answer_is_repeated_after_a_quarter_of_an_hour(
    world: World, provider: FakePaymentProvider, outcome: PushOutcome
) -> None:
    refund = refund_of(world, lost_payment(world))
    provider.ask_next(outcome)
    ask(world)
    world.later(15 * 60 - 1)
    assert ask(world) is False
    world.later(1)
    assert ask(world) is True
    assert Inquiry.objects.count() == 2
    answered(world, Inquiry.objects.order_by("pk")[1], Outcome.PAID, "REVRSL0001")
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE


def test_question_is_stored_before_it_is_asked_and_a_dead_worker_asks_no_sooner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dying(FakePaymentProvider):
        def ask_reversal(self, request: object, *, now: object) -> object:  # type: ignore[override]
            raise SystemExit

    monkeypatch.setattr("gateway.refunds.services.get_provider", lambda _name: Dying("daraja"))
    refund = refund_of(world, lost_payment(world))
    with pytest.raises(SystemExit):
        ask(world)
    refund.refresh_from_db()
    assert (refund.state, refund.leased_until) == (RefundState.ASKED, world.now + LEASE)
    assert Inquiry.objects.get().kind == "reversal"
    world.later(LEASE.total_seconds())
    assert ask(world) is False


def test_many_orders_without_an_answer_become_a_case_and_go_on(world: World, provider: FakePaymentProvider) -> None:
    refund = refund_of(world, lost_payment(world))
    for _ in range(8):
        assert ask(world) is True
        world.later(15 * 60)
    assert open_cases() == {("refund_unanswered", f"refund:{refund.pk}")}
    assert ask(world) is True
    answered(world, Inquiry.objects.order_by("pk")[0], Outcome.PAID, "REVRSL0001")
    assert open_cases() == set()


def test_refusal_at_the_door_leaves_the_refund_to_a_person(world: World, provider: FakePaymentProvider) -> None:
    payment = lost_payment(world)
    refund = refund_of(world, payment)
    provider.ask_next(PushOutcome.REFUSED)
    ask(world)
    refund.refresh_from_db()
    assert (refund.state, refund.next_try_at) == (RefundState.BY_HAND, None)
    assert refund.reason.startswith("refused ")
    assert open_cases() == {("refund_by_hand", f"refund:{refund.pk}")}
    record_payout(refund_id=refund.pk, receipt="B2CPAY0001", operator_id=3, actor="operator:3", now=world.now)
    payment.refresh_from_db()
    assert payment.state == PaymentState.REFUNDED
    assert differences(world) == []


def test_refusal_by_answer_leaves_it_to_a_person_who_may_ask_again(world: World, provider: FakePaymentProvider) -> None:
    payment = lost_payment(world)
    refund = refund_of(world, payment)
    ask(world)
    answered(world, Inquiry.objects.get(), Outcome.NOT_PAID, code="2006")
    refund.refresh_from_db()
    assert (refund.state, refund.reason) == (RefundState.BY_HAND, "refused 2006")
    ask_again(refund_id=refund.pk, actor="operator:3", now=world.now)
    assert open_cases() == set()
    with pytest.raises(RefundNotByHand):
        ask_again(refund_id=refund.pk, actor="operator:3", now=world.now)
    assert ask(world) is True
    answered(world, Inquiry.objects.order_by("pk")[1], Outcome.PAID, "REVRSL0001")
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE
    assert differences(world) == []


def test_unknown_answer_leaves_the_refund_asked(world: World, provider: FakePaymentProvider) -> None:
    refund = refund_of(world, lost_payment(world))
    ask(world)
    answered(world, Inquiry.objects.get(), Outcome.UNKNOWN, code="1")
    refund.refresh_from_db()
    assert refund.state == RefundState.ASKED


def test_sweep_orders_what_is_due(world: World, provider: FakePaymentProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    refund_of(world, lost_payment(world))
    refund_of(world, lost_payment(world))
    monkeypatch.setattr(tasks, "now", lambda: world.now)
    tasks.sweep_refunds()
    assert len(provider.reversal_asks) == 2
    assert [refund.state for refund in list_open_refunds(limit=5)] == [RefundState.ASKED, RefundState.ASKED]


def test_repeated_answer_and_statement_line_of_a_done_refund_change_nothing(
    world: World, provider: FakePaymentProvider
) -> None:
    payment = lost_payment(world)
    refund_of(world, payment)
    ask(world)
    inquiry = Inquiry.objects.get()
    answered(world, inquiry, Outcome.PAID, "REVRSL0001")
    before = LedgerEntry.objects.count()
    answer = ProviderAnswer("daraja", "x", "", Outcome.PAID, "0", "REVRSL0001", payment.receipt or "")
    settle_reversal_answer(inquiry=inquiry, answer=answer, actor=ACTOR, now=world.now)
    note_reversal(
        provider="daraja",
        payment_receipt=payment.receipt or "",
        receipt="REVRSL0001",
        amount_minor=20_000,
        currency="KES",
        door="statement",
        actor=ACTOR,
        now=world.now,
    )
    tasks.sweep_refunds()
    assert (LedgerEntry.objects.count(), Reversal.objects.count()) == (before, 1)
    assert differences(world) == []
