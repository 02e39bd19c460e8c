"""Paid for the wrong meter: the code is stopped while it can be, and a person decides (journey A4)."""

from datetime import timedelta

import pytest

from fleet.cases.models import Case
from gateway.claims.lifecycle import ClaimState
from gateway.claims.models import ClaimTry, MeterClaim
from gateway.claims.outcomes import ClaimOutcome, ClaimWord
from gateway.claims.services import claim_wrong_meter, expire_claims
from gateway.fulfilment.waiting import tell_waiting_customers
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, JUMA, World
from vending.ledger.queries import get_wallet
from vending.tokens.models import Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

DRN, OTHER_DRN = "37000123457", "3601000000424"
FAKE_KENS = {("201457", 1, 2): 255}


def claim(world: World, payment: Payment, right_drn: str = DRN, phone: str = AMINA) -> ClaimOutcome:
    return claim_wrong_meter(
        receipt=payment.receipt or "", phone_e164=phone, right_drn=right_drn, actor=ACTOR, now=world.now
    )


def pay_wrong(world: World, amount_minor: int = 20_000) -> Payment:
    """Amina's money for Juma's meter; the texts about it are forgotten here."""
    payment = world.sell(amount_minor, account=OTHER_DRN)
    Message.objects.all().delete()
    return payment


def wrong_meter_case() -> Case:
    return Case.objects.get(reason="wrong_meter")


def test_customer_whose_payment_is_stopped_is_told_once(world: World) -> None:
    accepted = world.confirm(account=OTHER_DRN)
    assert claim(world, Payment.objects.get(pk=accepted.payment_id or 0)).word == ClaimWord.STOPPED
    world.later(60)
    assert tell_waiting_customers(now=world.now) == []
    assert [message.kind for message in Message.objects.all()] == ["wrong_meter_held"]


def test_code_that_is_not_made_yet_is_stopped_for_good(world: World) -> None:
    world.module = FakeSecurityModule(FAKE_KENS, is_unavailable=True)
    payment = pay_wrong(world)
    outcome = claim(world, payment)
    case, row = wrong_meter_case(), MeterClaim.objects.get()
    vend = Vend.objects.get()
    assert (outcome.word, outcome.case_id) == (ClaimWord.STOPPED, case.pk)
    assert (vend.state, vend.held_reason, vend.next_try_at) == (VendState.HELD, "payment_frozen", None)
    assert (row.kind, row.state, row.payment_id, row.meter_id) == (
        "wrong_meter",
        ClaimState.OPEN,
        payment.pk,
        world.meter.pk,
    )
    assert (case.subject, case.due_at) == (f"payment:{payment.pk}", world.now + timedelta(hours=24))
    assert case.details == {
        "claim_id": row.pk,
        "wrong_meter": OTHER_DRN,
        "right_meter": DRN,
        "code": "stopped",
    }
    assert Message.objects.get().body == (
        "Tokeni: you say your KES200 for meter ..00424 was for another meter. We look at it and answer you by 21 Nov."
        f" Case H{case.pk}"
    )
    world.module = FakeSecurityModule(FAKE_KENS)
    world.later(600)
    assert world.resume().rows == 0
    assert Token.objects.get().digits == ""


def test_money_that_is_not_allocated_yet_is_frozen(world: World) -> None:
    payment = Payment.objects.get(pk=world.confirm(account=OTHER_DRN).payment_id or 0)
    assert claim(world, payment).word == ClaimWord.STOPPED
    payment.refresh_from_db()
    assert (payment.state, payment.frozen_reason) == (PaymentState.CONFIRMED, "wrong_meter")
    assert world.fulfil().rows == 0
    assert wrong_meter_case().details["code"] == "stopped"


def test_code_that_is_out_cannot_be_called_back_and_the_payer_is_told_so(world: World) -> None:
    payment = pay_wrong(world)
    outcome = claim(world, payment)
    case = wrong_meter_case()
    assert outcome.word == ClaimWord.ALREADY_SENT
    assert case.due_at == world.now + timedelta(days=3)
    told = Message.objects.get(pk=outcome.message_ids[0])
    assert told.to_e164 == AMINA
    assert told.body == (
        "Tokeni: your KES200 went to meter ..00424 and its code was already sent. A code cannot be cancelled."
        f" We ask the owner and answer you by 23 Nov. Case H{case.pk}"
    )
    assert Vend.objects.get().state == VendState.ISSUED


def test_money_in_the_wrong_wallet_is_a_case(world: World) -> None:
    payment = pay_wrong(world, 500)
    assert claim(world, payment).word == ClaimWord.FOR_STAFF
    assert wrong_meter_case().details["code"] == "for_staff"
    assert get_wallet(world.other_meter.pk) == 500


def test_said_again_it_is_one_claim_one_case_and_one_text(world: World) -> None:
    payment = pay_wrong(world)
    claim(world, payment)
    assert claim(world, payment) == ClaimOutcome(ClaimWord.ALREADY_SENT)
    assert MeterClaim.objects.count() == Case.objects.count() == Message.objects.count() == 1


def test_payment_of_somebody_else_is_as_unknown_as_no_payment(world: World) -> None:
    payment = pay_wrong(world)
    assert claim(world, payment, phone=JUMA) == ClaimOutcome(ClaimWord.NOT_FOUND)
    payment.receipt = "NOSUCHCODE"
    assert claim(world, payment, phone=JUMA) == ClaimOutcome(ClaimWord.NOT_FOUND)
    assert list(Case.objects.values_list("reason", flat=True)) == ["claim_needs_person"]
    assert Vend.objects.get().state == VendState.ISSUED
    assert ClaimTry.objects.filter(is_right=False).count() == 2
    assert claim(world, payment, phone=JUMA).word == ClaimWord.NOT_FOUND
    assert claim(world, payment, phone=JUMA).word == ClaimWord.TOO_MANY


@pytest.mark.parametrize(
    ("right_drn", "word"),
    [
        (OTHER_DRN, ClaimWord.SAME_METER),
        ("37000999997", ClaimWord.METER_UNKNOWN),
        ("\x00", ClaimWord.METER_UNKNOWN),
        ("", ClaimWord.METER_UNKNOWN),
    ],
)
def test_right_meter_that_is_none_or_the_same_stops_nothing(world: World, right_drn: str, word: ClaimWord) -> None:
    world.module = FakeSecurityModule(FAKE_KENS, is_unavailable=True)
    payment = pay_wrong(world)
    assert claim(world, payment, right_drn).word == word
    assert Vend.objects.get().held_reason == "security_module_unavailable"
    assert not MeterClaim.objects.exists()


def test_money_that_nobody_has_placed_yet_is_left_to_the_flow(world: World) -> None:
    payment = Payment.objects.get(pk=world.confirm(account="37000999997").payment_id or 0)
    assert claim(world, payment) == ClaimOutcome(ClaimWord.BEING_MADE, payment_id=payment.pk)
    assert not MeterClaim.objects.exists()


def test_money_that_waits_for_a_meter_gets_the_question_instead(world: World) -> None:
    payment = world.sell(account="37000999997")
    assert claim(world, payment).word == ClaimWord.ASKED
    assert MeterClaim.objects.get().kind == "suspense"


@pytest.mark.parametrize(
    ("state", "word"),
    [(PaymentState.REVERSED, ClaimWord.GOING_BACK), (PaymentState.DECLINED, ClaimWord.NOT_PAID)],
)
def test_money_that_is_gone_has_no_wrong_meter(world: World, state: str, word: ClaimWord) -> None:
    payment = pay_wrong(world)
    Payment.objects.update(state=state)
    assert claim(world, payment).word == word
    assert not MeterClaim.objects.exists()


def test_claim_whose_code_was_sent_ends_with_its_time_and_leaves_staff_the_case(world: World) -> None:
    claim(world, pay_wrong(world))
    world.later(7 * 24 * 3600)
    assert expire_claims(now=world.now) == 1
    assert MeterClaim.objects.get().state == ClaimState.EXPIRED
    assert wrong_meter_case().closed_at is None
