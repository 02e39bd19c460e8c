"""The doors by which providers answer later: matched by the conversation, believed once, never an error of ours."""

import json
from typing import Any

import pytest
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from gateway.inquiries.models import Inquiry
from gateway.inquiries.services import lose_inquiries, open_inquiry, store_asked
from gateway.payments import registry as payment_registry
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Asked, Door, PushOutcome, Question
from gateway.reversals.models import Reversal
from gateway.webhooks import services
from gateway.webhooks.models import Callback
from tests.support.doubted import doubted, open_reasons
from tests.support.fake_payment_provider import FakePaymentProvider, list_request
from tests.support.hooks import Hooks, make_hooks
from tests.support.payloads import json_payload
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, World
from vending.tokens.models import Token

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

RESULT, TIMEOUT, PULL = (f"payments/daraja/{door}" for door in ("result", "timeout", "pull"))
FULFIL = "gateway.fulfilment.tasks.fulfil_payments"
CONVERSATION = "AG_20180223_0000493344ae97d86f75"
TAKEN = {"ResultCode": 0, "ResultDesc": "Success"}


@pytest.fixture
def hooks(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Hooks:
    return make_hooks(world, settings, monkeypatch)


def written() -> Rows:
    return rows_of(Payment, AuditEntry, Case, Inquiry, Reversal)


def asked_about(world: World, kind: Question = Question.STATUS, receipt: str = "MBN31H462N") -> Inquiry:
    """A payment of 300 shillings that must be verified, and the question about it."""
    inquiry = open_inquiry(kind=kind, payment_id=doubted(world, 30_000, receipt).pk, actor=ACTOR, now=world.now)
    asked = Asked(PushOutcome.ACCEPTED, CONVERSATION, "3213-416199-2", "0")
    return store_asked(inquiry_id=inquiry.pk, asked=asked, actor=ACTOR, now=world.now)


def status_result(conversation_id: str = CONVERSATION, **parameters: Any) -> dict[str, Any]:
    """The published answer to a status question, with other parameters."""
    document: dict[str, Any] = json_payload("daraja/transaction_status_result.json")
    document["Result"]["ConversationID"] = conversation_id
    for item in document["Result"]["ResultParameters"]["ResultParameter"]:
        if item["Key"] in parameters:
            item["Value"] = parameters[item["Key"]]
    return document


def reversal_result(**changes: Any) -> dict[str, Any]:
    document: dict[str, Any] = json_payload("daraja/reversal_result_success.json")
    document["Result"] |= changes
    return document


def journalled() -> list[tuple[str, str]]:
    return list(Callback.objects.order_by("pk").values_list("door", "outcome"))


def test_recorded_status_result_verifies_its_payment_and_wakes_the_flow(world: World, hooks: Hooks) -> None:
    inquiry = asked_about(world)
    assert world.fulfil().rows == 0
    answer = hooks.post(RESULT, status_result())
    assert (answer.status_code, answer.json()) == (200, TAKEN)
    inquiry.refresh_from_db()
    assert (inquiry.state, inquiry.outcome, inquiry.result_code) == ("ANSWERED", "paid", "0")
    assert inquiry.answered_at == world.now
    payment = Payment.objects.get()
    assert (payment.must_verify, payment.authenticity) == (False, "polled")
    assert hooks.woken == [(FULFIL, (payment.pk,))]
    row = Callback.objects.get()
    assert (row.door, row.subject, row.outcome, row.source) == ("result", CONVERSATION, "answered", "127.0.0.1")
    world.fulfil()
    assert Token.objects.count() == 1


def test_answer_repeated_is_journalled_and_ignored(world: World, hooks: Hooks) -> None:
    asked_about(world)
    hooks.post(RESULT, status_result())
    before = written()
    assert hooks.post(RESULT, status_result(TransactionStatus="Cancelled")).json() == TAKEN
    assert written() == before
    assert journalled() == [("result", "answered"), ("result", "repeated")]
    assert len(hooks.woken) == 1


def test_answer_to_a_lost_question_is_still_an_answer(world: World, hooks: Hooks) -> None:
    asked_about(world)
    world.later(600)
    assert lose_inquiries(now=world.now) == 1
    hooks.post(RESULT, status_result())
    assert Inquiry.objects.get().state == "ANSWERED"
    assert not Payment.objects.get().must_verify


@pytest.mark.parametrize("document", [status_result("AG_other"), reversal_result(ResultCode=1)])
def test_answer_that_nobody_asked_for_is_kept_and_taken(world: World, hooks: Hooks, document: dict[str, Any]) -> None:
    asked_about(world)
    before = written()
    answer = hooks.post(RESULT, document)
    assert (answer.status_code, answer.json()) == (200, TAKEN)
    assert written() == before
    assert journalled() == [("result", "unknown_conversation")]
    assert hooks.woken == []


def test_answer_about_another_payment_changes_nothing(world: World, hooks: Hooks) -> None:
    asked_about(world, receipt="OTHER1")
    before = written()
    assert hooks.post(RESULT, status_result()).json() == TAKEN
    assert written() == before
    assert journalled() == [("result", "other_payment")]


def test_answer_of_another_amount_freezes(world: World, hooks: Hooks) -> None:
    asked_about(world)
    hooks.post(RESULT, status_result(Amount="3"))
    payment = Payment.objects.get()
    assert payment.frozen_reason == "amount_differs"
    assert open_reasons(payment) == ["amount_differs"]
    assert world.fulfil().rows == 0


def test_answer_that_it_was_not_completed_freezes(world: World, hooks: Hooks) -> None:
    asked_about(world)
    hooks.post(RESULT, status_result(TransactionStatus="Declined"))
    payment = Payment.objects.get()
    assert (payment.state, payment.frozen_reason) == (PaymentState.CONFIRMED, "not_confirmed")
    assert world.fulfil().rows == 0


@pytest.mark.parametrize("address", [RESULT, TIMEOUT])
def test_answer_that_says_nothing_final_is_asked_again(world: World, hooks: Hooks, address: str) -> None:
    asked_about(world)
    before = rows_of(Payment)
    document = status_result(TransactionStatus="Pending")
    for _ in range(2):
        assert hooks.post(address, document).json() == TAKEN
    assert rows_of(Payment) == before
    assert Inquiry.objects.get().state == "LOST"
    assert journalled() == [(address.rpartition("/")[2], "unanswered")] * 2
    hooks.post(RESULT, status_result())
    assert not Payment.objects.get().must_verify


def test_reversal_that_nobody_here_ordered_is_noted_once(world: World, hooks: Hooks) -> None:
    for _ in range(2):
        assert hooks.post(RESULT, reversal_result()).json() == TAKEN
    reversal = Reversal.objects.get()
    assert (reversal.payment_receipt, reversal.receipt, reversal.amount_minor) == ("SKC82PACB8", "SKE52PAWR9", 100)
    assert journalled() == [("result", "reversed")] * 2


def test_reversal_from_elsewhere_is_not_believed(world: World, hooks: Hooks, settings: Settings) -> None:
    settings.PAYMENT_SOURCE_MODE, settings.PAYMENT_SOURCES = "enforce", ["196.201.214.200"]
    assert hooks.post(RESULT, reversal_result()).json() == TAKEN
    assert not Reversal.objects.exists()
    hooks.client.defaults["REMOTE_ADDR"] = "196.201.214.200"
    hooks.post(RESULT, reversal_result())
    assert Reversal.objects.exists()
    assert journalled() == [("result", "distrusted"), ("result", "reversed")]


@pytest.mark.parametrize("is_known", [True, False])
def test_reversal_without_an_amount_is_of_the_whole_payment(world: World, hooks: Hooks, is_known: bool) -> None:
    if is_known:
        world.confirm(30_000, receipt="SKC82PACB8")
    document = reversal_result()
    items = document["Result"]["ResultParameters"]["ResultParameter"]
    document["Result"]["ResultParameters"]["ResultParameter"] = [item for item in items if item["Key"] != "Amount"]
    assert hooks.post(RESULT, document).status_code == 200
    assert list(Reversal.objects.values_list("amount_minor", flat=True)) == ([30_000] if is_known else [])
    assert journalled()[-1] == ("result", "reversed" if is_known else "no_amount")


def test_reversal_that_was_ordered_is_settled_with_its_journal_row(
    world: World, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    inquiry = asked_about(world, Question.REVERSAL, "SKC82PACB8")
    settled: list[tuple[int, str, str]] = []

    def settle(**given: Any) -> None:
        settled.append((given["inquiry"].pk, given["answer"].outcome, given["actor"]))

    monkeypatch.setattr(services, "settle_reversal_answer", settle)
    document = reversal_result(ConversationID=CONVERSATION)
    for _ in range(2):
        assert hooks.post(RESULT, document).json() == TAKEN
    assert settled == [(inquiry.pk, "paid", "provider:daraja")]
    assert journalled() == [("result", "answered"), ("result", "repeated")]
    assert hooks.woken == []


def test_reversal_whose_settling_fails_leaves_no_trace(
    world: World, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_about(world, Question.REVERSAL, "SKC82PACB8")

    def fail(**_: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(services, "settle_reversal_answer", fail)
    before = written()
    with pytest.raises(RuntimeError):
        hooks.post(RESULT, reversal_result(ConversationID=CONVERSATION))
    assert written() == before
    assert not Callback.objects.exists(), "no 200 before the commit: the provider, or the sweep, says it again"


def test_recorded_list_at_the_pull_door_becomes_payments_once(world: World, hooks: Hooks, settings: Settings) -> None:
    document = json_payload("daraja/pull_query_response.json")
    for _ in range(2):
        assert hooks.post(PULL, document).json() == TAKEN
    payment = Payment.objects.get()
    assert (payment.amount_minor, payment.account_text, payment.authenticity) == (16_800, "37207636392", "secret")
    assert hooks.woken == [(FULFIL, (payment.pk,))]
    assert journalled() == [("pull", "list"), ("pull", "created"), ("pull", "list")]
    settings.PAYMENT_SOURCE_MODE = "enforce"
    document["Response"][0][0]["transactionId"] = "OTHER1"
    hooks.post(PULL, document)
    assert Payment.objects.order_by("pk").last().must_verify is True  # type: ignore[union-attr]


def test_foreign_short_code_in_a_list_makes_no_payment(
    world: World, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakePaymentProvider("daraja")
    monkeypatch.setattr(payment_registry, "get_provider", lambda _name: fake)
    own = {"receipt": "A1", "amount": "200", "account": world.meter.drn}
    body = list_request(own, own | {"receipt": "A2", "short_code": "999999"}).body
    assert hooks.post(PULL, body).status_code == 200
    assert Payment.objects.get().receipt == "A1"


def test_door_that_a_provider_does_not_have_is_not_found(
    world: World, hooks: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakePaymentProvider("daraja")
    monkeypatch.setattr(fake, "doors", frozenset({Door.CONFIRMATION}))
    monkeypatch.setattr(payment_registry, "get_provider", lambda _name: fake)
    assert [hooks.post(address, b"{}").status_code for address in (RESULT, TIMEOUT, PULL)] == [404] * 3
    assert not Callback.objects.exists()


def test_answer_that_came_before_its_question_was_noted_stays(world: World, hooks: Hooks) -> None:
    inquiry = asked_about(world)
    hooks.post(RESULT, status_result())
    before = written()
    for outcome in PushOutcome:
        store_asked(inquiry_id=inquiry.pk, asked=Asked(outcome, "AG_2"), actor=ACTOR, now=world.now)
    assert written() == before


_AWKWARD: list[Any] = [None, [], {}, "", -1, 1e300, True, "\u0660", "x" * 3000, "\0", "\ud800", [[]]]


def mangled() -> list[bytes]:
    """The published bodies with fields missing, doubled, of the wrong type, huge, and in other character sets."""
    bodies = []
    for name in ("transaction_status_result", "reversal_result_success", "reversal_result_failure"):
        document = json_payload(f"daraja/{name}.json")
        result = document["Result"]
        for field in result:
            for value in _AWKWARD:
                bodies.append(json.dumps({"Result": result | {field: value}}).encode())
            bodies.append(json.dumps({"Result": {k: v for k, v in result.items() if k != field}}).encode())
        text = json.dumps(document)
        bodies += [text.encode("utf-16"), text.encode("utf-8-sig"), text.encode()[:-9], text.encode() + b"}"]
        bodies.append(text.replace('"ResultCode"', '"ResultType": 0, "ResultCode": 7, "ResultCode"').encode())
    rows = json_payload("daraja/pull_query_response.json")
    row = rows["Response"][0][0]
    for field in row:
        for value in _AWKWARD:
            bodies.append(json.dumps(rows | {"Response": [[row | {field: value}]]}).encode())
    shapes: list[Any] = [None, [], [[]], [[[]]], {}, "[[]]", 7]
    for value in shapes:
        bodies.append(json.dumps(rows | {"Response": value}).encode())
    return [*bodies, b"", b"[]", b"null", b"[" * 60_000, b'{"Result": ' * 5000, b"\xff\xfe", b"\x00"]


@pytest.mark.parametrize("address", [RESULT, TIMEOUT, PULL])
def test_mangled_answers_are_never_an_error_of_ours(world: World, hooks: Hooks, address: str) -> None:
    asked_about(world)
    bodies = mangled()
    statuses = [hooks.post(address, body).status_code for body in bodies]
    assert set(statuses) == {200, 400}
    unreadable = Callback.objects.filter(outcome="unreadable").count()
    assert unreadable == statuses.count(400)
    assert Callback.objects.exclude(subject="", outcome="unreadable").count() >= statuses.count(200)
