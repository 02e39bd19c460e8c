"""The flow: money into a token and a message, once, from any state."""

from dataclasses import replace

import pytest
from django.db import IntegrityError

from fleet.meters.lifecycle import MeterState
from fleet.meters.models import Meter
from fleet.meters.services import move_meter
from gateway.fulfilment.services import allocate
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.simulator.meter import MeterFacts, VirtualMeter
from gateway.sms.models import Message
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, JUMA, NOW, STRANGER, VENDING_KEY, World, add_meter, block
from vending.ledger.models import LedgerEntry, LedgerLine
from vending.ledger.queries import get_wallet
from vending.security.ports import SecurityModuleUnavailable
from vending.tokens.models import Authority, Token
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
FAKE_KENS = {("201457", 1, 2): 255}


def virtual_meter(meter: Meter) -> VirtualMeter:
    facts: dict[str, object] = {"drn": meter.drn, "meter_pan": meter.meter_pan, "ea": meter.ea, "dkga": 4, "base": "14"}
    facts |= {"sgc": meter.sgc, "krn": meter.krn, "kt": meter.kt, "ti": meter.ti}
    return VirtualMeter(MeterFacts.read(facts), VENDING_KEY)


def lines_of(cause: str) -> dict[str, int]:
    return dict(LedgerLine.objects.filter(entry__cause=cause).values_list("account", "amount_minor"))


def test_flow_confirmed_payment_becomes_one_verified_token_and_one_message(world: World) -> None:
    payment = world.sell(20_000)
    vend = Vend.objects.get()
    token = Token.objects.get()
    assert payment.state == PaymentState.ALLOCATED
    assert (vend.state, vend.energy_kwh_tenths) == (VendState.ISSUED, 81)
    assert (vend.net_minor, vend.vat_minor, vend.fee_minor, vend.kept_minor) == (16_200, 2_592, 1_000, 208)
    assert (token.rnd, token.amount_field, len(token.digits)) == (5, 81, 20)
    message = Message.objects.get()
    assert message.to_e164 == AMINA
    assert message.body.splitlines()[0].replace(" ", "") == token.digits


def test_flow_booked_lines_sum_to_nothing_and_name_each_part(world: World) -> None:
    payment = world.sell(20_000)
    assert lines_of(f"payment:{payment.pk}:allocated") == {
        "float:daraja": 20_000,
        "wallet": -208,
        "revenue:energy": -16_200,
        "tax:vat": -2_592,
        "revenue:fixed_fee": -1_000,
    }
    assert get_wallet(world.meter.pk) == 208


def test_flow_token_is_taken_once_by_its_meter_and_by_no_other(world: World) -> None:
    world.sell(20_000)
    digits = Token.objects.get().digits
    meter, other = virtual_meter(world.meter), virtual_meter(world.other_meter)
    assert str(other.type_digits(digits).word) == "REJECT"
    accepted = meter.type_digits(digits)
    assert (str(accepted.word), accepted.energy_kwh_tenths) == ("ACCEPT", 81)
    assert str(meter.type_digits(digits).word) == "USED"


def test_flow_token_of_a_meter_with_ea07_is_taken_under_the_sample_tables(world: World) -> None:
    meter = add_meter(world.site, "3700020046", "Otieno Odhiambo", STRANGER, ea=7)
    world.sell(20_000, account=meter.drn)
    digits = Token.objects.get().digits
    assert str(virtual_meter(meter).type_digits(digits).word) == "ACCEPT"
    meter.ea = 11
    assert str(virtual_meter(meter).type_digits(digits).word) == "REJECT"


def test_flow_called_twice_the_second_call_finds_nothing(world: World) -> None:
    payment = world.sell()
    world.later(60)
    assert world.fulfil([payment.pk]).rows == 0
    assert world.resume().rows == 0
    assert Token.objects.count() == Message.objects.count() == LedgerEntry.objects.count() == 1


def test_flow_second_sale_of_the_month_pays_no_fee_and_uses_the_wallet(world: World) -> None:
    world.sell(20_000)
    world.sell(20_000)
    second = Vend.objects.order_by("pk").last()
    assert second is not None
    assert (second.fee_minor, second.wallet_used_minor) == (0, 208)
    assert second.net_minor + second.vat_minor + second.kept_minor == 20_208


def test_flow_batch_of_one_meter_gets_rising_tids_and_one_fee(world: World) -> None:
    for _ in range(5):
        world.confirm(20_000)
    assert world.fulfil().rows == 5
    tids = list(Token.objects.order_by("pk").values_list("tid", flat=True))
    assert tids == list(range(tids[0], tids[0] + 5))
    assert [vend.fee_minor for vend in Vend.objects.order_by("pk")] == [1_000, 0, 0, 0, 0]


def test_flow_clock_stepping_back_keeps_tids_rising(world: World) -> None:
    world.sell()
    world.later(-600)
    world.sell()
    first, second = Token.objects.order_by("pk").values_list("tid", flat=True)
    assert second == first + 1


def test_flow_clock_stepping_back_too_far_holds_the_sale_until_it_is_near_again(world: World) -> None:
    world.sell()
    world.later(-3600)
    world.sell()
    held = Vend.objects.get(state=VendState.HELD)
    assert (held.held_reason, Token.objects.count(), Message.objects.count()) == ("look_ahead_limit", 1, 1)
    world.later(1860)
    assert len(world.resume().message_ids) == 1
    first, second = Token.objects.order_by("pk").values_list("tid", flat=True)
    assert second == first + 1


def test_flow_too_little_money_is_kept_and_told(world: World) -> None:
    payment = world.sell(500)
    assert payment.state == PaymentState.ALLOCATED
    assert not Vend.objects.exists()
    assert not Token.objects.exists()
    assert get_wallet(world.meter.pk) == 500
    assert "kept for meter 37000123457" in Message.objects.get().body


def test_flow_kept_money_is_used_by_the_next_sale(world: World) -> None:
    world.sell(500)
    world.sell(20_000)
    assert Vend.objects.get().wallet_used_minor == 500


def test_flow_blocked_meter_keeps_the_money_in_its_wallet(world: World) -> None:
    block(world.meter)
    payment = world.sell()
    assert payment.state == PaymentState.ALLOCATED
    assert get_wallet(world.meter.pk) == 20_000
    assert not Vend.objects.exists()


def test_flow_unknown_account_waits_in_suspense_and_the_payer_is_told(world: World) -> None:
    payment = world.sell(account="37000999997")
    assert (payment.state, payment.meter_id) == (PaymentState.SUSPENSE, None)
    assert lines_of(f"payment:{payment.pk}:suspense") == {"float:daraja": 20_000, "suspense": -20_000}
    assert Message.objects.get().to_e164 == AMINA


def test_flow_suspense_that_gets_a_meter_is_allocated_from_suspense(world: World) -> None:
    payment = world.sell(account="37000999997")
    Payment.objects.filter(pk=payment.pk).update(meter=world.meter, next_try_at=world.now)
    assert world.fulfil().rows == 1
    payment.refresh_from_db()
    assert payment.state == PaymentState.ALLOCATED
    assert lines_of(f"payment:{payment.pk}:allocated")["suspense"] == 20_000
    assert Token.objects.count() == 1


@pytest.mark.parametrize("account", [" 3700 0123 457", "370-0012-3457", "amina 37000123457", "3700O123457"])
def test_flow_account_as_people_type_it_finds_the_meter(world: World, account: str) -> None:
    assert world.sell(account=account).meter_id == world.meter.pk


def test_flow_unregistered_payer_sends_the_code_to_the_meters_phone_only(world: World) -> None:
    world.sell(payer=STRANGER)
    assert list(Message.objects.values_list("to_e164", flat=True)) == [AMINA]


def test_flow_payer_of_another_meter_and_its_owner_both_get_the_code(world: World) -> None:
    world.sell(payer=JUMA)
    bodies = dict(Message.objects.values_list("to_e164", "body"))
    assert set(bodies) == {AMINA, JUMA}
    assert "paid by ..102" in bodies[AMINA]


def test_flow_module_down_holds_the_vend_and_issues_it_later(world: World) -> None:
    fake = FakeSecurityModule(FAKE_KENS, is_unavailable=True)
    world.module = fake
    world.sell()
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason) == (VendState.HELD, SecurityModuleUnavailable.code)
    assert not Message.objects.exists()
    tid = Token.objects.get().tid
    fake.is_unavailable = False
    assert world.resume().rows == 0
    world.later(3)
    assert len(world.resume().message_ids) == 1
    vend.refresh_from_db()
    assert vend.state == VendState.ISSUED
    assert Token.objects.get().tid == tid


def test_flow_wrong_digits_from_the_module_are_held_and_nothing_is_sent(world: World) -> None:
    world.module = FakeSecurityModule(FAKE_KENS, adds_units=10)
    world.sell()
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason, vend.next_try_at) == (VendState.HELD, "verify_failed", None)
    assert not Message.objects.exists()


def test_flow_missing_vending_key_holds_the_vend_until_it_is_loaded(world: World) -> None:
    meter = add_meter(world.site, "3700020046", "Otieno Odhiambo", STRANGER, sgc="999999")
    world.sell(account=meter.drn)
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason) == (VendState.HELD, "vending_key_missing")
    assert not Token.objects.exists()
    type(meter).objects.filter(pk=meter.pk).update(sgc="201457")
    world.later(5)
    world.resume()
    vend.refresh_from_db()
    assert vend.state == VendState.ISSUED


def test_flow_killed_after_allocation_is_taken_on_with_the_same_tid(world: World) -> None:
    accepted = world.confirm()
    assert accepted.payment_id is not None
    allocate(payment_ids=[accepted.payment_id], tools=world.tools())
    token = Token.objects.get()
    assert token.digits == ""
    assert world.resume().rows == 0, "its lease still runs"
    world.later(6)
    assert len(world.resume().message_ids) == 1
    token.refresh_from_db()
    assert len(token.digits) == 20


def test_flow_bad_row_in_a_batch_does_not_stop_the_rest(world: World) -> None:
    good, bad = world.confirm().payment_id, world.confirm().payment_id
    assert good is not None
    assert bad is not None
    Authority.objects.create(kind="payment", reference=str(bad), granted_at=NOW)
    world.fulfil()
    states = dict(Payment.objects.values_list("pk", "state"))
    assert states == {good: PaymentState.ALLOCATED, bad: PaymentState.CONFIRMED}
    assert Payment.objects.get(pk=bad).reason == IntegrityError.__name__
    assert Token.objects.count() == 1


def test_flow_leased_payment_is_left_to_its_worker(world: World) -> None:
    accepted = world.confirm()
    from gateway.payments.locks import claim_payments

    claim_payments(payment_ids=None, now=world.now, limit=10)
    assert world.fulfil([accepted.payment_id or 0]).rows == 0
    world.later(6)
    assert world.fulfil().rows == 1


def test_flow_meter_active_again_sells_again(world: World) -> None:
    block(world.meter)
    world.sell()
    move_meter(meter_id=world.meter.pk, state=MeterState.ACTIVE, reason="settled", actor=ACTOR, now=NOW)
    world.sell()
    assert Vend.objects.get().wallet_used_minor == 20_000


def test_flow_money_in_another_currency_than_the_meters_site_waits_for_a_person(world: World) -> None:
    accepted = world.take(replace(world.claim(20_000, world.meter.drn), currency="UGX"))
    world.fulfil()
    assert Payment.objects.get(pk=accepted.payment_id or 0).state == PaymentState.SUSPENSE
    assert not Vend.objects.exists()
