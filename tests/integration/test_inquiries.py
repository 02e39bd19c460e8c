"""Asking the provider: about prompts until it knows, about payments that buy nothing before, never twice at once."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from django.db import connection
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from gateway.http.errors import UnknownProvider
from gateway.inquiries import services, tasks
from gateway.inquiries.models import Inquiry
from gateway.inquiries.patience import next_prompt_query, next_status_question
from gateway.inquiries.services import ask_statuses, lose_inquiries, query_prompts
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Asked, Outcome, PaymentProvider, PromptStatus, PushOutcome, ResultAddresses
from gateway.payments.services import give_up_purchases, release_payment
from tests.support.doubted import doubted, open_reasons, prompted, verify
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, AMINA, NOW, World
from vending.tokens.models import Token

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

HOUR = timedelta(hours=1)


class Watched(FakePaymentProvider):
    """Calls `meanwhile` while it is being asked, and sees that no transaction is open."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def query_prompt(self, checkout_id: str, *, now: object) -> PromptStatus:
        self._look()
        return super().query_prompt(checkout_id, now=NOW)

    def _look(self) -> None:
        assert connection.savepoint_ids == self.outside, "no transaction is open while asking"
        self.meanwhile()

    outside: list[str]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch, world: World) -> Watched:
    fake = Watched("daraja")
    fake.outside = list(connection.savepoint_ids)

    def get_provider(name: str) -> PaymentProvider:
        if name != fake.name:
            raise UnknownProvider("no such payment provider")
        return fake

    monkeypatch.setattr(services, "get_provider", get_provider)
    return fake


def written() -> Rows:
    return rows_of(Payment, AuditEntry, Case, Inquiry)


def query(world: World, limit: int = 10) -> int:
    return query_prompts(clock=lambda: world.now, limit=limit)


def ask(world: World, limit: int = 10) -> int:
    return ask_statuses(clock=lambda: world.now, limit=limit)


def test_prompt_is_asked_about_by_the_schedule_until_two_days_are_over(world: World, provider: Watched) -> None:
    purchase = prompted(world)
    asked = []
    while due := Payment.objects.get(pk=purchase.pk).next_query_at:
        world.now = due - timedelta(seconds=1)
        assert query(world) == 0
        world.now = due
        assert query(world) == 1
        asked.append((due - NOW).total_seconds())
        give_up_purchases(now=world.now)
    minutes = [120 + 600 * number for number in range(1, 7)]
    hours = list(range(3720 + 3600, 48 * 3600 + 1, 3600))
    assert asked == [30, 60, 120, *minutes, *hours]
    assert provider.queries == ["ws_CO_1"] * len(asked)
    purchase.refresh_from_db()
    assert (purchase.state, purchase.queries) == (PaymentState.UNKNOWN, len(asked))


def test_next_query_is_never_within_the_lease_of_one_that_is_late() -> None:
    assert next_prompt_query(pushed_at=NOW, now=NOW + timedelta(seconds=59)) == NOW + timedelta(seconds=120)
    assert next_prompt_query(pushed_at=NOW, now=NOW + 5 * HOUR) == NOW + timedelta(seconds=3720) + 4 * HOUR
    assert next_prompt_query(pushed_at=NOW, now=NOW + 49 * HOUR) is None
    assert next_prompt_query(pushed_at=None, now=NOW) is None


def test_prompt_not_paid_declines_once_and_is_not_asked_again(world: World, provider: Watched) -> None:
    purchase = prompted(world)
    provider.prompts["ws_CO_1"] = PromptStatus(Outcome.NOT_PAID, "1032")
    world.later(30)
    assert query(world) == 1
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason) == (PaymentState.DECLINED, "query 1032")
    assert purchase.next_query_at is None
    before = written()
    world.later(3600)
    assert query(world) == 0
    assert written() == before
    world.take(world.prompt_paid("ws_CO_1", "NLJ7"))
    world.fulfil()
    assert Token.objects.count() == 1, "late money still has its move"


@pytest.mark.parametrize("is_given_up", [False, True])
def test_prompt_paid_without_a_receipt_sells_nothing_and_waits_in_a_case(
    world: World, provider: Watched, is_given_up: bool
) -> None:
    purchase = prompted(world)
    provider.prompts["ws_CO_1"] = PromptStatus(Outcome.PAID, "0")
    world.later(720)
    if is_given_up:
        give_up_purchases(now=world.now)
    assert query(world) == 1
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason) == (PaymentState.UNKNOWN, "paid_without_receipt")
    assert (purchase.receipt, purchase.next_query_at) == (None, None)
    case = Case.objects.get()
    assert (case.reason, case.subject) == ("paid_without_receipt", f"payment:{purchase.pk}")
    assert case.due_at == world.now + HOUR
    assert world.fulfil().rows == 0
    before = written()
    world.later(3600)
    assert query(world) == 0
    assert world.take(world.prompt_failed("ws_CO_1")).outcome == "late", "the provider said that it was paid"
    assert written() == before
    world.take(world.prompt_paid("ws_CO_1", "NLJ7"))
    case.refresh_from_db()
    assert case.closed_at == world.now
    world.fulfil()
    assert Token.objects.count() == 1


def test_prompt_paid_without_a_receipt_whose_money_came_as_another_payment_closes_the_case(
    world: World, provider: Watched
) -> None:
    purchase = prompted(world)
    provider.prompts["ws_CO_1"] = PromptStatus(Outcome.PAID, "0")
    world.later(30)
    query(world)
    world.confirm(account="3700-0123-457", receipt="NLJ7")
    world.take(world.prompt_paid("ws_CO_1", "NLJ7"))
    purchase.refresh_from_db()
    assert purchase.state == PaymentState.DECLINED
    assert open_reasons(purchase) == []
    world.fulfil()
    assert Token.objects.count() == 1


@pytest.mark.parametrize("outcome", [Outcome.NOT_PAID, Outcome.PAID])
def test_prompt_whose_callback_came_while_it_was_asked_about_stays_paid(
    world: World, provider: Watched, outcome: Outcome
) -> None:
    prompted(world)
    provider.prompts["ws_CO_1"] = PromptStatus(outcome, "x")
    provider.meanwhile = lambda: world.take(world.prompt_paid("ws_CO_1", "NLJ7"))
    world.later(30)
    assert query(world) == 1
    payment = Payment.objects.get()
    assert (payment.state, payment.receipt) == (PaymentState.CONFIRMED, "NLJ7")
    assert not Case.objects.exists()


def test_prompt_that_is_being_asked_about_is_left_alone(world: World, provider: Watched) -> None:
    prompted(world)
    seen: list[int] = []
    provider.meanwhile = lambda: seen.append(query_prompts(clock=lambda: world.now + timedelta(seconds=29), limit=9))
    world.later(59)
    assert query(world) == 1
    assert seen == [0]


def test_prompts_without_a_checkout_or_with_money_are_not_asked_about(world: World, provider: Watched) -> None:
    world.purchase()
    world.confirm(account="x")
    world.later(7200)
    assert query(world) == 0
    assert provider.queries == []


def test_sweep_asks_as_many_as_it_may_and_for_as_long(world: World, provider: Watched) -> None:
    for number in range(3):
        prompted(world, f"ws_CO_{number}")
    world.later(30)
    assert query_prompts(clock=lambda: world.now, limit=9, until=NOW) == 0
    assert query(world, 2) == 2
    assert query(world, 2) == 1
    for _ in range(3):
        doubted(world)
    assert ask_statuses(clock=lambda: world.now, limit=9, until=NOW) == 0
    assert ask(world, 2) == 2
    assert ask(world, 2) == 1


def test_provider_that_is_no_more_stops_nobody_else(
    world: World, provider: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    first, _ = prompted(world, "ws_CO_1"), prompted(world, "ws_CO_2")
    Payment.objects.filter(pk=first.pk).update(provider="gone")
    world.later(30)
    assert query(world) == 2
    assert provider.queries == ["ws_CO_2"]
    assert "provider_unknown" in caplog.text


def test_status_is_asked_at_once_then_with_growing_waits(world: World, provider: Watched, settings: Settings) -> None:
    payment = doubted(world)
    waits = []
    for _ in range(6):
        assert ask(world) == 1
        assert ask(world) == 0
        due = Payment.objects.get().next_query_at
        assert due
        waits.append((due - world.now).total_seconds())
        world.now = due
    assert waits == [60, 300, 900, 3600, 3600, 3600]
    base = f"http://testserver/hooks/payments/daraja/{settings.HOOK_SECRETS[0]}"
    assert provider.status_asks == [(payment.receipt, ResultAddresses(f"{base}/result/", f"{base}/timeout/"))] * 6
    inquiries = Inquiry.objects.order_by("pk")
    assert [inquiry.conversation_id for inquiry in inquiries] == [f"daraja_conversation_{n}" for n in range(1, 7)]
    assert {(inquiry.kind, inquiry.state, inquiry.payment_id) for inquiry in inquiries} == {
        ("status", "ASKED", payment.pk)
    }
    assert open_reasons(payment) == ["payment_unverified"], "nobody answers: a person is told"
    assert world.fulfil().rows == 0


def test_status_row_is_there_before_asking(world: World, provider: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    doubted(world)
    seen: list[tuple[str, str | None]] = []
    ask_status = provider.ask_status

    def asked(*args: object, **named: object) -> object:
        seen.extend(Inquiry.objects.values_list("state", "conversation_id"))
        assert connection.savepoint_ids == provider.outside
        return ask_status(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(provider, "ask_status", asked)
    assert ask(world) == 1
    assert seen == [("ASKED", None)]


def test_status_that_cannot_be_asked_for_is_a_case_and_tried_hourly(world: World, provider: Watched) -> None:
    payment = doubted(world)
    provider.ask_next(PushOutcome.REFUSED, PushOutcome.REFUSED)
    assert ask(world) == 1
    case = Case.objects.get()
    assert (case.reason, case.due_at, case.details) == (
        "payment_unverified", world.now + HOUR, {"code": "told_refused", "asked": 1},
    )  # fmt: skip
    assert Payment.objects.get().next_query_at == world.now + HOUR
    inquiry = Inquiry.objects.get()
    assert (inquiry.state, inquiry.result_code) == ("LOST", "told_refused")
    world.later(3600)
    assert ask(world) == 1
    assert Case.objects.count() == 1
    assert verify(world, payment, Outcome.PAID) == "verified"
    case.refresh_from_db()
    assert case.closed_at == world.now


@pytest.mark.parametrize(("outcome", "state"), [(PushOutcome.UNAVAILABLE, "LOST"), (PushOutcome.AMBIGUOUS, "ASKED")])
def test_status_that_did_not_get_through_is_asked_again_soon(
    world: World, provider: Watched, outcome: PushOutcome, state: str
) -> None:
    payment = doubted(world)
    provider.ask_next(outcome)
    ask(world)
    inquiry = Inquiry.objects.get()
    assert (inquiry.state, inquiry.conversation_id) == (state, None)
    payment.refresh_from_db()
    assert payment.next_query_at == world.now + timedelta(minutes=1)
    assert open_reasons(payment) == []


def test_status_of_an_unknown_provider_is_refused(world: World, provider: Watched) -> None:
    payment = doubted(world)
    Payment.objects.update(provider="gone")
    assert ask(world) == 1
    assert Inquiry.objects.get().result_code == "provider_unknown"
    assert open_reasons(payment) == ["payment_unverified"]


def test_status_of_settled_payments_is_not_asked_for(world: World, provider: Watched) -> None:
    payments = [doubted(world) for _ in range(3)]
    verify(world, payments[0], Outcome.PAID)
    verify(world, payments[1], Outcome.NOT_PAID)
    release_payment(payment_id=payments[2].pk, actor=ACTOR, now=world.now)
    world.confirm()
    world.later(7200)
    assert ask(world) == 0


def test_status_released_while_it_was_asked_for_opens_no_case(
    world: World, provider: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = doubted(world)
    provider.ask_next(PushOutcome.REFUSED)
    ask_status = provider.ask_status

    def asked(*args: object, **named: object) -> object:
        release_payment(payment_id=payment.pk, actor=ACTOR, now=world.now)
        return ask_status(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(provider, "ask_status", asked)
    assert ask(world) == 1
    assert not Case.objects.exists()
    assert Payment.objects.get().next_query_at is None


def test_question_without_an_answer_is_lost_after_ten_minutes(world: World, provider: Watched) -> None:
    doubted(world)
    ask(world)
    world.later(599)
    assert lose_inquiries(now=world.now) == 0
    world.later(1)
    assert lose_inquiries(now=world.now) == 1
    inquiry = Inquiry.objects.get()
    assert (inquiry.state, inquiry.result_code) == ("LOST", "no answer")
    assert AuditEntry.objects.filter(subject=f"inquiry:{inquiry.pk}").count() == 2
    assert lose_inquiries(now=world.now) == 0


def test_waits_between_questions_grow_to_an_hour() -> None:
    waits = [(next_status_question(asked_before=count, now=NOW) - NOW).total_seconds() for count in range(6)]
    assert waits == [60, 300, 900, 3600, 3600, 3600]


def test_sweep_asks_about_prompts_too_where_answers_about_payments_are_slow(
    world: World, provider: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask_before = provider.ask_status

    def slow(receipt: str, addresses: ResultAddresses, *, now: datetime) -> Asked:
        world.later(14)
        return ask_before(receipt, addresses, now=now)

    monkeypatch.setattr(tasks, "now", lambda: world.now)
    monkeypatch.setattr(provider, "ask_status", slow)
    prompted(world)
    for _ in range(5):
        doubted(world, 5_000)
    world.later(30)
    tasks.sweep_inquiries()
    assert len(provider.queries) == 1
    assert 0 < len(provider.status_asks) < 5


def test_task_does_all_that_is_due(world: World, provider: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "now", lambda: world.now)
    prompted(world)
    doubted(world, 5_000)
    world.later(30)
    tasks.sweep_inquiries()
    assert (len(provider.queries), len(provider.status_asks)) == (1, 1)
    world.later(600)
    tasks.sweep_inquiries()
    assert list(Inquiry.objects.order_by("pk").values_list("state", flat=True)) == ["LOST", "ASKED"]
    assert Payment.objects.get(checkout_id="ws_CO_1").payer_e164 == AMINA
