"""Acts of two persons on a payment: to the right meter, declined as a claim, released."""

import pytest

from fleet.approvals.models import Approval
from gateway.desk.errors import (
    MeterIsSame,
    MeterMissing,
    NothingToMove,
    PaymentNotMovable,
    PaymentNotStopped,
    TermsInvalid,
    TermsOutdated,
)
from gateway.desk.services import Kind
from gateway.payments.errors import PaymentMissing, PaymentNotDeclinable
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.services import freeze_payment
from tests.support.desk import approved, differences, held_sale, lines_of, proposed, written
from tests.support.world import ACTOR, World
from vending.kernel.errors import DomainError
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import get_wallet
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
Give = dict[str, object]


# Moving


def test_moved_payment_buys_for_the_right_meter_once(world: World) -> None:
    payment = held_sale(world)
    wrong = Vend.objects.get()
    approval = proposed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.other_meter.pk)
    assert approval.terms == {
        "payment_state": "ALLOCATED",
        "payment_minor": 20_000,
        "currency": "KES",
        "receipt": payment.receipt,
        "source_meter_id": world.meter.pk,
        "source_drn": world.meter.drn,
        "meter_id": world.other_meter.pk,
        "drn": world.other_meter.drn,
        "vend_id": wrong.pk,
        "moved_minor": 20_000,
    }
    approved(world, approval)
    world.later(600)
    world.resume()

    payment.refresh_from_db()
    wrong.refresh_from_db()
    right = Vend.objects.exclude(pk=wrong.pk).get()
    assert (payment.state, payment.meter_id) == (PaymentState.ALLOCATED, world.other_meter.pk)
    assert (wrong.state, right.state, right.meter_id) == (
        VendState.CANCELLED,
        VendState.ISSUED,
        world.other_meter.pk,
    )
    assert (right.paid_minor, right.energy_kwh_tenths) == (20_000, 81)
    assert lines_of(f"payment:{payment.pk}:moved") == [
        ("revenue:energy", world.other_meter.pk, -16_200),
        ("revenue:fixed_fee", world.other_meter.pk, -1_000),
        ("tax:vat", world.other_meter.pk, -2_592),
        *sorted([("wallet", world.meter.pk, 20_000), ("wallet", world.other_meter.pk, -208)], key=lambda row: row[1]),
    ]
    assert (get_wallet(world.meter.pk), get_wallet(world.other_meter.pk)) == (0, 208)
    assert differences(world) == []
    with pytest.raises(PaymentNotMovable):
        proposed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.meter.pk)


def test_payment_that_bought_nothing_moves_and_too_little_waits_in_the_right_wallet(world: World) -> None:
    payment = world.sell(500)
    assert get_wallet(world.meter.pk) == 500
    approved(world, proposed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.other_meter.pk))
    payment.refresh_from_db()
    assert payment.meter_id == world.other_meter.pk
    assert sorted(lines_of(f"payment:{payment.pk}:moved"), key=lambda row: row[2]) == [
        ("wallet", world.other_meter.pk, -500),
        ("wallet", world.meter.pk, 500),
    ]
    assert (get_wallet(world.meter.pk), get_wallet(world.other_meter.pk)) == (0, 500)
    assert differences(world) == []
    with pytest.raises(PaymentNotMovable):
        proposed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.meter.pk)


def test_move_whose_code_came_meanwhile_is_outdated_and_the_code_stays(world: World) -> None:
    payment = held_sale(world)
    approval = proposed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.other_meter.pk)
    world.later(600)
    world.resume()
    before = written()
    with pytest.raises(TermsOutdated, match="payment_not_movable"):
        approved(world, approval)
    payment.refresh_from_db()
    assert (written(), payment.meter_id) == (before, world.meter.pk)


def test_move_whose_money_was_used_meanwhile_is_outdated(world: World) -> None:
    payment = world.sell(500)
    approval = proposed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.other_meter.pk)
    world.sell(20_000)
    assert get_wallet(world.meter.pk) < 500
    with pytest.raises(TermsOutdated, match="moved_minor"):
        approved(world, approval)
    assert lines_of(f"payment:{payment.pk}:moved") == []


def test_moving_refuses_by_its_own_codes(world: World) -> None:
    sold = world.sell()
    small = world.sell(500, account=world.other_meter.drn)
    lost = world.sell(20_000, account="NO SUCH METER")
    cases: list[tuple[int, Give, type[DomainError]]] = [
        (sold.pk, {"meter_id": world.other_meter.pk}, PaymentNotMovable),
        (lost.pk, {"meter_id": world.meter.pk}, PaymentNotMovable),
        (small.pk, {"meter_id": world.other_meter.pk}, MeterIsSame),
        (small.pk, {"meter_id": 99_999}, MeterMissing),
        (small.pk, {}, TermsInvalid),
        (small.pk, {"meter_id": True}, TermsInvalid),
        (small.pk, {"meter_id": -1}, TermsInvalid),
        (99_999, {"meter_id": world.meter.pk}, PaymentMissing),
    ]
    for payment_id, given, refusal in cases:
        with pytest.raises(refusal):
            proposed(world, Kind.PAYMENT_MOVE, payment_id, **given)
    world.sell(20_000, account=world.other_meter.drn)
    if get_wallet(world.other_meter.pk) == 0:
        with pytest.raises(NothingToMove):
            proposed(world, Kind.PAYMENT_MOVE, small.pk, meter_id=world.meter.pk)
    assert not Approval.objects.exists()


# Doubts


def freeze(world: World, payment: Payment) -> None:
    assert freeze_payment(payment_id=payment.pk, reason="not_in_statement", actor=ACTOR, now=world.now)


def confirmed(world: World) -> Payment:
    return Payment.objects.get(pk=world.confirm().payment_id or 0)


def test_frozen_claim_is_declined_by_two_persons_and_books_nothing(world: World) -> None:
    payment = confirmed(world)
    freeze(world, payment)
    approval = proposed(world, Kind.PAYMENT_DECLINE, payment.pk)
    assert (approval.terms["frozen_reason"], approval.terms["payment_state"]) == ("not_in_statement", "CONFIRMED")
    approved(world, approval)
    world.fulfil()
    payment.refresh_from_db()
    assert payment.state == PaymentState.DECLINED
    assert not LedgerEntry.objects.exists()
    assert differences(world) == []


def test_frozen_payment_is_released_and_buys(world: World) -> None:
    payment = confirmed(world)
    freeze(world, payment)
    world.fulfil()
    assert not Vend.objects.exists()
    approved(world, proposed(world, Kind.PAYMENT_RELEASE, payment.pk))
    world.fulfil()
    assert Vend.objects.get().state == VendState.ISSUED
    assert differences(world) == []


def test_payment_that_nothing_stops_is_neither_declined_nor_released(world: World) -> None:
    payment = confirmed(world)
    with pytest.raises(PaymentNotDeclinable):
        proposed(world, Kind.PAYMENT_DECLINE, payment.pk)
    with pytest.raises(PaymentNotStopped):
        proposed(world, Kind.PAYMENT_RELEASE, payment.pk)
    freeze(world, payment)
    approval = proposed(world, Kind.PAYMENT_DECLINE, payment.pk)
    approved(world, proposed(world, Kind.PAYMENT_RELEASE, payment.pk))
    with pytest.raises(TermsOutdated):
        approved(world, approval)
