"""Whose payment it is: the meter that an account text means, and the phone that paid, as far as anybody can tell."""

from dataclasses import replace

import pytest
from django.db import transaction

from fleet.cases.models import Case
from fleet.customers.services import add_customer
from fleet.meters.locks import lock_meters
from fleet.meters.models import Meter, MeterPhone
from fleet.meters.services import link_phone
from gateway.fulfilment.resending import list_codes_for_phone, resend_codes
from gateway.fulfilment.services import MOVED, allocate, issue_and_settle
from gateway.http.phones import msisdn_sha256
from gateway.payments.lifecycle import PaymentState
from gateway.payments.masks import fits_mask
from gateway.payments.models import Payment
from gateway.payments.ports import Payer
from gateway.payments.queries import DoublePay, find_double_pays, find_meters, list_payments_of_receipt
from gateway.sms.models import Message
from tests.support.world import ACTOR, AMINA, JUMA, NOW, STRANGER, World
from vending.ledger.accounts import WALLET
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend
from vending.vends.services import SaleOrder, cancel_vend, fund_vends, hold_vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

SISTER = "+254711000203"


def link(meter: Meter, phone_e164: str) -> None:
    phone = add_customer(
        name="Wanjiru Mwangi", e164=phone_e164, msisdn_sha256=msisdn_sha256(phone_e164), actor=ACTOR, now=NOW
    )
    link_phone(meter_id=meter.pk, phone_id=phone.pk, actor=ACTOR, now=NOW)


def sell_to(world: World, payer: Payer, account: str = "") -> Payment:
    accepted = world.take(replace(world.claim(20_000, account or world.meter.drn), payer=payer))
    world.fulfil()
    return Payment.objects.get(pk=accepted.payment_id or 0)


def phones_told() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("to_e164", flat=True))


@pytest.mark.parametrize(
    "masked",
    ["2547 ***** 101", "25471****101", "+254711***101", "254-711-***-101", "07** *** 101", "*** *** 101", "254711*"],
)
def test_mask_fits_the_number_behind_it(masked: str) -> None:
    assert fits_mask(AMINA, masked)


@pytest.mark.parametrize(
    "masked",
    [
        "2547 ***** 126",
        "25672*****101",
        "2547110001010*",
        "254711000101",
        "**********",
        "*1",
        "*" * 40,
        "2547 ***** 10l",
        "2547 ????? 101",
        "\uff12\uff15\uff14*101",
        "1*" * 16,
        "",
        "\u200f2547*****101",
    ],
)
def test_mask_that_says_another_number_or_nothing_fits_nobody(masked: str) -> None:
    assert not fits_mask(AMINA, masked)


def test_masked_payer_that_fits_one_linked_phone_gets_the_code_alone(world: World) -> None:
    link(world.meter, SISTER)
    sell_to(world, Payer(masked="2547 ***** 203"))
    assert phones_told() == [SISTER]


@pytest.mark.parametrize("masked", ["2547 ***** 126", "2547 ***** ***", "***"])
def test_masked_payer_that_fits_none_or_both_sends_the_code_to_every_linked_phone(world: World, masked: str) -> None:
    link(world.meter, SISTER)
    sell_to(world, Payer(masked=masked))
    assert phones_told() == [AMINA, SISTER]


def test_masked_payer_is_not_taken_for_whoever_began_a_purchase(world: World) -> None:
    """Juma began one for this meter and did not pay; Amina pays the same by hand."""
    purchase = world.purchase(payer=JUMA)
    payment = sell_to(world, Payer(masked="2547 ***** 101"))
    assert payment.pk != purchase.pk
    assert phones_told() == [AMINA]


def test_masked_payer_never_chooses_a_phone_of_another_meter(world: World) -> None:
    sell_to(world, Payer(masked="2547 ***** 102"))
    assert phones_told() == [AMINA]
    assert list_codes_for_phone(msisdn_sha256=msisdn_sha256(JUMA), meter_ids=[], limit=9) == []


def test_clear_payer_who_is_not_linked_gets_the_code_beside_the_owner(world: World) -> None:
    sell_to(world, Payer(e164=STRANGER))
    assert phones_told() == [STRANGER, AMINA]


def test_hashed_stranger_gets_no_text_and_may_fetch_the_code_from_the_phone_that_paid(world: World) -> None:
    sell_to(world, Payer(sha256=msisdn_sha256(STRANGER)))
    assert phones_told() == [AMINA]
    vend = Vend.objects.get()
    assert list_codes_for_phone(msisdn_sha256=msisdn_sha256(STRANGER), meter_ids=[], limit=9) == [vend]
    assert list_codes_for_phone(msisdn_sha256=msisdn_sha256(JUMA), meter_ids=[], limit=9) == []


def test_code_that_no_phone_should_get_is_a_case_about_its_payment(world: World) -> None:
    MeterPhone.objects.all().delete()
    payment = sell_to(world, Payer(sha256=msisdn_sha256(STRANGER)))
    assert Vend.objects.get().state == VendState.ISSUED
    assert not Message.objects.exists()
    case = Case.objects.get()
    assert (case.reason, case.subject) == ("code_without_phone", f"payment:{payment.pk}")
    assert case.details == {"vend_id": Vend.objects.get().pk, "meter": world.meter.drn}
    assert (case.due_at - case.opened_at).total_seconds() == 24 * 3600


def test_code_with_a_phone_opens_no_case(world: World) -> None:
    world.sell()
    assert not Case.objects.exists()


def move_to(world: World, payment: Payment, meter: Meter) -> Vend:
    """The first sale of this payment is cancelled; its money buys for the other meter, out of the wrong wallet."""
    vend_id = Vend.objects.get(authority__kind="payment", authority__reference=str(payment.pk)).pk
    with transaction.atomic():
        meters = lock_meters([world.meter.pk, meter.pk])
        assert hold_vend(vend_id=vend_id, reason="wrong_meter", actor=ACTOR, now=world.now)
        cancel_vend(vend_id=vend_id, actor=ACTOR, now=world.now)
        order = SaleOrder(
            reference=str(payment.pk),
            meter_id=meter.pk,
            paid_minor=payment.amount_minor,
            source=WALLET,
            source_meter_id=world.meter.pk,
            cause=f"payment:{payment.pk}:moved",
        )
        sold = fund_vends(
            kind=MOVED,
            orders=[order],
            meters=meters,
            random_nibble=lambda: 5,
            look_ahead_minutes=30,
            actor=ACTOR,
            now=world.now,
        )
        Payment.objects.filter(pk=payment.pk).update(meter=meter)
    vend = sold[str(payment.pk)]
    assert vend is not None
    issue_and_settle(vend_ids=[vend.pk], tools=world.tools())
    return Vend.objects.get(pk=vend.pk)


def test_moved_sale_is_sent_to_and_seen_by_the_payer_and_the_right_meter_and_by_nobody_else(world: World) -> None:
    link(world.other_meter, SISTER)
    accepted = world.confirm(payer=STRANGER)
    allocate(payment_ids=[accepted.payment_id or 0], tools=world.tools())
    payment = Payment.objects.get()
    vend = move_to(world, payment, world.other_meter)
    assert (vend.state, vend.authority.kind) == (VendState.ISSUED, "moved")
    assert phones_told() == [JUMA, SISTER]
    seen_by = {
        phone: list_codes_for_phone(msisdn_sha256=msisdn_sha256(phone), meter_ids=meter_ids, limit=9)
        for phone, meter_ids in ((STRANGER, []), (JUMA, [world.other_meter.pk]), (AMINA, [world.meter.pk]))
    }
    assert seen_by == {STRANGER: [vend], JUMA: [vend], AMINA: []}
    assert len(resend_codes(vend_ids=[vend.pk], to_e164=STRANGER, request="again", actor=ACTOR, now=world.now)) == 1
    assert "meter 3601000000424" in Message.objects.get(to_e164=STRANGER).body


@pytest.mark.parametrize(
    "account",
    [
        "37000123457 3601000000424",
        "3601000000424/37000123457",
        "\uff13\uff17\uff10\uff10\uff10\uff11\uff12\uff13\uff14\uff15\uff17",
        "\u200f37000123457",
        "37000123457" + "x" * 200,
    ],
)
def test_account_text_that_is_doubtful_is_nobodys(world: World, account: str) -> None:
    assert world.other_meter.drn == "3601000000424"
    assert find_meters([account]) == {account: None}


def test_two_meters_in_one_text_wait_for_a_person(world: World) -> None:
    payment = world.sell(account="37000123457 3601000000424")
    assert (payment.state, payment.meter_id) == (PaymentState.SUSPENSE, None)


@pytest.mark.parametrize("text", ["RCPT000001", " rcpt000001\n", "Rcpt000001"])
def test_payment_of_receipt_is_found_as_people_type_it(world: World, text: str) -> None:
    payment = world.sell()
    assert list_payments_of_receipt(text) == [payment]


@pytest.mark.parametrize("text", ["", "   ", "RCPT000002", "RCPT\x00000001", "%", "RCPT000001' OR 1=1", "R" * 10_000])
def test_payment_of_receipt_that_is_none_names_nothing(world: World, text: str) -> None:
    world.sell()
    assert list_payments_of_receipt(text) == []


def test_double_pay_same_payer_meter_and_amount_within_two_minutes_is_flagged_and_sold(world: World) -> None:
    first = world.sell()
    world.later(120)
    second = world.sell()
    world.later(121)
    third = world.sell()
    assert find_double_pays(world.now) == [DoublePay(first.pk, second.pk)]
    assert Vend.objects.filter(state=VendState.ISSUED).count() == 3
    assert third.state == PaymentState.ALLOCATED
    world.later(24 * 3600)
    assert find_double_pays(world.now) == []


def test_double_pay_other_payer_meter_amount_or_nobody_known_is_none(world: World) -> None:
    world.sell()
    world.sell(amount_minor=20_100)
    world.sell(payer=JUMA)
    world.sell(account=world.other_meter.drn)
    world.sell(account="37000999997")
    for _ in range(2):
        sell_to(world, Payer(masked="2547 ***** 101"))
    assert find_double_pays(world.now) == []
