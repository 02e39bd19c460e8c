"""A customer says "wrong meter" or names a meter, and the desk answers: the claim, the money, the code and the case."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from fleet.cases.models import Case
from gateway.claims.lifecycle import ClaimState
from gateway.claims.models import MeterClaim
from gateway.claims.outcomes import ClaimWord
from gateway.claims.services import claim_wrong_meter, expire_claims, propose_meter
from gateway.desk.services import Kind, assign_alone
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.reconciliation.freezing import release_sales
from gateway.reconciliation.services import import_statement
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.sms.models import Message
from tests.support.desk import (
    agreed,
    approved,
    differences,
    held_sale,
    lost_payment,
    open_cases,
    operator,
    proposed,
    refund_of,
    take_back,
)
from tests.support.statements import Listed, export
from tests.support.world import ACTOR, AMINA, JUMA, NOW, SHORT_CODE, World
from vending.ledger.queries import get_wallet
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def says_wrong_meter(world: World, payment: Payment) -> ClaimWord:
    """Amina paid for Juma's meter, and says that hers was meant."""
    outcome = claim_wrong_meter(
        receipt=payment.receipt or "", phone_e164=AMINA, right_drn=world.meter.drn, actor=ACTOR, now=world.now
    )
    return outcome.word


def stopped_sale(world: World) -> tuple[Payment, Vend]:
    """Money for the wrong meter whose code is not out: stopped by the payer's word."""
    payment = held_sale(world, account=world.other_meter.drn)
    assert says_wrong_meter(world, payment) == ClaimWord.STOPPED
    payment.refresh_from_db()
    assert payment.frozen_reason == "wrong_meter"
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason, vend.next_try_at) == (VendState.HELD, "payment_frozen", None)
    return payment, vend


def stopped_money(world: World) -> Payment:
    """Money for the wrong meter that was stopped before anybody allocated it."""
    payment = Payment.objects.get(pk=world.confirm(account=world.other_meter.drn).payment_id or 0)
    assert says_wrong_meter(world, payment) == ClaimWord.STOPPED
    payment.refresh_from_db()
    assert (payment.state, payment.frozen_reason) == (PaymentState.CONFIRMED, "wrong_meter")
    return payment


def work(world: World) -> None:
    """Everything that takes payments and sales on by itself, much later."""
    for _ in range(2):
        world.later(600)
        release_sales(actor=ACTOR, now=world.now)
        world.fulfil()
        world.resume()


def codes() -> list[tuple[str, int]]:
    """Who got a code, of which meter."""
    texts = Message.objects.filter(kind="token").order_by("pk")
    return list(texts.values_list("to_e164", "vend__meter_id"))


def claim_state() -> str:
    return MeterClaim.objects.get().state


def test_approved_move_accepts_the_claim_and_the_payer_gets_the_code_of_the_right_meter(world: World) -> None:
    payment, wrong = stopped_sale(world)
    agreed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.meter.pk)
    assert claim_state() == ClaimState.ACCEPTED
    work(world)
    payment.refresh_from_db()
    wrong.refresh_from_db()
    right = Vend.objects.exclude(pk=wrong.pk).get()
    assert (payment.state, payment.frozen_reason, payment.meter_id) == (PaymentState.ALLOCATED, "", world.meter.pk)
    assert (wrong.state, right.state, right.meter_id) == (VendState.CANCELLED, VendState.ISSUED, world.meter.pk)
    assert codes() == [(AMINA, world.meter.pk)]
    assert open_cases() == set()
    assert get_wallet(world.other_meter.pk) == 0
    assert differences(world) == []


def test_approved_release_refuses_the_claim_and_the_first_sale_goes_on(world: World) -> None:
    payment, vend = stopped_sale(world)
    agreed(world, Kind.PAYMENT_RELEASE, payment.pk)
    assert claim_state() == ClaimState.REFUSED
    work(world)
    payment.refresh_from_db()
    vend.refresh_from_db()
    assert (payment.frozen_reason, payment.meter_id) == ("", world.other_meter.pk)
    assert (vend.state, Vend.objects.count()) == (VendState.ISSUED, 1)
    assert {meter_id for _, meter_id in codes()} == {world.other_meter.pk}
    assert open_cases() == set()
    assert differences(world) == []


def test_stopped_money_without_a_sale_is_assigned_to_the_right_meter(world: World) -> None:
    payment = stopped_money(world)
    agreed(world, Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)
    assert claim_state() == ClaimState.ACCEPTED
    work(world)
    vend = Vend.objects.get()
    assert (vend.state, vend.meter_id, codes()) == (VendState.ISSUED, world.meter.pk, [(AMINA, world.meter.pk)])
    assert open_cases() == set()
    assert differences(world) == []


def test_stopped_money_without_a_sale_is_released_to_the_first_meter(world: World) -> None:
    payment = stopped_money(world)
    agreed(world, Kind.PAYMENT_RELEASE, payment.pk)
    work(world)
    assert (claim_state(), Vend.objects.get().meter_id) == (ClaimState.REFUSED, world.other_meter.pk)
    assert open_cases() == set()
    assert differences(world) == []


def test_wrong_meter_of_money_in_the_wallet_is_moved_out_of_it(world: World) -> None:
    payment = world.sell(500, account=world.other_meter.drn)
    assert says_wrong_meter(world, payment) == ClaimWord.FOR_STAFF
    agreed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.meter.pk)
    assert claim_state() == ClaimState.ACCEPTED
    assert (get_wallet(world.other_meter.pk), get_wallet(world.meter.pk)) == (0, 500)
    assert open_cases() == set()
    assert differences(world) == []


# Nothing but the desk lets it go


@pytest.mark.parametrize("has_sale", [True, False])
def test_list_of_the_provider_does_not_let_stopped_money_go(world: World, settings: Settings, has_sale: bool) -> None:
    settings.MPESA_SHORT_CODE = SHORT_CODE
    world.now = NOW - timedelta(hours=1)
    payment = stopped_sale(world)[0] if has_sale else stopped_money(world)
    world.now = NOW + timedelta(hours=1)
    line = Listed(payment.receipt or "", NOW - timedelta(hours=1), "200.00", account=world.other_meter.drn, payer="")
    import_statement(
        provider="daraja",
        file_name="november.csv",
        content=export([line]),
        mapping="org-portal",
        operator_id=None,
        actor=ACTOR,
        now=world.now,
    )
    work(world)
    payment.refresh_from_db()
    assert (payment.frozen_reason, claim_state(), codes()) == ("wrong_meter", ClaimState.OPEN, [])
    assert ("wrong_meter", f"payment:{payment.pk}") in open_cases()
    agreed(world, Kind.PAYMENT_MOVE if has_sale else Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)
    work(world)
    assert codes() == [(AMINA, world.meter.pk)]
    assert differences(world) == []


def test_move_that_was_proposed_before_the_word_of_the_payer_is_done_with_it(world: World) -> None:
    payment = held_sale(world, account=world.other_meter.drn)
    approval = proposed(world, Kind.PAYMENT_MOVE, payment.pk, meter_id=world.meter.pk)
    assert says_wrong_meter(world, payment) == ClaimWord.STOPPED
    approved(world, approval)
    work(world)
    assert (claim_state(), codes()) == (ClaimState.ACCEPTED, [(AMINA, world.meter.pk)])
    assert differences(world) == []


# Money back instead


def test_cancelled_sale_of_stopped_money_is_given_back_and_the_claim_is_refused(world: World) -> None:
    payment, vend = stopped_sale(world)
    agreed(world, Kind.SALE_CANCEL, vend.pk)
    assert claim_state() == ClaimState.OPEN
    refund = refund_of(world, payment)
    assert (refund.state, claim_state()) == (RefundState.WAITING, ClaimState.REFUSED)
    reversal = take_back(world, payment)
    work(world)
    assert (reversal.outcome, payment.state) == ("refund", PaymentState.REVERSED)
    assert Refund.objects.get().state == RefundState.DONE
    assert (codes(), get_wallet(world.other_meter.pk)) == ([], 0)
    assert open_cases() == set()
    assert differences(world) == []


def test_provider_that_takes_stopped_money_back_ends_it(world: World) -> None:
    payment, vend = stopped_sale(world)
    take_back(world, payment)
    work(world)
    vend.refresh_from_db()
    assert (payment.state, payment.frozen_reason) == (PaymentState.REVERSED, "")
    assert (vend.state, codes(), open_cases()) == (VendState.CANCELLED, [], set())
    assert differences(world) == []


# A claim of money that has no meter


@pytest.mark.parametrize("is_alone", [True, False])
def test_claim_of_suspense_money_is_answered_by_who_assigns_it(
    world: World, settings: Settings, is_alone: bool
) -> None:
    settings.ASSIGN_ALONE_UP_TO = 200
    payment = lost_payment(world)
    assert propose_meter(phone_e164=AMINA, drn=world.meter.drn, actor=ACTOR, now=world.now).word == ClaimWord.ASKED
    if is_alone:
        clerk = operator("clerk")
        facts = {"payment_id": payment.pk, "meter_id": world.meter.pk, "operator_id": clerk.pk}
        assert assign_alone(**facts, actor=f"operator:{clerk.pk}", now=world.now)
    else:
        agreed(world, Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)
    assert claim_state() == ClaimState.ACCEPTED
    work(world)
    assert codes() == [(AMINA, world.meter.pk)]
    assert open_cases() == set()
    assert differences(world) == []


def test_claim_of_suspense_money_is_refused_by_who_gives_it_back(world: World) -> None:
    payment = lost_payment(world)
    propose_meter(phone_e164=AMINA, drn=world.meter.drn, actor=ACTOR, now=world.now)
    refund_of(world, payment)
    payment.refresh_from_db()
    assert (claim_state(), payment.state) == (ClaimState.REFUSED, PaymentState.REFUND_PENDING)
    assert open_cases() == set()
    assert differences(world) == []


# The owner of the wrong meter


def test_code_that_was_sent_already_leaves_the_decision_to_a_person(world: World) -> None:
    payment = world.sell(account=world.other_meter.drn)
    sent = codes()
    assert says_wrong_meter(world, payment) == ClaimWord.ALREADY_SENT
    work(world)
    assert codes() == sent
    assert (JUMA in dict(sent), claim_state()) == (True, ClaimState.OPEN)
    assert Case.objects.get(closed_at=None).reason == "wrong_meter"
    assert differences(world) == []


def test_purchase_that_was_paid_for_the_wrong_meter_is_assigned_to_the_right_one(world: World) -> None:
    """A prompt's purchase has its meter before anybody allocates it."""
    purchase = world.purchase(meter=world.other_meter)
    world.take(world.claim(20_000, purchase.reference))
    payment = Payment.objects.get(pk=purchase.pk)
    assert (payment.state, payment.meter_id) == (PaymentState.CONFIRMED, world.other_meter.pk)
    assert says_wrong_meter(world, payment) == ClaimWord.STOPPED
    agreed(world, Kind.PAYMENT_ASSIGN, payment.pk, meter_id=world.meter.pk)
    work(world)
    payment.refresh_from_db()
    vend = Vend.objects.get()
    assert (payment.state, payment.frozen_reason) == (PaymentState.ALLOCATED, "")
    assert (vend.meter_id, vend.state) == (world.meter.pk, VendState.ISSUED)
    assert MeterClaim.objects.get().state == ClaimState.ACCEPTED
    assert differences(world) == []


def test_claim_whose_money_is_stopped_waits_for_staff_for_ever(world: World) -> None:
    stopped_sale(world)
    world.later(30 * 24 * 3600)
    assert expire_claims(now=world.now) == 0
    assert MeterClaim.objects.get().state == ClaimState.OPEN


def test_payment_that_was_given_up_goes_on_when_two_persons_release_it(world: World) -> None:
    payment_id = world.confirm().payment_id or 0
    Payment.objects.filter(pk=payment_id).update(attempts=30)
    world.fulfil()
    assert not Vend.objects.exists()
    agreed(world, Kind.PAYMENT_RELEASE, payment_id)
    work(world)
    assert Vend.objects.get().state == VendState.ISSUED
    assert differences(world) == []
