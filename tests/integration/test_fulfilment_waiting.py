"""What a customer is told, once, while a paid code is late or nobody knows whether the money moved."""

from collections.abc import Iterable

import pytest

from fleet.meters.models import MeterPhone
from gateway.fulfilment import tasks, waiting
from gateway.fulfilment.waiting import tell_waiting_customers
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Outcome, PushOutcome, PushResult
from gateway.payments.services import store_push
from gateway.sms.models import Message
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, JUMA, STRANGER, World
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

FAKE_KENS = {("201457", 1, 2): 255}


def told(kind: str) -> list[tuple[str, str]]:
    return list(Message.objects.filter(kind=kind).order_by("pk").values_list("to_e164", "cause"))


def sell_without_module(world: World, payer: str = AMINA) -> Payment:
    world.module = FakeSecurityModule(FAKE_KENS, is_unavailable=True)
    return world.sell(payer=payer)


def prompt(world: World) -> Payment:
    payment = world.purchase()
    result = PushResult(PushOutcome.ACCEPTED, checkout_id="ws_CO_1")
    store_push(payment_id=payment.pk, result=result, actor=ACTOR, now=world.now)
    return payment


def test_late_code_is_told_once_after_a_minute(world: World) -> None:
    payment = sell_without_module(world)
    world.later(59)
    assert tell_waiting_customers(now=world.now) == []
    world.later(1)
    assert len(tell_waiting_customers(now=world.now)) == 1
    world.later(60)
    assert tell_waiting_customers(now=world.now) == []
    assert told("code_late") == [(AMINA, f"payment:{payment.pk}:code_late")]
    assert Message.objects.get().body == (
        f"Tokeni: we got KES200 ({payment.receipt}) for meter 37000123457. Your code is being made and will come here."
        " Do not pay again. Check: *384*96# 3"
    )


def test_late_code_is_told_to_the_payer_alone(world: World) -> None:
    sell_without_module(world, payer=JUMA)
    world.later(60)
    tell_waiting_customers(now=world.now)
    assert [phone for phone, _ in told("code_late")] == [JUMA]


def test_late_code_of_an_unknown_payer_is_told_to_the_meters_first_phone(world: World) -> None:
    sell_without_module(world, payer=STRANGER)
    world.later(60)
    tell_waiting_customers(now=world.now)
    assert [phone for phone, _ in told("code_late")] == [AMINA]


def test_late_codes_of_nobody_do_not_stand_before_the_others(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_PAGE", 2)
    MeterPhone.objects.filter(meter=world.meter).delete()
    for _ in range(3):
        sell_without_module(world, payer=STRANGER)
        world.later(1)
    for _ in range(3):
        world.sell(account=world.other_meter.drn, payer=JUMA)
    world.later(60)
    assert len(tell_waiting_customers(now=world.now)) == 3
    assert [phone for phone, _ in told("code_late")] == [JUMA] * 3
    assert tell_waiting_customers(now=world.now) == []


def test_late_code_with_no_phone_known_is_told_to_nobody(world: World) -> None:
    MeterPhone.objects.all().delete()
    sell_without_module(world, payer=STRANGER)
    world.later(60)
    assert tell_waiting_customers(now=world.now) == []


def test_code_that_came_in_time_or_long_ago_is_not_told(world: World) -> None:
    world.sell()
    world.later(60)
    assert tell_waiting_customers(now=world.now) == []
    sell_without_module(world)
    world.later(3600)
    assert tell_waiting_customers(now=world.now) == []


def test_sale_that_a_person_stopped_is_not_called_being_made(world: World) -> None:
    sell_without_module(world)
    Vend.objects.update(held_reason="payment_frozen")
    world.later(60)
    assert tell_waiting_customers(now=world.now) == []


def test_money_that_must_be_verified_is_told_late_and_its_sale_not_again(world: World) -> None:
    payment_id = world.confirm().payment_id
    Payment.objects.update(must_verify=True)
    world.later(60)
    assert len(tell_waiting_customers(now=world.now)) == 1
    Payment.objects.update(must_verify=False)
    world.module = FakeSecurityModule(FAKE_KENS, is_unavailable=True)
    world.fulfil()
    world.later(60)
    assert Vend.objects.get().state == VendState.HELD
    assert tell_waiting_customers(now=world.now) == []
    assert told("code_late") == [(AMINA, f"payment:{payment_id}:code_late")]


def test_money_on_hold_is_told_to_be_checked(world: World) -> None:
    payment_id = world.confirm().payment_id
    Payment.objects.update(frozen_reason="amount_differs")
    world.later(60)
    tell_waiting_customers(now=world.now)
    world.later(60)
    assert tell_waiting_customers(now=world.now) == []
    assert told("payment_on_hold") == [(AMINA, f"payment:{payment_id}:payment_on_hold")]
    assert "for meter 37000123457 is being checked" in Message.objects.get().body


def test_money_on_hold_for_no_meter_is_told_without_one(world: World) -> None:
    world.confirm(account="37000999997")
    Payment.objects.update(frozen_reason="amount_differs")
    world.later(60)
    tell_waiting_customers(now=world.now)
    assert "(RCPT000001) is being checked" in Message.objects.get().body


def test_prompt_without_an_answer_is_told_once_after_a_minute(world: World) -> None:
    payment = prompt(world)
    world.later(59)
    assert tell_waiting_customers(now=world.now) == []
    world.later(1)
    tell_waiting_customers(now=world.now)
    world.later(60)
    tell_waiting_customers(now=world.now)
    assert told("not_confirmed") == [(AMINA, f"payment:{payment.pk}:not_confirmed")]


@pytest.mark.parametrize("outcome", [Outcome.NOT_PAID, Outcome.PAID])
def test_prompt_with_a_final_answer_is_not_told(world: World, outcome: Outcome) -> None:
    prompt(world)
    if outcome == Outcome.PAID:
        world.take(world.prompt_paid("ws_CO_1", "RCPT900001"))
        world.fulfil()
    else:
        world.take(world.prompt_failed("ws_CO_1"))
    world.later(60)
    assert tell_waiting_customers(now=world.now) == []


def test_prompt_whose_result_is_unknown_is_told_while_the_provider_is_asked(world: World) -> None:
    payment = prompt(world)
    Payment.objects.update(state=PaymentState.UNKNOWN, next_query_at=world.now)
    world.later(60)
    tell_waiting_customers(now=world.now)
    assert told("not_confirmed") == [(AMINA, f"payment:{payment.pk}:not_confirmed")]


def test_purchase_that_was_never_prompted_is_not_told(world: World) -> None:
    world.purchase()
    world.later(120)
    assert tell_waiting_customers(now=world.now) == []


def test_sweep_that_another_one_overtook_tells_nothing_twice(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """As when both looked before either of them wrote: the cause is unique."""
    prompt(world)
    world.later(60)
    monkeypatch.setattr(waiting, "queue_notices", lambda **_: Message.objects.create(**overtaken(world)))
    Message.objects.create(**overtaken(world))
    assert tell_waiting_customers(now=world.now) == []
    assert Message.objects.count() == 1


def overtaken(world: World) -> dict[str, object]:
    facts = {"cause": "payment:0:not_confirmed", "kind": "not_confirmed", "to_e164": AMINA, "body": "told"}
    return {**facts, "queued_at": world.now}


@pytest.fixture
def woken(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    message_ids: list[int] = []

    def wake(_task_name: str, row_ids: Iterable[int]) -> None:
        message_ids.extend(row_ids)

    monkeypatch.setattr(tasks, "wake", wake)
    monkeypatch.setattr(tasks, "now", lambda: world.now)
    return message_ids


def test_sweep_tells_waiting_customers_and_wakes_the_sender(world: World, woken: list[int]) -> None:
    prompt(world)
    world.later(60)
    tasks.sweep_fulfilment()
    assert woken == [Message.objects.get(kind="not_confirmed").pk]


def test_sweep_gives_up_what_was_tried_for_too_long(world: World, woken: list[int]) -> None:
    sell_without_module(world)
    Vend.objects.update(state=VendState.ISSUING, held_reason="", attempts=30, next_try_at=world.now)
    world.later(60)
    tasks.sweep_fulfilment()
    vend = Vend.objects.get()
    assert (vend.state, vend.held_reason, vend.next_try_at) == (VendState.HELD, "sale_given_up", None)


@pytest.mark.parametrize("broken", ["give_up_vends", "tell_waiting_customers"])
def test_sweep_sells_whatever_else_fails(
    world: World, woken: list[int], monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    def fail(**_: object) -> int:
        raise RuntimeError("broken")

    monkeypatch.setattr(tasks, broken, fail)
    world.confirm()
    tasks.sweep_fulfilment()
    assert Vend.objects.get().state == VendState.ISSUED
