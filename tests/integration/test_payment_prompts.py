"""Prompts on phones: asked for outside of a transaction, tried again with patience, given up without losing money."""

from collections.abc import Collection
from datetime import datetime, timedelta

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from gateway.payments import services, tasks
from gateway.payments.lifecycle import PaymentState
from gateway.payments.locks import claim_push, lock_payment_of_checkout, lock_payments
from gateway.payments.models import Payment
from gateway.payments.ports import PaymentProvider, PushOutcome, PushRequest, PushResult
from gateway.payments.services import confirm_payment, give_up_purchases, push_one, settle_prompt, store_push
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.rows import rows_of
from tests.support.world import ACTOR, AMINA, NOW, World

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

ACCEPTED = PushResult(PushOutcome.ACCEPTED, "ws_CO_1", "0")


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakePaymentProvider:
    """The operator that every prompt is asked of."""
    fake = FakePaymentProvider("daraja")

    def get_provider(name: str) -> PaymentProvider:
        assert name == fake.name
        return fake

    monkeypatch.setattr(services, "get_provider", get_provider)
    return fake


def push(world: World, payment_id: int | None = None) -> bool:
    return push_one(payment_id=payment_id, clock=lambda: world.now)


def seconds_to_next_try(world: World, payment: Payment) -> float:
    payment.refresh_from_db()
    assert payment.next_try_at
    return (payment.next_try_at - world.now).total_seconds()


def test_push_accepted_waits_for_the_customer(world: World, provider: FakePaymentProvider, settings: Settings) -> None:
    purchase = world.purchase(20_000)
    assert push(world)
    hook = f"http://testserver/hooks/payments/daraja/{settings.HOOK_SECRETS[0]}/stk/"
    assert provider.pushes == [PushRequest(AMINA, 20_000, "KES", world.meter.drn, hook)]
    purchase.refresh_from_db()
    assert (purchase.state, purchase.checkout_id, purchase.pushed_at) == (PaymentState.EXPECTED, "daraja_1", NOW)
    assert (purchase.next_try_at, purchase.leased_until, purchase.attempts) == (None, None, 1)
    acts = AuditEntry.objects.filter(subject=f"payment:{purchase.pk}").values_list("act", flat=True)
    assert list(acts.order_by("pk")) == ["payment.expected", "payment.prompted"]
    world.later(3600)
    assert not push(world)
    assert not push(world, purchase.pk)


def test_push_named_purchase_only(world: World, provider: FakePaymentProvider) -> None:
    first, second = world.purchase(), world.purchase()
    assert push(world, second.pk)
    assert not push(world, second.pk)
    assert Payment.objects.get(pk=first.pk).checkout_id is None
    assert push(world)
    assert Payment.objects.get(pk=first.pk).checkout_id == "daraja_2"


def test_push_nothing_due_asks_nobody(world: World, provider: FakePaymentProvider) -> None:
    world.confirm()
    before = rows_of(Payment, AuditEntry)
    assert not push(world)
    assert provider.pushes == []
    assert rows_of(Payment, AuditEntry) == before


def test_push_leased_purchase_is_left_to_its_worker_until_the_lease_ends(
    world: World, provider: FakePaymentProvider
) -> None:
    purchase = world.purchase()
    assert claim_push(payment_id=None, now=world.now)
    assert not push(world, purchase.pk)
    world.later(31)
    assert push(world, purchase.pk)


def test_push_refused_declines(world: World, provider: FakePaymentProvider) -> None:
    purchase = world.purchase()
    provider.answer_next(PushOutcome.REFUSED)
    push(world)
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason) == (PaymentState.DECLINED, "prompt told_refused")
    assert (purchase.next_try_at, purchase.leased_until) == (None, None)
    world.later(3600)
    assert not push(world)


def test_push_unavailable_is_tried_four_times_with_growing_waits(world: World, provider: FakePaymentProvider) -> None:
    purchase = world.purchase()
    provider.answer_next(*[PushOutcome.UNAVAILABLE] * 4)
    for seconds in (5, 10, 15):
        assert push(world)
        assert seconds_to_next_try(world, purchase) == seconds
        assert not push(world)
        world.later(seconds)
    assert push(world)
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason) == (PaymentState.DECLINED, "prompt told_unavailable")
    assert len(provider.pushes) == 4


def test_push_ambiguous_waits_until_the_prompt_is_gone(world: World, provider: FakePaymentProvider) -> None:
    purchase = world.purchase()
    provider.answer_next(*[PushOutcome.AMBIGUOUS] * 4)
    for _ in range(3):
        assert push(world)
        assert seconds_to_next_try(world, purchase) == 90
        world.later(89)
        assert not push(world)
        world.later(1)
    assert push(world)
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason) == (PaymentState.UNKNOWN, "prompt told_ambiguous")


def test_push_ambiguous_then_paid_is_not_asked_again(world: World, provider: FakePaymentProvider) -> None:
    purchase = world.purchase()
    provider.answer_next(PushOutcome.AMBIGUOUS)
    push(world)
    world.later(20)
    world.take(world.prompt_paid("ws_CO_lost", "NLJ7"))
    world.later(600)
    assert not push(world)
    assert len(provider.pushes) == 1
    assert Payment.objects.get().pk == purchase.pk


def test_store_push_after_the_callback_of_the_prompt_writes_nothing(world: World) -> None:
    purchase = world.purchase()
    settle_prompt(claim=world.prompt_paid("ws_CO_1", "NLJ7"), actor=ACTOR, now=world.now)
    before = rows_of(Payment, AuditEntry)
    for result in (ACCEPTED, PushResult(PushOutcome.REFUSED, code="1"), PushResult(PushOutcome.AMBIGUOUS)):
        store_push(payment_id=purchase.pk, result=result, actor=ACTOR, now=world.now)
    assert rows_of(Payment, AuditEntry) == before


def test_store_push_after_the_confirmation_adds_the_checkout_only(world: World) -> None:
    purchase = world.purchase()
    claim = world.claim(20_000, world.meter.drn, receipt="NLJ7")
    confirm_payment(claim=claim, reference=world.meter.drn, actor=ACTOR, now=world.now)
    before = rows_of(Payment)["Payment"][0]
    store_push(payment_id=purchase.pk, result=ACCEPTED, actor=ACTOR, now=world.now)
    after = rows_of(Payment)["Payment"][0]
    assert after == before | {"checkout_id": "ws_CO_1", "pushed_at": world.now}
    assert after["next_try_at"] == world.now, "its money still waits to be allocated"


def test_give_up_after_ten_minutes_without_an_answer(world: World, provider: FakePaymentProvider) -> None:
    asked, paid = world.purchase(), world.purchase(5_000)
    push(world, asked.pk)
    world.later(599)
    world.take(world.prompt_paid("ws_CO_5", "NLJ7", 5_000))
    before = rows_of(Payment, AuditEntry)
    assert give_up_purchases(now=world.now) == 0
    assert rows_of(Payment, AuditEntry) == before
    world.later(1)
    assert give_up_purchases(now=world.now) == 1
    asked.refresh_from_db()
    assert (asked.state, asked.reason, asked.next_try_at) == (PaymentState.UNKNOWN, "no answer", None)
    assert Payment.objects.get(pk=paid.pk).state == PaymentState.CONFIRMED
    assert give_up_purchases(now=world.now) == 0


def test_give_up_leaves_what_was_paid_while_it_waited_for_the_lock(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    purchase = world.purchase()
    world.later(600)

    def paid_meanwhile(payment_ids: Collection[int]) -> list[Payment]:
        settle_prompt(claim=world.prompt_paid("ws_CO_1", "NLJ7"), actor=ACTOR, now=world.now)
        return lock_payments(payment_ids)

    monkeypatch.setattr(services, "lock_payments", paid_meanwhile)
    give_up_purchases(now=world.now)
    purchase.refresh_from_db()
    assert purchase.state == PaymentState.CONFIRMED


def test_tasks_ask_for_what_is_due_and_give_up_what_is_old(
    world: World, provider: FakePaymentProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "now", lambda: world.now)
    named, others, old = world.purchase(), [world.purchase(), world.purchase()], world.purchase()
    Payment.objects.filter(pk=old.pk).update(started_at=NOW - timedelta(minutes=11), checkout_id="ws_CO_0")
    tasks.push_payments([named.pk, named.pk, 0])
    assert len(provider.pushes) == 1
    tasks.sweep_pushes()
    assert len(provider.pushes) == 3
    assert all(payment.checkout_id for payment in Payment.objects.filter(pk__in=[payment.pk for payment in others]))
    assert Payment.objects.get(pk=old.pk).state == PaymentState.UNKNOWN


def test_sweep_of_a_provider_that_hangs_ends_and_gives_up_what_is_old(
    world: World, provider: FakePaymentProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang() -> datetime:
        world.later(7)
        return world.now

    monkeypatch.setattr(tasks, "now", hang)
    old = world.purchase()
    Payment.objects.filter(pk=old.pk).update(started_at=NOW - timedelta(hours=1), next_try_at=None)
    for _ in range(9):
        world.purchase()
    tasks.sweep_pushes()
    assert 0 < len(provider.pushes) < 9
    assert Payment.objects.get(pk=old.pk).state == PaymentState.UNKNOWN


def test_push_whose_checkout_is_taken_at_that_moment_is_stored_all_the_same(
    world: World, provider: FakePaymentProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the lease would end, and the customer be prompted again."""
    first, second = world.purchase(), world.purchase()
    Payment.objects.filter(pk=first.pk).update(next_try_at=None)

    def taken_meanwhile(provider_name: str, checkout_id: str) -> Payment | None:
        monkeypatch.setattr(services, "lock_payment_of_checkout", lock_payment_of_checkout)
        Payment.objects.filter(pk=first.pk).update(checkout_id=checkout_id)
        return None

    monkeypatch.setattr(services, "lock_payment_of_checkout", taken_meanwhile)
    assert push(world, second.pk)
    second.refresh_from_db()
    assert (second.next_try_at, second.leased_until, second.pushed_at) == (None, None, world.now)
    assert len(provider.pushes) == 1


def test_store_push_of_a_prompt_that_paid_another_purchase_keeps_the_checkout_there(world: World) -> None:
    first, second = world.purchase(), world.purchase()
    world.take(world.prompt_paid("ws_CO_1", "RCPT1"))
    first.refresh_from_db()
    assert first.checkout_id == "ws_CO_1"
    result = PushResult(PushOutcome.ACCEPTED, checkout_id="ws_CO_1")
    store_push(payment_id=second.pk, result=result, actor=ACTOR, now=world.now)
    second.refresh_from_db()
    assert (second.checkout_id, second.state, second.next_try_at) == (None, PaymentState.EXPECTED, None)
