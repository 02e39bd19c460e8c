"""A meter that cannot be sold to now: told in plain words before money moves; money that moves anyway is kept well."""

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from gateway.ussd import services as ussd
from gateway.ussd.models import UssdSession
from tests.support.dialler import Dialler, dial
from tests.support.hooks import Hooks, make_hooks
from tests.support.payloads import json_payload
from tests.support.rows import rows_of
from tests.support.world import ACTOR, AMINA, JUMA, NOW, World, block
from vending.keys.errors import VendingKeyStopped
from vending.keys.models import VendingKey
from vending.keys.stopping import start_vending_key, stop_vending_key
from vending.tokens.models import MeterTid
from vending.vends.errors import MeterBlocked
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]
VALIDATION = "payments/daraja/validation"
CANNOT_SELL = (
    "END We cannot sell for meter ..23457 now. Please try later or call 0800 123 456. You have not paid anything."
)


def stop() -> None:
    stop_vending_key(vending_key_id=VendingKey.objects.get().pk, reason="lost card", actor=ACTOR, now=NOW)


def start() -> None:
    start_vending_key(vending_key_id=VendingKey.objects.get().pk, actors=("operator:1", "operator:2"), now=NOW)


@pytest.mark.parametrize("text", ["1", "1*4*200*1", "2*37000123457*1"])
def test_phone_is_told_in_plain_words_and_nothing_is_begun(world: World, text: str) -> None:
    stop()
    before = rows_of(Payment, AuditEntry)
    assert dial(world, text, phone_e164=JUMA if text.startswith("2") else AMINA) == CANNOT_SELL
    assert rows_of(Payment, AuditEntry) == before
    start()
    assert dial(world, "1", session_id="ATUid_2").startswith("CON Meter 37000123457")


def test_key_stopped_between_the_quote_and_the_word_starts_no_purchase(world: World) -> None:
    phone = Dialler(world)
    assert "You get 8.1 units" in phone.play("1*3")
    stop()
    answered = phone.hop("1*3*1")
    assert (f"END {answered.screen.text}", answered.payment_ids) == (CANNOT_SELL, ())
    assert not Payment.objects.exists()
    assert UssdSession.objects.get().state == "ENDED"


def test_purchase_refused_at_the_last_moment_shows_the_same_words(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> Payment:
        raise VendingKeyStopped("stopped since the screen was made")

    phone = Dialler(world)
    phone.play("1*3")
    monkeypatch.setattr(ussd, "start_purchase", refuse)
    assert phone.screen("1*3*1") == CANNOT_SELL
    assert phone.screen("1*3*1") == CANNOT_SELL
    assert not Payment.objects.exists()


def test_purchase_is_not_begun_for_a_meter_that_cannot_be_sold_to(world: World) -> None:
    before = rows_of(Payment, AuditEntry)
    block(world.other_meter)
    world.other_meter.refresh_from_db()
    with pytest.raises(MeterBlocked):
        world.purchase(meter=world.other_meter)
    stop()
    with pytest.raises(VendingKeyStopped):
        world.purchase()
    assert rows_of(Payment) == {"Payment": before["Payment"]}


def test_meter_far_ahead_of_the_clock_may_still_buy(world: World) -> None:
    MeterTid.objects.create(meter=world.meter, base_date="14", last_tid=10_000_000)
    assert "You get 8.1 units" in dial(world, "1*3")
    assert dial(world, "1*3*1", session_id="ATUid_2").startswith("END Now a payment request")


@pytest.fixture
def hooks(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    return make_hooks(world, settings, monkeypatch)


def ask(hooks: Hooks, account: str, amount: str = "200.00") -> str:
    """The code with which a pay-bill payment is let in or refused."""
    changes = {"BillRefNumber": account, "TransAmount": amount, "BusinessShortCode": "600000"}
    return str(hooks.post(VALIDATION, json_payload("daraja/c2b_validation.json") | changes).json()["ResultCode"])


def test_pay_bill_is_refused_while_nothing_can_be_sold(world: World, hooks: Hooks) -> None:
    assert ask(hooks, world.meter.drn) == "0"
    stop()
    assert ask(hooks, world.meter.drn) == ask(hooks, world.meter.drn, amount="1.00") == "C2B00016"
    assert ask(hooks, "37000999997") == "C2B00012"
    block(world.other_meter)
    assert ask(hooks, world.other_meter.drn) == "C2B00012"
    start()
    assert ask(hooks, world.meter.drn) == "0"
    MeterTid.objects.create(meter=world.meter, base_date="14", last_tid=10_000_000)
    assert ask(hooks, world.meter.drn) == "0"


def test_money_that_comes_all_the_same_is_taken_and_held(world: World) -> None:
    stop()
    payment = world.sell()
    vend = Vend.objects.get()
    assert (payment.state, vend.paid_minor, vend.held_reason) == (PaymentState.ALLOCATED, 20_000, "vending_key_stopped")
    assert not Message.objects.exists()


def test_prompt_that_was_under_way_is_taken_and_held(world: World) -> None:
    world.purchase()
    stop()
    world.take(world.prompt_paid("ws_CO_1", "RCPT000009"))
    world.fulfil()
    assert Vend.objects.get().held_reason == "vending_key_stopped"


def test_notice_of_too_little_money_says_what_is_missing_though_nothing_can_be_sold(world: World) -> None:
    stop()
    world.sell(500)
    assert "kept for meter 37000123457" in Message.objects.get().body
