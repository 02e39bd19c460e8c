"""The page of what waits: each kind of trouble with its count, the age of the oldest, and the next automatic act."""

import re
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fleet.cases.models import Case
from fleet.cases.services import close_case, open_case, take_case
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.claims.services import claim_wrong_meter
from gateway.dashboard import layout, stuck
from gateway.desk.services import DeskTools, Kind, approve, propose
from gateway.payments.models import Payment
from gateway.payments.ports import Outcome
from gateway.payments.services import freeze_payment
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from tests.support.doubted import doubted, prompted, verify
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, NOW, World, block

TITLES = (
    "Paid, no code yet",
    "Paid, not yet believed",
    "Paid, no meter",
    "Unknown result",
    "Refunds on their way",
    "Wrong meter claims",
    "Double pay?",
    "SMS not delivered",
    "Approvals waiting",
)


@pytest.fixture
def operator(world: World) -> Operator:
    return set_operator(username="neema", password="right-password-1", actor=ACTOR, now=NOW)


@pytest.fixture
def desk(client: Client, operator: Operator, world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(layout, "now", lambda: world.now)
    client.force_login(operator)
    return client


def page_of(desk: Client) -> str:
    response = desk.get("/dashboard/stuck/")
    assert response.status_code == HTTPStatus.OK
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", response.content.decode())
    return response.content.decode()


def words_of(html: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", html).split()).replace("&#x27;", "'")


def section(desk: Client, anchor: str) -> str:
    html = page_of(desk)
    name = f'<section aria-labelledby="{anchor}">'
    return words_of(html.split(name)[1].split("</section>", maxsplit=1)[0]) if name in html else ""


def proposed(world: World, operator: Operator, kind: Kind, payment: Payment, **given: object) -> int:
    return propose(
        kind=kind,
        subject_id=payment.pk,
        terms=given,
        reason="asked by phone",
        maker_id=operator.pk,
        actor=f"operator:{operator.pk}",
        now=world.now,
    ).pk


def test_every_kind_of_trouble_has_its_count_also_when_there_is_none(desk: Client) -> None:
    words = words_of(page_of(desk))
    assert " ".join(f"{title} 0" for title in TITLES) in words


def test_count_and_age_of_the_oldest_stand_above(desk: Client, world: World) -> None:
    world.sell(account="one")
    world.later(90)
    world.sell(account="two")
    assert "Paid, no meter 2 oldest 1 min 30 s" in words_of(page_of(desk))


def test_purchase_shows_how_often_the_provider_was_asked_and_the_next_question(desk: Client, world: World) -> None:
    purchase = prompted(world)
    world.later(11)
    waits = "waiting for the customer waits for the customer's PIN; not asked yet, next question in 19 s"
    assert waits in section(desk, "purchases")
    verified = {"queries": 4, "next_query_at": world.now + timedelta(minutes=10), "state": "UNKNOWN"}
    Payment.objects.filter(pk=purchase.pk).update(**verified, reason="paid_without_receipt")
    words = section(desk, "purchases")
    assert "result unknown the provider says paid, and names no receipt (paid_without_receipt)" in words
    assert words.endswith("asked 4 times, next question in 10 min 00 s")


def test_doubted_money_is_apart_from_what_waits_for_a_worker(desk: Client, world: World) -> None:
    payment = doubted(world)
    Payment.objects.update(queries=1, next_query_at=world.now + timedelta(seconds=60))
    world.later(5)
    words = section(desk, "not-believed")
    assert f"5 s Payment {payment.pk} KES 200 RCPT000001 37000123457 hidden number paid, not yet allocated" in words
    assert "the provider is to be asked before anything is sold of it asked 1 time, next question in 55 s" in words
    assert section(desk, "no-code") == ""
    assert verify(world, payment, Outcome.NOT_PAID) == "not_confirmed"
    world.later(3600)
    words = section(desk, "not-believed")
    assert "the provider does not know this payment (not_confirmed) none: a person decides" in words
    assert words.count(f"Payment {payment.pk}") == 1
    assert "nobody takes it" not in page_of(desk)


def test_booked_money_that_a_list_lacks_stays_until_its_case_is_closed(desk: Client, world: World) -> None:
    payment = world.sell()
    freeze_payment(payment_id=payment.pk, reason="not_in_statement", actor=ACTOR, now=world.now)
    case, _ = (
        open_case(reason="not_in_statement", subject=subject, details={}, due_at=NOW, actor=ACTOR, now=NOW)
        for subject in (f"payment:{payment.pk}", "installation")
    )
    world.later(7)
    assert f"7 s Payment {payment.pk} KES 200 RCPT000001 37000123457" in section(desk, "not-believed")
    assert "allocated the provider's list lacks this payment (not_in_statement)" in section(desk, "not-believed")
    close_case(case_id=case.pk, outcome="found on paper", actor=ACTOR, now=world.now)
    assert section(desk, "not-believed") == ""


def test_money_without_a_code_is_counted_by_reason(desk: Client, world: World) -> None:
    world.module = FakeSecurityModule({}, is_unavailable=True)
    for _ in range(2):
        world.sell()
    world.confirm()
    words = section(desk, "no-code")
    assert "2 the security module does not answer (security_module_unavailable)" in words
    assert "1 paid, not yet allocated" in words
    assert "in 2 s" in words


def test_refund_shows_who_is_to_act(desk: Client, world: World) -> None:
    payment = world.sell(account="no such meter")
    operators = [
        set_operator(username=name, password="a-long-password-1", actor=ACTOR, now=NOW) for name in ("one", "two")
    ]
    approval_id = proposed(world, operators[0], Kind.PAYMENT_REFUND, payment)
    words = section(desk, "approvals")
    assert f"Proposal {approval_id}: give a payment back KES 200 RCPT000001 payment {payment.pk}" in words
    assert "waiting for a second person asked by one expires in 3 d 0 h" in words
    tools = DeskTools(lambda: 5, 30)
    approve(approval_id=approval_id, checker_id=operators[1].pk, tools=tools, actor=ACTOR, now=world.now)
    refund = Refund.objects.get()
    assert f"Refund {refund.pk} KES 200 RCPT000001 hidden number to be asked for not asked yet, due for 0 s" in section(
        desk, "refunds"
    )
    assert section(desk, "approvals") == ""
    Refund.objects.update(state=RefundState.BY_HAND, next_try_at=None, reason="in_part")
    words = section(desk, "refunds")
    assert words.endswith("the provider gives back whole ones only (in_part) none: a person pays it out")


def test_wrong_meter_claim_stands_once_with_both_meters_and_its_owner(
    desk: Client, world: World, operator: Operator
) -> None:
    payment = world.sell()
    right = world.other_meter.drn
    claim_wrong_meter(receipt=payment.receipt or "", phone_e164=AMINA, right_drn=right, actor=ACTOR, now=world.now)
    case = Case.objects.get(reason="wrong_meter")
    world.later(30)
    words = section(desk, "wrong-meter")
    assert f"30 s Payment {payment.pk}, case {case.pk} KES 200 RCPT000001 37000123457 to {right}" in words
    assert "code was sent nobody has taken the case none: a person decides" in words
    take_case(case_id=case.pk, operator_id=operator.pk, actor=ACTOR, now=world.now)
    assert "owner: neema" in section(desk, "wrong-meter")


def test_stopped_wrong_meter_money_is_in_one_list(desk: Client, world: World) -> None:
    world.confirm()
    payment = Payment.objects.get()
    claim_wrong_meter(
        receipt=payment.receipt or "",
        phone_e164=AMINA,
        right_drn=world.other_meter.drn,
        actor=ACTOR,
        now=world.now,
    )
    assert "code stopped" in section(desk, "wrong-meter")
    assert section(desk, "not-believed") == ""
    assert section(desk, "no-code") == ""
    case = Case.objects.get(reason="wrong_meter")
    close_case(case_id=case.pk, outcome="talked to her", actor=ACTOR, now=world.now)
    words = section(desk, "not-believed")
    assert "the customer says that it was paid for the wrong meter (wrong_meter) none: a person decides" in words


def test_second_of_two_equal_payments_is_asked_about(desk: Client, world: World) -> None:
    first = world.sell()
    world.later(60)
    second = world.sell()
    words = section(desk, "double-pay")
    assert f"0 s Payment {second.pk} KES 200 RCPT000002 37000123457" in words
    assert f"the same as payment {first.pk}, within two minutes none: it leaves this list after a day" in words
    world.later(24 * 3600 + 1)
    assert section(desk, "double-pay") == ""


def test_blocked_meter_keeps_its_sale_here(desk: Client, world: World) -> None:
    world.module = FakeSecurityModule({}, is_unavailable=True)
    world.sell()
    block(world.meter)
    assert "Sale " in section(desk, "no-code")


def test_long_list_is_cut_and_says_so(desk: Client, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stuck, "SHOWN", 1)
    for account in ("one", "two"):
        world.sell(account=account)
    html = page_of(desk)
    assert "Paid, no meter 1+ oldest 0 s" in words_of(html)
    assert "Only the oldest 1 are shown." in words_of(html)


def test_page_asks_the_database_as_often_for_many_rows_as_for_few(desk: Client, world: World) -> None:
    def count_queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            page_of(desk)
        return len(asked)

    for account in ("one", "", ""):
        world.sell(account=account)
    few = count_queries()
    for account in ("two", "three", "", ""):
        world.sell(account=account)
    assert count_queries() == few
