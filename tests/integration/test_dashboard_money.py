"""What may be done with a payment and a sale on their pages: offered only if it can be done, proposed once, audited."""

import re
from collections.abc import Callable
from datetime import timedelta
from http import HTTPStatus

import pytest
from django.contrib.messages import get_messages
from django.test import Client
from pytest_django import Settings

from fleet.approvals.models import Approval
from fleet.audit.models import AuditEntry
from fleet.operators.models import Operator
from fleet.operators.services import set_operator
from gateway.dashboard import forms, layout, proposing
from gateway.dashboard.offers import list_offers
from gateway.desk.services import DeskTools, Kind, approve
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.services import freeze_payment
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.services import note_reversal
from tests.support.doubted import doubted
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.rows import rows_of
from tests.support.world import ACTOR, NOW, World
from vending.ledger.models import LedgerEntry
from vending.vends.models import Vend

TOOLS = DeskTools(lambda: 5, 30)
REASON = "asked by phone"
HOSTILE = "<script>alert(1)</script>"
HINTS: list[int] = []


@pytest.fixture
def maker(world: World) -> Operator:
    return set_operator(username="neema", password="right-password-1", actor=ACTOR, now=NOW)


@pytest.fixture
def checker(world: World) -> Operator:
    return set_operator(username="baraka", password="right-password-2", actor=ACTOR, now=NOW)


@pytest.fixture
def desk(client: Client, maker: Operator, world: World, monkeypatch: pytest.MonkeyPatch) -> Client:
    """A browser with a login, whose pages are as of `world.now`."""
    for page in (layout, forms):
        monkeypatch.setattr(page, "now", lambda: world.now)
    monkeypatch.setattr(proposing, "wake", lambda task_name, row_ids: HINTS.extend(row_ids))
    HINTS.clear()
    client.force_login(maker)
    return client


def words_of(desk: Client, path: str) -> str:
    response = desk.get(f"/dashboard/{path}")
    assert response.status_code == HTTPStatus.OK
    assert not re.search(r"<script|<style|\sstyle=|\son\w+=|https?://", response.content.decode())
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


def said(desk: Client, path: str, back: str, **form: str) -> str:
    """What the page answers to a form; it leads back to where the form was."""
    response = desk.post(f"/dashboard/{path}", form)
    assert (response.status_code, response.headers["Location"]) == (HTTPStatus.FOUND, f"/dashboard/{back}")
    answer = [str(message) for message in get_messages(response.wsgi_request)][-1]
    desk.get(f"/dashboard/{back}")  # which shows it once
    return answer


def did(desk: Client, payment: Payment, act: str, **form: str) -> str:
    return said(desk, f"payments/{payment.pk}/act/", f"payments/{payment.pk}/", act=act, **form)


def agreed(world: World, checker: Operator) -> None:
    approval = Approval.objects.order_by("-pk")[0]
    actor = f"operator:{checker.pk}"
    approve(approval_id=approval.pk, checker_id=checker.pk, tools=TOOLS, actor=actor, now=world.now)


def held(world: World) -> Payment:
    module, world.module = world.module, FakeSecurityModule({}, is_unavailable=True)
    payment = world.sell()
    world.module = module
    return payment


def lost(world: World) -> Payment:
    return world.sell(account="no such meter")


def frozen(world: World) -> Payment:
    payment = doubted(world)
    freeze_payment(payment_id=payment.pk, reason="not_confirmed", actor=ACTOR, now=world.now)
    return payment


def in_wallet(world: World) -> Payment:
    return world.sell(500)


def taken_back(world: World) -> Payment:
    payment = lost(world)
    facts = {"provider": "daraja", "payment_receipt": payment.receipt or "", "receipt": "REV0000001"}
    note_reversal(**facts, amount_minor=20_000, currency="KES", door="pull", actor=ACTOR, now=world.now)
    return payment


@pytest.mark.parametrize(
    ("make", "offered"),
    [
        (World.sell, [Kind.WALLET_REFUND]),
        (lost, [Kind.PAYMENT_ASSIGN, Kind.PAYMENT_REFUND]),
        (held, [Kind.PAYMENT_MOVE, Kind.WALLET_REFUND]),
        (in_wallet, [Kind.PAYMENT_MOVE, Kind.PAYMENT_REFUND, Kind.WALLET_REFUND]),
        (doubted, [Kind.PAYMENT_ASSIGN, Kind.PAYMENT_RELEASE, Kind.PAYMENT_DECLINE]),
        (frozen, [Kind.PAYMENT_ASSIGN, Kind.PAYMENT_RELEASE, Kind.PAYMENT_DECLINE]),
        (World.purchase, []),
        (taken_back, [Kind.PAYMENT_ASSIGN]),
    ],
    ids=["sold", "suspense", "held", "kept", "doubted", "frozen", "purchase", "taken back"],
)
def test_only_what_can_be_done_is_offered(
    desk: Client, world: World, make: Callable[[World], Payment], offered: list[Kind]
) -> None:
    payment = make(world)
    assert [offer.act for offer in list_offers(payment.pk)] == offered
    html = desk.get(f"/dashboard/payments/{payment.pk}/").content.decode()
    assert re.findall(r'name="act" value="([^"]+)"', html) == offered


def test_nothing_is_offered_about_a_payment_that_is_not_there(db: None) -> None:
    assert list_offers(999) == []


def test_payment_is_given_a_meter_as_it_is_typed_by_two_persons(
    desk: Client, world: World, maker: Operator, checker: Operator
) -> None:
    payment = lost(world)
    answer = did(desk, payment, Kind.PAYMENT_ASSIGN, meter=" 370-0012 3457 ", reason=REASON)
    approval = Approval.objects.get()
    assert answer == f"Proposal {approval.pk} waits for a second person: give a payment its meter."
    assert (approval.maker, approval.reason, approval.terms["drn"]) == (maker, REASON, "37000123457")
    assert AuditEntry.objects.get(act="approval.asked").actor == f"operator:{maker.pk}"
    assert f"Proposal {approval.pk} waits for a second person." in words_of(desk, f"payments/{payment.pk}/")

    again = did(desk, payment, Kind.PAYMENT_ASSIGN, meter="37000123457", reason=REASON)
    assert again == (
        "The same is proposed already, and waits for a second person. Nothing was changed (approval_waiting)."
    )
    agreed(world, checker)
    world.fulfil()
    words = words_of(desk, f"payments/{payment.pk}/")
    assert f"Proposed proposal {approval.pk} give a payment its meter, {REASON} neema" in words.replace("&#x27;", "'")
    assert "Given a meter baraka" in words
    assert "approved and done" in words
    assert Vend.objects.get().meter == world.meter


@pytest.mark.parametrize(
    ("form", "code"),
    [
        ({"act": "payment.assign", "meter": "37000123458", "reason": REASON}, "meter_missing"),
        ({"act": "payment.assign", "meter": "9" * 50_000, "reason": REASON}, "meter_missing"),
        ({"act": "payment.assign", "meter": "", "reason": REASON}, "meter_missing"),
        ({"act": "payment.assign", "meter": "37000123457\0", "reason": "\0\x1b\u200b \n"}, "approval_reason_invalid"),
        ({"act": "payment.assign", "meter": "37000123457", "reason": "x" * 201}, "approval_reason_invalid"),
        ({"act": "assign_alone", "meter": "37000123457"}, "second_person_needed"),
        ({"act": "payment.move", "meter": "37000123457", "reason": REASON}, "payment_not_movable"),
        ({"act": "payment.decline", "reason": REASON}, "payment_not_declinable"),
        ({"act": "payment.release", "reason": REASON}, "payment_not_stopped"),
        ({"act": "wallet.refund", "amount": "1", "reason": REASON}, "payment_not_refundable"),
        ({"act": "sale.cancel", "reason": REASON}, "approval_kind_unknown"),
        ({"act": "tariff.publish", "reason": REASON}, "approval_kind_unknown"),
        ({"act": HOSTILE}, "approval_kind_unknown"),
        ({}, "approval_kind_unknown"),
    ],
)
def test_bad_form_about_a_payment_changes_nothing_and_says_why(
    desk: Client, world: World, form: dict[str, str], code: str
) -> None:
    payment = lost(world)
    before = rows_of(Payment, Approval, AuditEntry, LedgerEntry)
    answer = said(desk, f"payments/{payment.pk}/act/", f"payments/{payment.pk}/", **form)
    assert answer.endswith(f"Nothing was changed ({code}).")
    assert rows_of(Payment, Approval, AuditEntry, LedgerEntry) == before


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("0", "terms_invalid"),
        ("-1", "terms_invalid"),
        ("1e9", "amount_invalid"),
        ("NaN", "amount_invalid"),
        ("", "amount_invalid"),
        ("0.001", "amount_invalid"),
        ("9" * 5000, "amount_invalid"),
        ("2.09", "wallet_holds_less"),
        ("200.01", "refund_over_payment"),
    ],
)
def test_bad_amount_of_a_wallet_is_refused(desk: Client, world: World, amount: str, code: str) -> None:
    payment = world.sell()
    answer = did(desk, payment, Kind.WALLET_REFUND, amount=amount, reason=REASON)
    assert answer.endswith(f"Nothing was changed ({code}).")
    assert not Approval.objects.exists()


def test_small_money_is_given_its_meter_by_one_person(
    desk: Client, world: World, maker: Operator, settings: Settings
) -> None:
    settings.ASSIGN_ALONE_UP_TO = 200
    payment = lost(world)
    html = desk.get(f"/dashboard/payments/{payment.pk}/").content.decode()
    assert re.findall(r'name="act" value="([^"]+)"', html) == ["assign_alone", Kind.PAYMENT_REFUND]
    assert did(desk, payment, "assign_alone", meter="37000123457") == "The payment is for meter 37000123457 now."
    again = did(desk, payment, "assign_alone", meter="37000123457")
    assert again == "The payment was for meter 37000123457 already."
    assert set(HINTS) == {payment.pk}
    assert AuditEntry.objects.get(act="payment.assigned_alone").actor == f"operator:{maker.pk}"
    world.fulfil()
    assert Vend.objects.get().meter == world.meter


def test_part_of_a_wallet_goes_back_and_its_payout_is_entered(desk: Client, world: World, checker: Operator) -> None:
    payment = world.sell()
    did(desk, payment, Kind.WALLET_REFUND, amount="2.00", reason=REASON)
    approval = Approval.objects.get()
    assert (approval.subject, approval.terms["amount_minor"]) == (f"meter:{world.meter.pk}", 200)
    agreed(world, checker)
    refund = Refund.objects.get()
    words = words_of(desk, f"payments/{payment.pk}/")
    assert "KES 2 to be paid out by hand a part of a payment: the provider gives back whole ones only" in words
    assert "Ask the provider again" not in words
    assert f"Refund {refund.pk} " in words_of(desk, "stuck/")
    back = f"payments/{payment.pk}/"

    for receipt, code in (
        ("", "receipt_invalid"),
        ("a b", "receipt_invalid"),
        (payment.receipt or "", "receipt_taken"),
    ):
        answer = said(desk, f"refunds/{refund.pk}/paid/", back, receipt=receipt)
        assert answer.endswith(f"Nothing was changed (refund_{code}).")
    assert said(desk, f"refunds/{refund.pk}/again/", back).endswith("Nothing was changed (refund_in_part).")
    done = f"Refund {refund.pk} is paid back with PAYOUT0001."
    assert said(desk, f"refunds/{refund.pk}/paid/", back, receipt=" payout0001\0") == done
    assert said(desk, f"refunds/{refund.pk}/paid/", back, receipt="PAYOUT0001") == done
    other = said(desk, f"refunds/{refund.pk}/paid/", back, receipt="PAYOUT0002")
    assert other.endswith("Nothing was changed (refund_not_by_hand).")
    refund.refresh_from_db()
    assert (refund.state, refund.payout_receipt) == (RefundState.DONE, "PAYOUT0001")
    assert "paid back PAYOUT0001" in words_of(desk, back)


def test_whole_refund_by_hand_is_asked_of_the_provider_again(desk: Client, world: World, checker: Operator) -> None:
    payment = lost(world)
    did(desk, payment, Kind.PAYMENT_REFUND, reason=REASON)
    agreed(world, checker)
    refund = Refund.objects.get()
    words = words_of(desk, f"payments/{payment.pk}/")
    assert "refund waiting" in words
    assert "Paid out" not in words
    Refund.objects.update(state=RefundState.BY_HAND, next_try_at=None, reason="refused 2001")
    assert "Ask the provider again" in words_of(desk, f"payments/{payment.pk}/")
    answer = said(desk, f"refunds/{refund.pk}/again/", f"payments/{payment.pk}/")
    assert answer == f"Refund {refund.pk} is asked for again."
    refund.refresh_from_db()
    assert refund.state == RefundState.WAITING


def test_stopped_money_is_released_or_declined_by_two_persons(desk: Client, world: World, checker: Operator) -> None:
    good, false = frozen(world), doubted(world)
    did(desk, good, Kind.PAYMENT_RELEASE, reason=REASON)
    agreed(world, checker)
    did(desk, false, Kind.PAYMENT_DECLINE, reason="no such receipt at the provider")
    agreed(world, checker)
    world.fulfil()
    states = dict(Payment.objects.values_list("pk", "state"))
    assert states == {good.pk: PaymentState.ALLOCATED, false.pk: PaymentState.DECLINED}
    assert "Released the provider does not know this payment (not_confirmed) baraka" in words_of(
        desk, f"payments/{good.pk}/"
    )


def test_payment_page_says_why_it_is_stopped_and_when_it_is_asked_about(desk: Client, world: World) -> None:
    payment = doubted(world)
    Payment.objects.filter(pk=payment.pk).update(queries=2, next_query_at=world.now + timedelta(seconds=50))
    words = words_of(desk, f"payments/{payment.pk}/")
    assert "Stopped the provider is to be asked before anything is sold of it" in words
    assert "Next automatic try asked 2 times, next question in 50 s" in words
    freeze_payment(payment_id=payment.pk, reason="amount_differs", actor=ACTOR, now=world.now)
    words = words_of(desk, f"payments/{payment.pk}/")
    assert "Stopped the provider names another amount (amount_differs)" in words
    assert "Next automatic try none: a person decides" in words


def test_held_sale_is_cancelled_by_two_persons(desk: Client, world: World, checker: Operator) -> None:
    payment = held(world)
    sale = Vend.objects.get()
    assert "Propose to cancel it" in words_of(desk, f"sales/{sale.pk}/")
    answer = said(desk, f"sales/{sale.pk}/cancel/", f"sales/{sale.pk}/", reason=REASON)
    approval = Approval.objects.get()
    assert answer == f"Proposal {approval.pk} waits for a second person: cancel a held sale."
    words = words_of(desk, f"sales/{sale.pk}/")
    assert "Propose to cancel it" not in words
    assert "Proposals" in words
    agreed(world, checker)
    words = words_of(desk, f"sales/{sale.pk}/")
    assert "KES 197.92 baraka" in words
    refused = said(desk, f"sales/{sale.pk}/cancel/", f"sales/{sale.pk}/", reason=REASON)
    assert refused == "Only a held sale can be cancelled. Nothing was changed (vend_not_cancellable)."
    assert "Wallet KES 200" in words_of(desk, f"meters/{world.meter.pk}/")
    assert [offer.act for offer in list_offers(payment.pk)] == [
        Kind.PAYMENT_MOVE,
        Kind.PAYMENT_REFUND,
        Kind.WALLET_REFUND,
    ]


def test_moved_payment_leads_to_its_new_sale(desk: Client, world: World, checker: Operator) -> None:
    payment = held(world)
    did(desk, payment, Kind.PAYMENT_MOVE, meter=world.other_meter.drn, reason=REASON)
    agreed(world, checker)
    world.resume()
    new = Vend.objects.get(meter=world.other_meter)
    assert f'href="/dashboard/sales/{new.pk}/"' in desk.get(f"/dashboard/payments/{payment.pk}/").content.decode()
    words = words_of(desk, f"sales/{new.pk}/")
    assert f"Receipt {payment.receipt}" in words
    assert "Moved to another meter KES 200 baraka" in words_of(desk, f"payments/{payment.pk}/")
    assert [offer.act for offer in list_offers(payment.pk)] == [Kind.WALLET_REFUND]


def test_meter_page_shows_wallet_and_last_sales(desk: Client, world: World) -> None:
    world.sell()
    words = words_of(desk, f"meters/{world.meter.pk}/")
    assert "Meter 37000123457 Wallet KES 2.08 State active Customer Amina Mwangi" in words
    assert "KES 200 8.1 kWh RCPT000001 code made" in words


@pytest.mark.parametrize(
    "path",
    [
        "payments/999/act/",
        "sales/999/cancel/",
        "refunds/999/paid/",
        "refunds/999/again/",
        f"payments/{10**25}/act/",
        f"refunds/{10**25}/paid/",
        f"sales/{10**25}/cancel/",
    ],
)
def test_act_on_an_unknown_row_is_not_found(desk: Client, path: str) -> None:
    assert desk.post(f"/dashboard/{path}", {"act": "payment.refund"}).status_code == HTTPStatus.NOT_FOUND


@pytest.mark.parametrize("path", ["meters/999/", f"meters/{10**25}/"])
def test_unknown_meter_is_not_found(desk: Client, path: str) -> None:
    assert desk.get(f"/dashboard/{path}").status_code == HTTPStatus.NOT_FOUND


def test_doors_need_a_login_a_form_and_its_secret(client: Client, world: World, maker: Operator) -> None:
    payment = held(world)
    paths = [
        f"payments/{payment.pk}/act/",
        f"sales/{Vend.objects.get().pk}/cancel/",
        "refunds/1/paid/",
        "refunds/1/again/",
    ]
    form = {"act": "payment.move", "meter": world.other_meter.drn, "reason": REASON}
    for path in [*paths, f"meters/{world.meter.pk}/"]:
        for response in (client.get(f"/dashboard/{path}"), client.post(f"/dashboard/{path}", form)):
            assert response.headers["Location"] == f"/dashboard/login/?next=/dashboard/{path}"
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(maker)
    for path in paths:
        assert strict.post(f"/dashboard/{path}", form).status_code == HTTPStatus.FORBIDDEN
    for path in paths[:2]:
        for ask in (strict.get, strict.head, strict.options):
            assert ask(f"/dashboard/{path}", form).status_code == HTTPStatus.FOUND
    assert not Approval.objects.exists()


def test_what_is_typed_is_escaped_and_masked(desk: Client, world: World) -> None:
    payment = lost(world)
    did(desk, payment, Kind.PAYMENT_ASSIGN, meter="37000123457", reason=HOSTILE)
    approval = Approval.objects.get()
    for path in (f"payments/{payment.pk}/", "approvals/", f"approvals/{approval.pk}/", "stuck/"):
        assert "711000101" not in words_of(desk, path)
