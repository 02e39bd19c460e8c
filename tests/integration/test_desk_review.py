"""Acts of two persons on money in doubt, and by persons who left."""

import pytest

from fleet.approvals.errors import ApprovalPersonInactive
from fleet.approvals.models import Approval
from gateway.desk.errors import TermsOutdated
from gateway.desk.services import Kind
from gateway.payments.doubts import WRONG_METER
from gateway.payments.services import assign_meter, freeze_payment, release_payment
from gateway.refunds.errors import PaymentInDoubt, PaymentNotRefundable
from tests.support.desk import agreed, approved, held_sale, lost_payment, note, operator, proposed, written
from tests.support.world import ACTOR, World
from vending.ledger.queries import get_wallet
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def test_sale_of_money_in_doubt_is_not_turned_into_a_wallet(world: World) -> None:
    payment = held_sale(world)
    sale = Vend.objects.get()
    freeze_payment(payment_id=payment.pk, reason="not_in_statement", actor=ACTOR, now=world.now)
    with pytest.raises(PaymentInDoubt):
        proposed(world, Kind.SALE_CANCEL, sale.pk)
    release_payment(payment_id=payment.pk, actor=ACTOR, now=world.now)
    waiting = proposed(world, Kind.SALE_CANCEL, sale.pk)
    note(world, payment.receipt or "")
    before = written()
    with pytest.raises(TermsOutdated):
        approved(world, waiting)
    assert written() == before


def test_sale_that_is_stopped_for_the_wrong_meter_can_be_cancelled(world: World) -> None:
    payment = held_sale(world)
    freeze_payment(payment_id=payment.pk, reason=WRONG_METER, actor=ACTOR, now=world.now)
    agreed(world, Kind.SALE_CANCEL, Vend.objects.get().pk)
    assert get_wallet(world.meter.pk) == payment.amount_minor


def test_money_that_has_just_got_its_meter_is_not_given_back(world: World) -> None:
    payment = lost_payment(world)
    assign_meter(payment_id=payment.pk, meter_id=world.meter.pk, actor=ACTOR, now=world.now)
    with pytest.raises(PaymentNotRefundable):
        proposed(world, Kind.PAYMENT_REFUND, payment.pk)


def test_persons_whose_login_is_closed_neither_ask_nor_decide(world: World) -> None:
    payment = lost_payment(world)
    maker, checker = operator("maker"), operator("checker")
    maker.is_active = False
    maker.save()
    with pytest.raises(ApprovalPersonInactive):
        proposed(world, Kind.PAYMENT_REFUND, payment.pk)
    maker.is_active, checker.is_active = True, False
    maker.save()
    waiting = proposed(world, Kind.PAYMENT_REFUND, payment.pk)
    checker.save()
    with pytest.raises(ApprovalPersonInactive):
        approved(world, waiting)
    waiting.refresh_from_db()
    assert (waiting.state, Approval.objects.count()) == ("WAITING", 1)
