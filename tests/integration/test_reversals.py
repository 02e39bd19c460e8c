"""Money that a provider took back by itself: before we know the payment, before its code, after it, twice."""

from collections.abc import Callable

import pytest

from fleet.cases.models import Case
from gateway.desk.services import Kind
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.services import decline_payment, freeze_payment
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.refunds.services import apply_reversal, apply_reversals, record_payout
from gateway.reversals.models import Reversal
from gateway.reversals.queries import (
    find_reversal,
    list_applicable_ids,
    list_reversals_of,
    list_reversed_receipts,
    list_unmatched,
)
from gateway.sms.models import Message
from tests.support.committed import at_once, committed, committed_world
from tests.support.desk import (
    FLOAT,
    agreed,
    differences,
    down,
    note,
    open_cases,
    sums_of,
    take_back,
)
from tests.support.world import ACTOR, AMINA, World
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import get_wallet
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

__all__ = ["committed", "committed_world"]

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


# Noting


def test_reversal_is_noted_once_by_its_payment_and_the_first_word_stands(world: World) -> None:
    first = note(world, "RCPTX1", receipt="")
    second = note(world, "RCPTX1", amount_minor=100, receipt="REVRSL0009")
    assert (second.pk, second.amount_minor, second.receipt) == (first.pk, 20_000, "REVRSL0009")
    note(world, "RCPTX1", receipt="REVRSL0010")
    kept = find_reversal("daraja", "RCPTX1")
    assert kept is not None
    assert kept.receipt == "REVRSL0009"
    assert list_reversed_receipts([("daraja", "RCPTX1"), ("other", "RCPTX1"), ("daraja", "Y")]) == {
        ("daraja", "RCPTX1")
    }
    assert list_reversed_receipts([]) == set()
    assert (list_applicable_ids(5), [row.pk for row in list_unmatched(5)]) == ([], [first.pk])


@pytest.mark.django_db(transaction=True)
def test_reversal_told_by_two_doors_at_once_is_one_row(committed_world: World) -> None:
    results = at_once([lambda: note(committed_world, "RCPTX1")] * 2)
    assert [type(result) for result in results] == [Reversal, Reversal]
    assert Reversal.objects.count() == 1


# Before a meter has the money


def test_payment_taken_back_before_it_was_allocated_buys_nothing(world: World) -> None:
    payment = Payment.objects.get(pk=world.confirm().payment_id or 0)
    reversal = take_back(world, payment)
    world.fulfil()
    assert (payment.state, reversal.outcome, reversal.applied_at) == (PaymentState.REFUNDED, "suspense", world.now)
    assert sums_of(f"payment:{payment.pk}:suspense") == {FLOAT: 20_000, "suspense": -20_000}
    assert sums_of(f"payment:{payment.pk}:reversed") == {"suspense": 20_000, FLOAT: -20_000}
    assert not Vend.objects.exists()
    assert differences(world) == []


def test_reversal_known_before_its_payment_stops_it_when_it_comes(world: World) -> None:
    note(world, "RCPTEARLY1")
    assert apply_reversals(now=world.now, actor=ACTOR) == 0
    world.confirm(receipt="RCPTEARLY1")
    world.fulfil()
    apply_reversals(now=world.now, actor=ACTOR)
    world.fulfil()
    payment = Payment.objects.get()
    assert (payment.state, Vend.objects.count()) == (PaymentState.REFUNDED, 0)
    assert differences(world) == []


def test_suspense_money_taken_back_is_refunded(world: World) -> None:
    payment = world.sell(account="NO SUCH METER")
    take_back(world, payment)
    assert payment.state == PaymentState.REFUNDED
    assert sums_of(f"payment:{payment.pk}:reversed") == {"suspense": 20_000, FLOAT: -20_000}
    assert differences(world) == []


def test_declined_claim_waits_until_it_comes_true(world: World) -> None:
    payment = Payment.objects.get(pk=world.confirm().payment_id or 0)
    freeze_payment(payment_id=payment.pk, reason="not_in_statement", actor=ACTOR, now=world.now)
    decline_payment(payment_id=payment.pk, reason="no such money", actor=ACTOR, now=world.now)
    reversal = take_back(world, payment)
    assert (payment.state, reversal.applied_at) == (PaymentState.DECLINED, None)
    assert apply_reversal(reversal_id=reversal.pk, actor=ACTOR, now=world.now) is False
    assert not LedgerEntry.objects.exists()


# From a meter


@pytest.mark.parametrize("resumes", [False, True])
def test_sale_without_a_code_is_cancelled_and_the_wallet_pays(world: World, resumes: bool) -> None:
    module = world.module
    down(world)
    payment = world.sell()
    reversal = take_back(world, payment)
    if resumes:
        world.module = module
        world.later(600)
        world.resume()
    assert (payment.state, reversal.outcome) == (PaymentState.REVERSED, "wallet")
    assert Vend.objects.get().state == VendState.CANCELLED
    assert sums_of(f"payment:{payment.pk}:reversed") == {"wallet": 20_000, FLOAT: -20_000}
    assert get_wallet(world.meter.pk) == 0
    assert not Message.objects.filter(kind="token").exists()
    assert open_cases() == set()
    assert differences(world) == []


def test_money_that_waits_in_the_wallet_pays_for_its_reversal(world: World) -> None:
    payment = world.sell(500)
    reversal = take_back(world, payment)
    assert (payment.state, reversal.outcome, get_wallet(world.meter.pk)) == (PaymentState.REVERSED, "wallet", 0)
    assert sums_of(f"payment:{payment.pk}:reversed") == {"wallet": 500, FLOAT: -500}
    assert [row.pk for row in list_reversals_of(payment.pk)] == [reversal.pk]
    assert differences(world) == []


def test_reversal_after_the_token_takes_the_wallet_and_the_meter_owes_the_rest(world: World) -> None:
    payment = world.sell()
    reversal = take_back(world, payment)
    assert (payment.state, reversal.outcome) == (PaymentState.REVERSED, "token")
    assert Vend.objects.get().state == VendState.ISSUED
    assert sums_of(f"payment:{payment.pk}:reversed") == {
        "wallet": 208,
        "receivable:reversed": 19_792,
        FLOAT: -20_000,
    }
    assert get_wallet(world.meter.pk) == 0
    assert open_cases() == {("late_reversal", f"payment:{payment.pk}")}
    assert Case.objects.get().details == {
        "payment_minor": 20_000,
        "taken_minor": 20_000,
        "owed_minor": 19_792,
        "meter_id": world.meter.pk,
    }
    message = Message.objects.get(kind="reversed")
    assert (message.to_e164, message.cause) == (AMINA, f"payment:{payment.pk}:reversed:{AMINA}")
    assert "owes KES197.92" in message.body
    assert differences(world) == []


def test_repeated_reversal_changes_nothing(world: World) -> None:
    payment = world.sell()
    reversal = take_back(world, payment)
    entries = LedgerEntry.objects.count()
    take_back(world, payment)
    assert apply_reversal(reversal_id=reversal.pk, actor=ACTOR, now=world.now) is False
    assert (LedgerEntry.objects.count(), Reversal.objects.count()) == (entries, 1)


def test_money_that_another_sale_used_is_owed(world: World) -> None:
    first = world.sell(500)
    world.sell(20_000)
    left = get_wallet(world.meter.pk)
    reversal = take_back(world, first)
    assert (reversal.outcome, get_wallet(world.meter.pk)) == ("wallet", 0)
    assert sums_of(f"payment:{first.pk}:reversed") == {
        key: amount
        for key, amount in {"wallet": left, "receivable:reversed": 500 - left, FLOAT: -500}.items()
        if amount
    }
    assert open_cases() == {("late_reversal", f"payment:{first.pk}")}
    assert differences(world) == []


def test_new_meter_bears_the_reversal_of_a_moved_payment(world: World) -> None:
    payment = world.sell(500)
    agreed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.other_meter.pk)
    world.sell(400)
    take_back(world, payment)
    assert (get_wallet(world.meter.pk), get_wallet(world.other_meter.pk)) == (400, 0)
    assert payment.state == PaymentState.REVERSED
    assert differences(world) == []


# With refunds of ours


def test_open_refund_of_ours_is_done_by_the_reversal(world: World) -> None:
    payment = world.sell(account="NO SUCH METER")
    agreed(world, Kind.PAYMENT_REFUND, payment.pk)
    reversal = take_back(world, payment)
    refund = Refund.objects.get()
    assert (refund.state, refund.payout_receipt) == (RefundState.DONE, "REVRSL0001")
    assert (payment.state, reversal.outcome) == (PaymentState.REFUNDED, "refund")
    assert sums_of(f"payment:{payment.pk}:reversed") == {}
    assert sums_of(f"refund:{refund.pk}:done") == {"refunds": 20_000, FLOAT: -20_000}
    assert differences(world) == []


def test_open_refund_of_a_part_is_done_and_the_wallet_bears_the_rest(world: World) -> None:
    payment = world.sell(500)
    agreed(world, Kind.WALLET_REFUND, world.meter.pk, payment_id=payment.pk, amount_minor=200)
    reversal = take_back(world, payment)
    refund = Refund.objects.get()
    assert (refund.state, payment.state, reversal.outcome) == (RefundState.DONE, PaymentState.REVERSED, "wallet")
    assert sums_of(f"refund:{refund.pk}:done") == {"refunds": 200, FLOAT: -200}
    assert sums_of(f"payment:{payment.pk}:reversed") == {"wallet": 300, FLOAT: -300}
    assert (get_wallet(world.meter.pk), open_cases()) == (0, set())


def test_reversal_in_the_portal_whose_receipt_was_entered_changes_nothing(world: World) -> None:
    payment = world.sell(500)
    agreed(world, Kind.WALLET_REFUND, world.meter.pk, payment_id=payment.pk, amount_minor=200)
    refund = Refund.objects.get()
    record_payout(refund_id=refund.pk, receipt="PORTAL0001", operator_id=3, actor="operator:3", now=world.now)
    reversal = take_back(world, payment, 200, "PORTAL0001")
    assert (reversal.outcome, payment.state, get_wallet(world.meter.pk)) == ("refund", PaymentState.ALLOCATED, 300)
    assert differences(world) == []


def test_money_that_went_back_twice_from_a_meter_is_owed_and_a_case(world: World) -> None:
    payment = world.sell(500)
    agreed(world, Kind.PAYMENT_REFUND, payment.pk)
    refund = Refund.objects.get()
    Refund.objects.filter(pk=refund.pk).update(state=RefundState.BY_HAND, next_try_at=None)
    record_payout(refund_id=refund.pk, receipt="B2CPAY0001", operator_id=3, actor="operator:3", now=world.now)
    reversal = take_back(world, payment)
    assert (payment.state, reversal.outcome) == (PaymentState.REVERSED, "twice")
    assert sums_of(f"payment:{payment.pk}:reversed") == {"receivable:reversed": 500, FLOAT: -500}
    subject = f"payment:{payment.pk}"
    assert open_cases() == {("late_reversal", subject), ("reversal_after_refund", subject)}
    assert differences(world) == []


def test_money_of_no_meter_that_went_back_twice_waits_for_a_person(world: World) -> None:
    payment = world.sell(account="NO SUCH METER")
    agreed(world, Kind.PAYMENT_REFUND, payment.pk)
    refund = Refund.objects.get()
    Refund.objects.filter(pk=refund.pk).update(state=RefundState.BY_HAND, next_try_at=None)
    record_payout(refund_id=refund.pk, receipt="B2CPAY0001", operator_id=3, actor="operator:3", now=world.now)
    reversal = take_back(world, payment)
    assert reversal.applied_at is None
    assert open_cases() == {("reversal_after_refund", f"payment:{payment.pk}")}
    assert differences(world) == []


# Another amount


def test_other_amount_from_a_meter_is_taken_as_it_was_and_a_case(world: World) -> None:
    payment = world.sell(500)
    take_back(world, payment, 300)
    assert (payment.state, get_wallet(world.meter.pk)) == (PaymentState.REVERSED, 200)
    assert sums_of(f"payment:{payment.pk}:reversed") == {"wallet": 300, FLOAT: -300}
    assert open_cases() == {("reversal_amount_differs", f"payment:{payment.pk}")}
    assert differences(world) == []


def test_other_amount_from_suspense_waits_for_a_person_and_nothing_is_asked_meanwhile(world: World) -> None:
    payment = world.sell(account="NO SUCH METER")
    agreed(world, Kind.PAYMENT_REFUND, payment.pk)
    reversal = take_back(world, payment, 15_000)
    refund = Refund.objects.get()
    assert (payment.state, reversal.applied_at, refund.state) == (
        PaymentState.REFUND_PENDING,
        None,
        RefundState.BY_HAND,
    )
    subject = f"payment:{payment.pk}"
    assert open_cases() == {("reversal_amount_differs", subject), ("refund_by_hand", f"refund:{refund.pk}")}
    cases = Case.objects.count()
    take_back(world, payment, 15_000)
    assert Case.objects.count() == cases
    assert differences(world) == []


# At once


@pytest.mark.django_db(transaction=True)
def test_reversal_and_sale_at_once_end_in_books_that_agree(committed_world: World) -> None:
    world = committed_world
    payment = Payment.objects.get(pk=world.confirm().payment_id or 0)
    note(world, payment.receipt or "")
    acts: list[Callable[[], object]] = [
        world.fulfil,
        lambda: apply_reversals(now=world.now, actor=ACTOR),
        lambda: apply_reversals(now=world.now, actor=ACTOR),
    ]
    results = at_once(acts)
    apply_reversals(now=world.now, actor=ACTOR)
    payment.refresh_from_db()
    assert not [result for result in results if isinstance(result, Exception)]
    assert payment.state == PaymentState.REFUNDED
    assert LedgerEntry.objects.filter(cause=f"payment:{payment.pk}:reversed").count() == 1
    assert differences(world) == []
