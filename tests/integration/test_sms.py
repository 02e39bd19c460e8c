"""Messages out: sent with patience, never twice without need, closed by reports however they come."""

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from gateway.sms import services, tasks
from gateway.sms.lifecycle import MessageState
from gateway.sms.locks import claim_message
from gateway.sms.models import DeliveryReport as ReportRow
from gateway.sms.models import Message
from gateway.sms.ports import DeliveryReport, ReportStatus, SendOutcome, SendRequest, SendResult
from gateway.sms.services import (
    Draft,
    apply_report,
    expire_messages,
    queue_messages,
    recover_unanswered,
    send_one,
    store_result,
)
from tests.support.fake_sms_provider import FakeSmsProvider
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, AMINA, JUMA, NOW, World

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

HOUR = 3600


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> FakeSmsProvider:
    """The first route of every message."""
    fake = FakeSmsProvider()
    monkeypatch.setattr(services, "list_routes", lambda: (fake, FakeSmsProvider("never")))
    return fake


def queue(world: World, cause: str = "one", to_e164: str = AMINA, kind: str = "token") -> Message:
    draft = Draft(cause, kind, to_e164, f"text of {cause}")
    (message_id,) = queue_messages(drafts=[draft], actor=ACTOR, now=world.now)
    return Message.objects.get(pk=message_id)


def send(world: World, message_id: int | None = None) -> bool:
    return send_one(message_id=message_id, clock=lambda: world.now)


def report(
    world: World, status: ReportStatus, message_id: str = "fake_sms-1", phone: str = AMINA, provider: str = "fake_sms"
) -> str:
    said = DeliveryReport(message_id, status, phone, "DeliveryFailure" if status == ReportStatus.FAILED else "")
    return apply_report(provider=provider, report=said, actor="provider:fake_sms", now=world.now)


def state_of(message: Message) -> str:
    message.refresh_from_db()
    return message.state


def written() -> Rows:
    return rows_of(Message, ReportRow, AuditEntry)


def acts_of(message: Message) -> list[tuple[str, object]]:
    entries = AuditEntry.objects.filter(subject=f"message:{message.pk}").order_by("pk")
    return [(entry.act, entry.details.get("why")) for entry in entries]


def test_queue_same_cause_makes_one_message(world: World) -> None:
    queue(world)
    before = written()
    drafts = [Draft("one", "token", JUMA, "another text")]
    assert queue_messages(drafts=drafts, actor=ACTOR, now=world.now) == []
    assert queue_messages(drafts=[], actor=ACTOR, now=world.now) == []
    assert written() == before


def test_send_accepted_waits_for_its_report(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    world.later(1)
    assert send(world)
    assert provider.requests == [SendRequest(AMINA, "text of one")]
    assert state_of(message) == MessageState.ACCEPTED
    assert (message.provider, message.provider_message_id) == ("fake_sms", "fake_sms-1")
    assert (message.code, message.cost, message.attempts) == ("accepted", "KES 0.8000", 1)
    assert (message.sent_at, message.next_try_at, message.leased_until) == (world.now, None, None)
    assert acts_of(message) == [("message.queued", None), ("message.accepted", "accepted")]
    world.later(100 * HOUR)
    assert not send(world)
    assert not send(world, message.pk)
    assert recover_unanswered(now=world.now) == 0
    assert len(provider.requests) == 1


def test_send_transient_is_tried_again_with_growing_waits(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    waits = (2, 5, 15, 60, 300, 900, 1800, 1800)
    provider.answer_next(*[SendOutcome.TRANSIENT] * len(waits))
    for seconds in waits:
        assert send(world, message.pk)
        assert state_of(message) == MessageState.QUEUED
        assert message.next_try_at
        assert (message.next_try_at - world.now).total_seconds() == seconds
        world.later(seconds - 1)
        assert not send(world)
        world.later(1)
    assert send(world)
    assert state_of(message) == MessageState.ACCEPTED
    assert {request.text for request in provider.requests} == {"text of one"}
    assert len(provider.requests) == 9


def test_send_stopped_account_keeps_the_message_in_the_queue(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    provider.answer_next(SendOutcome.STOPPED)
    send(world)
    assert (state_of(message), message.code) == (MessageState.QUEUED, "told_stopped")
    assert acts_of(message)[-1] == ("message.queued", "stopped")
    world.later(2)
    send(world)
    assert state_of(message) == MessageState.ACCEPTED


def test_send_permanent_fails_and_is_not_tried_again(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    provider.answer_next(SendOutcome.PERMANENT)
    send(world)
    assert (state_of(message), message.code) == (MessageState.FAILED, "told_permanent")
    world.later(HOUR)
    assert not send(world, message.pk)
    assert len(provider.requests) == 1


def test_send_nothing_due_asks_nobody(world: World, provider: FakeSmsProvider) -> None:
    before = written()
    assert not send(world)
    assert not send(world, 999)
    assert provider.requests == []
    assert written() == before


def test_send_named_message_only_and_codes_before_the_rest(world: World, provider: FakeSmsProvider) -> None:
    told = queue(world, "told", kind="kept")
    world.later(1)
    first, second, asked = queue(world, "first"), queue(world, "second"), queue(world, "asked", kind="resend")
    assert send(world, second.pk)
    while send(world):
        pass
    in_order = [f"text of {message.cause}" for message in (second, first, asked, told)]
    assert [request.text for request in provider.requests] == in_order


def test_send_leased_message_is_left_to_its_worker(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    assert claim_message(message_id=None, now=world.now)
    assert not send(world, message.pk)
    assert provider.requests == []


def test_send_ambiguous_without_a_report_is_sent_again_after_the_wait(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    provider.answer_next(SendOutcome.AMBIGUOUS)
    send(world)
    assert (state_of(message), message.code) == (MessageState.SENDING, "told_ambiguous")
    for _ in range(2):
        before = written()
        assert recover_unanswered(now=world.now) == 0
        assert not send(world, message.pk)
        assert written() == before
        world.later(59)
    world.later(-58)
    assert recover_unanswered(now=world.now) == 1
    assert state_of(message) == MessageState.QUEUED
    assert acts_of(message)[-1] == ("message.queued", "unanswered")
    assert not send(world)
    world.later(2)
    assert send(world)
    assert provider.requests == [SendRequest(AMINA, "text of one")] * 2
    assert state_of(message) == MessageState.ACCEPTED


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([ReportStatus.DELIVERED], MessageState.DELIVERED),
        ([ReportStatus.FAILED], MessageState.FAILED),
        ([ReportStatus.SENT], MessageState.ACCEPTED),
        ([ReportStatus.SENT, ReportStatus.DELIVERED], MessageState.DELIVERED),
        ([ReportStatus.DELIVERED, ReportStatus.BUFFERED], MessageState.DELIVERED),
    ],
)
def test_send_ambiguous_takes_the_report_that_came(
    world: World, provider: FakeSmsProvider, statuses: list[ReportStatus], state: MessageState
) -> None:
    message = queue(world)
    provider.answer_next(SendOutcome.AMBIGUOUS)
    send(world)
    for status in statuses:
        world.later(10)
        assert report(world, status, "fake_sms-lost") == "unknown_message"
    world.later(50)
    assert recover_unanswered(now=world.now) == 1
    assert state_of(message) == state
    assert acts_of(message)[-1] == (f"message.{state.lower()}", "unanswered")
    assert (message.provider, message.provider_message_id) == ("fake_sms", "fake_sms-lost")
    world.later(HOUR)
    assert recover_unanswered(now=world.now) == 0
    assert not send(world)
    assert len(provider.requests) == 1


def test_send_ambiguous_takes_no_report_of_another_text(world: World, provider: FakeSmsProvider) -> None:
    report(world, ReportStatus.DELIVERED, "fake_sms-before")
    world.later(1)
    known = queue(world, "known")
    send(world)
    message = queue(world)
    provider.answer_next(SendOutcome.AMBIGUOUS)
    send(world)
    report(world, ReportStatus.DELIVERED, known.provider_message_id or "fake_sms-1")
    report(world, ReportStatus.DELIVERED, "fake_sms-other", JUMA)
    world.later(60)
    recover_unanswered(now=world.now)
    assert (state_of(known), state_of(message)) == (MessageState.DELIVERED, MessageState.QUEUED)


def test_two_unanswered_texts_share_no_report(world: World, provider: FakeSmsProvider) -> None:
    first, second = queue(world, "first"), queue(world, "second")
    provider.answer_next(SendOutcome.AMBIGUOUS, SendOutcome.AMBIGUOUS)
    assert [send(world), send(world)] == [True, True]
    report(world, ReportStatus.DELIVERED, "fake_sms-lost")
    world.later(60)
    assert recover_unanswered(now=world.now) == 2
    assert (state_of(first), state_of(second)) == (MessageState.DELIVERED, MessageState.QUEUED)


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (ReportStatus.DELIVERED, MessageState.DELIVERED),
        (ReportStatus.FAILED, MessageState.FAILED),
        (ReportStatus.SUBMITTED, MessageState.ACCEPTED),
    ],
)
@pytest.mark.parametrize("phone", [AMINA, ""])
def test_report_before_the_answer_is_applied_with_it(
    world: World, provider: FakeSmsProvider, status: ReportStatus, state: MessageState, phone: str
) -> None:
    message = queue(world)
    assert report(world, status, phone=phone) == "unknown_message"
    send(world)
    assert state_of(message) == state
    assert message.delivered_at == (world.now if state == MessageState.DELIVERED else None)


def test_report_before_the_answer_about_another_phone_is_not_applied(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    report(world, ReportStatus.DELIVERED, phone=JUMA)
    send(world)
    assert state_of(message) == MessageState.ACCEPTED


@pytest.mark.parametrize("phone", [AMINA, ""])
def test_report_delivered_closes_the_message_once(world: World, provider: FakeSmsProvider, phone: str) -> None:
    message = queue(world)
    send(world)
    world.later(4)
    for early in (ReportStatus.SENT, ReportStatus.SUBMITTED, ReportStatus.BUFFERED, ReportStatus.UNKNOWN):
        before = written()
        assert report(world, early, phone=phone) == "no_change"
        assert written() == before
    assert report(world, ReportStatus.DELIVERED, phone=phone) == "accepted"
    assert (state_of(message), message.delivered_at) == (MessageState.DELIVERED, world.now)
    assert acts_of(message)[-1] == ("message.delivered", None)
    before = written()
    for status in ReportStatus:
        assert report(world, status, phone=phone) == "no_change"
    assert written() == before


def test_report_failed_is_final(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    send(world)
    assert report(world, ReportStatus.FAILED) == "accepted"
    assert state_of(message) == MessageState.FAILED
    assert acts_of(message)[-1] == ("message.failed", "DeliveryFailure")
    assert report(world, ReportStatus.DELIVERED) == "no_change"
    assert state_of(message) == MessageState.FAILED


def test_report_of_another_phone_writes_nothing(world: World, provider: FakeSmsProvider) -> None:
    queue(world)
    send(world)
    before = written()
    assert report(world, ReportStatus.DELIVERED, phone=JUMA) == "other_phone"
    assert written() == before


@pytest.mark.parametrize(("message_id", "provider_name"), [("nobody's", "fake_sms"), ("fake_sms-1", "other"), ("", "")])
def test_report_of_an_unknown_message_is_kept(
    world: World, provider: FakeSmsProvider, message_id: str, provider_name: str
) -> None:
    queue(world)
    send(world)
    before = rows_of(Message, AuditEntry)
    assert report(world, ReportStatus.DELIVERED, message_id, provider=provider_name) == "unknown_message"
    row = ReportRow.objects.get()
    assert (row.provider, row.provider_message_id, row.status) == (provider_name, message_id, "delivered")
    assert (row.phone_e164, row.received_at) == (AMINA, NOW)
    assert rows_of(Message, AuditEntry) == before


def test_result_that_comes_after_the_message_moved_on_writes_nothing(world: World, provider: FakeSmsProvider) -> None:
    message = queue(world)
    send(world)
    before = written()
    for outcome in SendOutcome:
        result = SendResult(outcome, "fake_sms-late", "late", "KES 9.9")
        store_result(message_id=message.pk, provider="late", result=result, actor=ACTOR, now=world.now)
    assert written() == before


def test_recover_leaves_a_live_lease_alone(world: World, settings: Settings, provider: FakeSmsProvider) -> None:
    settings.SMS_AMBIGUOUS_SECONDS = 5
    message = queue(world)
    claim_message(message_id=message.pk, now=world.now)
    before = written()
    world.later(14)
    assert recover_unanswered(now=world.now) == 0
    assert written() == before
    world.later(1)
    assert recover_unanswered(now=world.now) == 1
    assert state_of(message) == MessageState.QUEUED


def test_recover_waits_as_long_as_the_setting_says(world: World, settings: Settings) -> None:
    settings.SMS_AMBIGUOUS_SECONDS = 120
    message = queue(world)
    claim_message(message_id=message.pk, now=world.now)
    world.later(119)
    assert recover_unanswered(now=world.now) == 0
    world.later(1)
    assert recover_unanswered(now=world.now) == 1


def test_expire_gives_up_what_could_not_be_sent_for_three_days(world: World, provider: FakeSmsProvider) -> None:
    sent = queue(world, "sent")
    send(world)
    sending = queue(world, "sending")
    claim_message(message_id=sending.pk, now=world.now)
    old = queue(world, "old")
    world.later(1)
    young = queue(world, "young")
    world.later(72 * HOUR - 1)
    assert expire_messages(now=world.now) == 1
    assert state_of(old) == MessageState.EXPIRED
    assert acts_of(old)[-1] == ("message.expired", "expired")
    assert (state_of(sent), state_of(sending)) == (MessageState.ACCEPTED, MessageState.SENDING)
    assert state_of(young) == MessageState.QUEUED
    assert not send(world, old.pk)


def test_code_of_a_sale_is_sent_once(world: World, provider: FakeSmsProvider) -> None:
    payment = world.sell()
    for _ in range(2):
        while send(world):
            pass
        world.fulfil([payment.pk])
        world.resume()
        world.later(HOUR)
        recover_unanswered(now=world.now)
    assert len(provider.requests) == Message.objects.count() == 1


def test_tasks_send_what_is_due_and_no_more_than_a_sweep_may(
    world: World, provider: FakeSmsProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tasks, "now", lambda: world.now)
    monkeypatch.setattr(tasks, "MOST_A_SWEEP", 2)
    unanswered, old = queue(world, "unanswered"), queue(world, "old")
    claim_message(message_id=unanswered.pk, now=world.now)
    world.later(73 * HOUR)
    messages = [queue(world, f"new {number}") for number in range(4)]
    tasks.send_messages([messages[3].pk, messages[3].pk, 0])
    tasks.sweep_messages()
    assert (state_of(old), state_of(unanswered)) == (MessageState.EXPIRED, MessageState.EXPIRED)
    assert len(provider.requests) == 3
    tasks.sweep_messages()
    assert len(provider.requests) == 4
