"""Refunds and reversals that meet: in which order soever the words come, the money goes once and is booked once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest

from fleet.cases.models import Case
from fleet.cases.services import close_case
from gateway.desk.services import Kind
from gateway.http.errors import UnknownProvider
from gateway.inquiries.models import Inquiry
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Outcome
from gateway.payments.services import freeze_payment, release_payment
from gateway.refunds import tasks
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.services import apply_reversals, record_payout
from gateway.reversals.models import Reversal
from tests.support.committed import at_once, committed, committed_world
from tests.support.desk import (
    agreed,
    answered,
    ask,
    differences,
    held_sale,
    lost_payment,
    note,
    open_cases,
    part_of,
    provider,
    refund_of,
    take_back,
)
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.world import ACTOR, World
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import get_wallet
from vending.vends.models import Vend

__all__ = ["committed", "committed_world", "provider"]
pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def test_words_about_one_reversal_in_every_order_book_it_once(world: World, provider: FakePaymentProvider) -> None:
    for number, order in enumerate(permutations(range(3))):
        world.later(3600)
        payment = lost_payment(world)
        refund = refund_of(world, payment)
        ask(world)
        inquiry = Inquiry.objects.latest("pk")
        receipt = f"REVRSL{number:04d}"
        words: list[Callable[[], object]] = [
            partial(answered, world, inquiry, Outcome.PAID, receipt),
            partial(note, world, payment.receipt or "", 20_000, receipt),
            partial(apply_reversals, now=world.now, actor=ACTOR),
        ]
        for place in order:
            words[place]()
        apply_reversals(now=world.now, actor=ACTOR)
        refund.refresh_from_db()
        assert (refund.state, refund.payout_receipt) == (RefundState.DONE, receipt)
        assert LedgerEntry.objects.filter(cause=f"refund:{refund.pk}:done").count() == 1
    assert Reversal.objects.exclude(outcome="refund").count() == 0
    assert open_cases() == set()
    assert differences(world) == []


def test_part_that_was_paid_out_by_reversing_just_that_much_leaves_the_sale_alone(world: World) -> None:
    payment = held_sale(world)
    sale = Vend.objects.get()
    part_minor = get_wallet(world.meter.pk)
    refund = part_of(world, payment, part_minor)

    reversal = take_back(world, payment, part_minor)

    refund.refresh_from_db()
    sale.refresh_from_db()
    assert (refund.state, refund.payout_receipt, reversal.outcome) == (RefundState.DONE, "REVRSL0001", "refund")
    assert (payment.state, sale.state) == (PaymentState.ALLOCATED, "HELD")
    assert (part_minor, get_wallet(world.meter.pk)) == (208, 0)
    assert ("late_reversal", f"payment:{payment.pk}") not in open_cases()
    assert differences(world) == []


def test_word_without_a_receipt_after_the_money_went_back_owes_nothing_until_a_list_names_it(
    world: World, provider: FakePaymentProvider
) -> None:
    payment = held_sale(world)
    agreed(world, Kind.SALE_CANCEL, Vend.objects.get().pk)
    refund = refund_of(world, payment)
    ask(world)
    world.later(15 * 60)
    ask(world)
    first, second = Inquiry.objects.order_by("pk")
    answered(world, second, Outcome.NOT_PAID, code="2006")
    record_payout(refund_id=refund.pk, receipt="REVRSL0001", operator_id=3, actor="operator:3", now=world.now)
    answered(world, first, Outcome.PAID)

    assert (Reversal.objects.get().applied_at, get_wallet(world.meter.pk)) == (None, 0)
    assert open_cases() == {("reversal_after_refund", f"payment:{payment.pk}")}

    note(world, payment.receipt or "")
    apply_reversals(now=world.now, actor=ACTOR)

    assert Reversal.objects.get().outcome == "refund"
    assert open_cases() == set()
    assert differences(world) == []


def test_case_that_a_person_closed_is_not_opened_again_by_the_sweep(world: World) -> None:
    payment = lost_payment(world)
    take_back(world, payment, 15_000)
    case = Case.objects.get(reason="reversal_amount_differs")
    close_case(case_id=case.pk, outcome="the provider sent the rest", actor=ACTOR, now=world.now)

    apply_reversals(now=world.now, actor=ACTOR)

    assert Case.objects.filter(reason="reversal_amount_differs", closed_at=None).count() == 0


def test_reversals_that_wait_for_a_person_hold_up_no_other(world: World) -> None:
    for number in range(3):
        note(world, lost_payment(world).receipt or "", 15_000, f"REVWAIT{number:03d}")
    payment = lost_payment(world)
    note(world, payment.receipt or "")

    assert apply_reversals(now=world.now, actor=ACTOR, limit=2) == 1

    payment.refresh_from_db()
    assert payment.state == PaymentState.REFUNDED


def test_second_reversal_of_another_amount_is_a_case(world: World) -> None:
    payment = world.sell()
    take_back(world, payment, 15_000)
    note(world, payment.receipt or "", 5_000, "REVRSL0002")
    note(world, "NOTHEARD01", 5_000)
    note(world, "NOTHEARD01", 6_000)

    unheard = Reversal.objects.get(payment_receipt="NOTHEARD01")
    assert {subject for reason, subject in open_cases() if reason == "reversal_contradicted"} == {
        f"payment:{payment.pk}",
        f"reversal:{unheard.pk}",
    }


def test_refund_of_money_that_came_into_doubt_is_not_ordered_until_it_is_good(
    world: World, provider: FakePaymentProvider
) -> None:
    payment = lost_payment(world)
    refund_of(world, payment)
    freeze_payment(payment_id=payment.pk, reason="not_in_statement", actor=ACTOR, now=world.now)
    assert ask(world) is False
    release_payment(payment_id=payment.pk, actor=ACTOR, now=world.now)
    assert ask(world) is True
    world.later(15 * 60)
    note(world, payment.receipt or "", 15_000)
    assert ask(world) is False
    assert len(provider.reversal_asks) == 1


def test_late_refusal_of_an_order_does_not_send_a_later_one_by_hand(
    world: World, provider: FakePaymentProvider
) -> None:
    refund = refund_of(world, lost_payment(world))
    ask(world)
    world.later(15 * 60)
    ask(world)
    first, second = Inquiry.objects.order_by("pk")

    answered(world, first, Outcome.NOT_PAID, code="2006")

    refund.refresh_from_db()
    assert refund.state == RefundState.ASKED
    answered(world, second, Outcome.PAID, "REVRSL0001")
    refund.refresh_from_db()
    assert refund.state == RefundState.DONE


def test_refund_of_a_provider_that_is_gone_is_left_to_a_person(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(_name: str) -> object:
        raise UnknownProvider("no such payment provider")

    refund = refund_of(world, lost_payment(world))
    monkeypatch.setattr("gateway.refunds.services.get_provider", gone)

    assert ask(world) is True

    refund.refresh_from_db()
    assert (refund.state, refund.reason) == (RefundState.BY_HAND, f"refused {UnknownProvider.code}")
    assert open_cases() == {("refund_by_hand", f"refund:{refund.pk}")}


def test_sweep_ends_before_its_worker_is_ended(
    world: World, provider: FakePaymentProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        refund_of(world, lost_payment(world))

    def now() -> object:
        world.later(5)
        return world.now

    monkeypatch.setattr(tasks, "now", now)
    began_at = world.now
    tasks.sweep_refunds()

    assert 0 < len(provider.reversal_asks) < 4
    assert world.now - began_at < timedelta(seconds=50)


@pytest.mark.django_db(transaction=True)
def test_answer_payout_and_statement_at_once_end_a_refund_once(
    committed_world: World, provider: FakePaymentProvider
) -> None:
    world = committed_world
    payment = lost_payment(world)
    refund = refund_of(world, payment)
    ask(world)
    world.later(15 * 60)
    ask(world)
    first, second = Inquiry.objects.order_by("pk")
    answered(world, second, Outcome.NOT_PAID, code="2006")
    facts = {"operator_id": 3, "actor": "operator:3", "now": world.now}

    results = at_once(
        [
            partial(record_payout, refund_id=refund.pk, receipt="REVRSL0001", **facts),  # type: ignore[arg-type]
            partial(answered, world, first, Outcome.PAID, "REVRSL0001"),
            partial(take_back, world, payment),
            partial(apply_reversals, now=world.now, actor=ACTOR),
        ]
    )
    apply_reversals(now=world.now, actor=ACTOR)

    refused = [result for result in results if isinstance(result, Exception)]
    assert {type(result).__name__ for result in refused} <= {"RefundNotByHand"}
    assert LedgerEntry.objects.filter(cause__startswith="refund:", cause__endswith=":done").count() == 1
    assert LedgerEntry.objects.filter(cause__endswith=":reversed").count() == 0
    assert Reversal.objects.get().outcome == "refund"
    assert Payment.objects.get().state == PaymentState.REFUNDED
    assert differences(world) == []
