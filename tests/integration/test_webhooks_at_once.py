"""Callbacks for one payment on many connections at once: one payment, and a journal that says what each of them was.

On PostgreSQL only: these tests commit, so the tables are emptied after each, which the append-only triggers of SQLite
refuse. SQLite has one writer, and its queue of writers is what `tests/integration/test_webhooks_accept.py` runs over.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
from django.db import OperationalError, connection, connections, transaction
from django.test import Client
from pytest_django import Settings

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from fleet.meters.locks import lock_meters
from gateway.http.inbound import InboundRequest
from gateway.inquiries import services as inquiry_services
from gateway.inquiries.services import open_inquiry, store_asked
from gateway.payments.locks import lock_payments
from gateway.payments.models import Payment
from gateway.payments.ports import (
    Asked,
    Authenticity,
    Door,
    Outcome,
    PromptStatus,
    PushOutcome,
    PushResult,
    Question,
)
from gateway.payments.registry import get_provider
from gateway.payments.services import store_prompt_status, store_push
from gateway.webhooks import views
from gateway.webhooks.models import Callback
from gateway.webhooks.services import take_listed
from tests.support.doubted import doubted, prompted
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.payloads import json_payload
from tests.support.world import ACTOR, AMINA, World
from vending.ledger.models import LedgerEntry
from vending.tokens.models import Token

pytestmark = pytest.mark.django_db(transaction=True)
__test__ = connection.vendor == "postgresql"

AT_ONCE = 8


@pytest.fixture
def post(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Any], int]:
    monkeypatch.setattr(views, "wake", lambda _name, _ids: None)
    monkeypatch.setattr(views, "now", lambda: world.now)

    def post_to(address: str, document: Any) -> int:
        slice_name, provider, door = address.split("/")
        url = f"/hooks/{slice_name}/{provider}/{settings.HOOK_SECRETS[0]}/{door}"
        return Client().post(url, data=json.dumps(document), content_type="application/json").status_code

    return post_to


def at_once(acts: Sequence[Callable[[], int]]) -> list[int]:
    """Run all of them on connections of their own, started together; what each answered."""
    barrier, answers = threading.Barrier(len(acts)), []

    def run(act: Callable[[], int]) -> None:
        try:
            barrier.wait(timeout=10)
            answers.append(act())
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    return answers


def confirmation(world: World, receipt: str = "NLJ7") -> dict[str, Any]:
    document: dict[str, Any] = json_payload("daraja/c2b_confirmation.json")
    changes = {"TransID": receipt, "TransAmount": "200", "BillRefNumber": world.meter.drn, "MSISDN": AMINA[1:]}
    return document | changes | {"BusinessShortCode": "600000"}


def prompt_result(receipt: str = "NLJ7") -> dict[str, Any]:
    items = {"Amount": 200, "MpesaReceiptNumber": receipt, "PhoneNumber": int(AMINA[1:])}
    metadata = {"Item": [{"Name": name, "Value": value} for name, value in items.items()]}
    callback = {"CheckoutRequestID": "ws_CO_1", "ResultCode": 0, "CallbackMetadata": metadata}
    return {"Body": {"stkCallback": callback}}


def sold_once(world: World) -> None:
    while world.fulfil().rows:
        world.later(1)
    assert Payment.objects.filter(state="ALLOCATED").count() == 1
    assert Token.objects.count() == LedgerEntry.objects.count() == 1
    assert AuditEntry.objects.filter(act="payment.confirmed").count() == 1


@pytest.mark.parametrize("has_purchase", [False, True])
def test_same_confirmation_at_once_is_one_payment(
    world: World, post: Callable[[str, Any], int], has_purchase: bool
) -> None:
    if has_purchase:
        world.purchase()
    document = confirmation(world)
    acts = [partial(post, "payments/daraja/confirmation", document)] * AT_ONCE
    assert at_once(acts) == [200] * AT_ONCE
    outcomes = Counter(Callback.objects.values_list("outcome", flat=True))
    assert outcomes == {"accepted": 1, "repeated": AT_ONCE - 1}
    sold_once(world)


def test_contradicting_confirmation_at_once_is_a_conflict(world: World, post: Callable[[str, Any], int]) -> None:
    one = confirmation(world)
    other = one | {"TransAmount": "300"}
    assert at_once([partial(post, "payments/daraja/confirmation", d) for d in (one, other)]) == [200, 200]
    assert Counter(Callback.objects.values_list("outcome", flat=True)) == {"accepted": 1, "conflict": 1}
    assert AuditEntry.objects.filter(act="payment.contradicted").count() == 1
    sold_once(world)


@pytest.mark.parametrize("is_checkout_known", [False, True])
def test_both_doors_at_once_are_one_payment(
    world: World, post: Callable[[str, Any], int], is_checkout_known: bool
) -> None:
    purchase = world.purchase()
    if is_checkout_known:
        result = PushResult(PushOutcome.ACCEPTED, "ws_CO_1")
        store_push(payment_id=purchase.pk, result=result, actor=ACTOR, now=world.now)
    acts = [
        partial(post, "payments/daraja/confirmation", confirmation(world)),
        partial(post, "payments/daraja/stk", prompt_result()),
    ] * (AT_ONCE // 2)
    assert at_once(acts) == [200] * AT_ONCE
    assert Payment.objects.get().pk == purchase.pk
    assert Counter(Callback.objects.values_list("outcome", flat=True)) == {"accepted": 1, "repeated": AT_ONCE - 1}
    sold_once(world)


def test_prompt_told_while_its_money_is_allocated_is_answered_all_the_same(
    world: World, post: Callable[[str, Any], int]
) -> None:
    """It lends its meter to money whose meter the flow has locked: the database ends one of the two."""
    purchase = world.purchase()
    result = PushResult(PushOutcome.ACCEPTED, "ws_CO_1")
    store_push(payment_id=purchase.pk, result=result, actor=ACTOR, now=world.now)
    declined = PromptStatus(Outcome.NOT_PAID, "1032")
    store_prompt_status(payment_id=purchase.pk, status=declined, actor=ACTOR, now=world.now)
    post("payments/daraja/confirmation", confirmation(world))
    paid = Payment.objects.get(receipt="NLJ7")
    is_locked = threading.Event()

    def allocate() -> int:
        with suppress(OperationalError), transaction.atomic():  # the flow tries again by itself
            lock_meters([world.meter.pk])
            is_locked.set()
            time.sleep(0.3)  # the other one waits for the meter by now
            lock_payments([paid.pk])
        return 200

    def tell() -> int:
        is_locked.wait(timeout=10)
        return post("payments/daraja/stk", prompt_result())

    assert at_once([allocate, tell]) == [200, 200]
    sold_once(world)


def test_two_payments_for_one_purchase_at_once_are_two(world: World, post: Callable[[str, Any], int]) -> None:
    world.purchase()
    documents = [confirmation(world, f"NLJ{number}") for number in range(AT_ONCE)]
    acts = [partial(post, "payments/daraja/confirmation", document) for document in documents]
    assert at_once(acts) == [200] * AT_ONCE
    assert Payment.objects.count() == AT_ONCE
    assert Payment.objects.exclude(reference="").count() == 1
    assert Payment.objects.filter(state="CONFIRMED").values("receipt").distinct().count() == AT_ONCE


def test_confirmation_from_everywhere_at_once_is_one_payment_that_is_believed(
    world: World, settings: Settings, post: Callable[[str, Any], int]
) -> None:
    settings.PAYMENT_SOURCE_MODE, settings.PAYMENT_SOURCES = "enforce", ["196.201.214.200"]
    url = f"/hooks/payments/daraja/{settings.HOOK_SECRETS[0]}/confirmation"
    body = json.dumps(confirmation(world))

    def post_from(source: str) -> int:
        return Client(REMOTE_ADDR=source).post(url, data=body, content_type="application/json").status_code

    sources = ["203.0.113.9", "196.201.214.200"] * (AT_ONCE // 2)
    assert at_once([partial(post_from, source) for source in sources]) == [200] * AT_ONCE
    assert not Payment.objects.get().must_verify
    sold_once(world)


def test_listed_and_told_at_once_is_one_payment(world: World, post: Callable[[str, Any], int]) -> None:
    claim = get_provider("daraja").parse(
        Door.CONFIRMATION, InboundRequest("POST", "", json.dumps(confirmation(world)).encode())
    )

    def pull() -> int:
        take_listed(claim=claim, raw=b"", source=Door.PULL, actor=ACTOR, now=world.now)
        return 200

    told = partial(post, "payments/daraja/confirmation", confirmation(world))
    acts: list[Callable[[], int]] = [told, pull] * (AT_ONCE // 2)
    assert at_once(acts) == [200] * AT_ONCE
    payment = Payment.objects.get()
    assert payment.authenticity == Authenticity.LISTED
    sold_once(world)


def test_contradicting_confirmations_at_once_are_one_case(world: World, post: Callable[[str, Any], int]) -> None:
    document = confirmation(world)
    post("payments/daraja/confirmation", document)
    other = document | {"TransAmount": "300"}
    acts = [partial(post, "payments/daraja/confirmation", other)] * AT_ONCE
    assert at_once(acts) == [200] * AT_ONCE
    case = Case.objects.get()
    assert (case.reason, case.subject) == ("amount_differs", f"payment:{Payment.objects.get().pk}")
    sold_once(world)


def test_answer_at_once_is_one_answer(world: World, post: Callable[[str, Any], int]) -> None:
    payment_id = doubted(world, 30_000, "MBN31H462N").pk
    inquiry = open_inquiry(kind=Question.STATUS, payment_id=payment_id, actor=ACTOR, now=world.now)
    document: dict[str, Any] = json_payload("daraja/transaction_status_result.json")
    asked = Asked(PushOutcome.ACCEPTED, document["Result"]["ConversationID"])
    store_asked(inquiry_id=inquiry.pk, asked=asked, actor=ACTOR, now=world.now)
    assert at_once([partial(post, "payments/daraja/result", document)] * AT_ONCE) == [200] * AT_ONCE
    assert Counter(Callback.objects.values_list("outcome", flat=True)) == {"answered": 1, "repeated": AT_ONCE - 1}
    assert AuditEntry.objects.filter(act="payment.believed").count() == 1
    sold_once(world)


def test_workers_at_once_ask_one_question_each(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    provider = FakePaymentProvider("daraja")
    monkeypatch.setattr(inquiry_services, "get_provider", lambda _name: provider)
    for number in range(AT_ONCE):
        doubted(world, 5_000)
        prompted(world, f"ws_CO_{number}")
    world.later(30)

    def sweep() -> int:
        asked = inquiry_services.query_prompts(clock=lambda: world.now, limit=AT_ONCE)
        return asked + inquiry_services.ask_statuses(clock=lambda: world.now, limit=AT_ONCE)

    assert sum(at_once([sweep] * AT_ONCE)) == 2 * AT_ONCE
    assert sorted(provider.queries) == [f"ws_CO_{number}" for number in range(AT_ONCE)]
    receipts = [receipt for receipt, _ in provider.status_asks]
    assert len(receipts) == len(set(receipts)) == AT_ONCE


def test_first_hop_at_once_is_one_session(world: World, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(views, "wake", lambda _name, _ids: None)
    monkeypatch.setattr(views, "now", lambda: world.now)
    fields = {"sessionId": "ATUid_1", "phoneNumber": AMINA, "text": "1*4*200*1"}

    def dial() -> int:
        url = f"/hooks/ussd/africastalking/{settings.HOOK_SECRETS[0]}/"
        body = "&".join(f"{name}={value.replace('+', '%2B')}" for name, value in fields.items())
        form = "application/x-www-form-urlencoded"
        return Client().post(url, data=body, content_type=form).status_code

    assert at_once([dial] * AT_ONCE) == [200] * AT_ONCE
    assert Payment.objects.count() == 1
