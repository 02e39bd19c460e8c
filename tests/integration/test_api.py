"""The read API: what it tells of a payment and of a sale, and what it never tells."""

import re
from datetime import timedelta

import pytest
from django.test import Client

from fleet.approvals.services import ask as ask_two
from fleet.approvals.services import decide
from fleet.audit.models import AuditEntry
from fleet.cases.services import CaseDraft, open_cases
from fleet.operators.services import set_operator
from gateway.http.phones import msisdn_sha256
from gateway.payments.models import Payment
from gateway.payments.services import freeze_payment
from gateway.refunds.services import approve_refund
from gateway.reversals.services import note_reversal
from gateway.sms.models import Message
from tests.support.api import SALE, ask, new_api_key, told
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, JUMA, NOW, World
from vending.tokens.models import Token
from vending.vends.models import Vend

PASSWORD = "right-password-1"


@pytest.fixture
def api_key(world: World, monkeypatch: pytest.MonkeyPatch) -> str:
    return new_api_key(world, monkeypatch)


def test_payment_of_a_whole_sale(client: Client, api_key: str, world: World) -> None:
    world.sell(20_000)
    document = told(client, SALE, api_key)
    sale = told(client, f"/api/v1/vends/{Vend.objects.get().pk}", api_key)
    payment, message = Payment.objects.get(), Message.objects.get()
    history = document.pop("history")
    assert document == {
        "operator": "daraja",
        "receipt": "RCPT000001",
        "state": "ALLOCATED",
        "state_text": "allocated",
        "reason": "",
        "frozen_reason": "",
        "must_verify": False,
        "authenticity": payment.authenticity,
        "amount": "200.00",
        "currency": "KES",
        "account_text": world.meter.drn,
        "payer": "hidden",
        "meter": {"drn": world.meter.drn},
        "started_at": "2026-11-20T09:00:00Z",
        "paid_at": None,
        "confirmed_at": "2026-11-20T09:00:00Z",
        "next_try_at": None,
        "next_question_at": None,
        "sales": [{name: value for name, value in sale.items() if name in document["sales"][0]}],
        "messages": [
            {
                "id": message.pk,
                "state": "QUEUED",
                "state_text": "waiting to be sent",
                "kind": "token",
                "to": "..101",
                "code": "",
                "queued_at": "2026-11-20T09:00:00Z",
                "sent_at": None,
                "delivered_at": None,
                "next_try_at": "2026-11-20T09:00:00Z",
            }
        ],
        "refunds": [],
        "reversal": None,
        "open_cases": [],
    }
    acts = [entry["act"] for entry in history]
    assert acts[0] == "payment.confirmed"
    assert {"payment.allocated", "vend.funded", "vend.issued", "message.queued"} <= set(acts)
    assert history[0] == {
        "at": "2026-11-20T09:00:00Z",
        "act": "payment.confirmed",
        "subject": f"payment:{payment.pk}",
        "actor": ACTOR,
        "details": {"amount_minor": 20_000},
    }


def test_sale_whose_parts_sum_to_what_was_paid(client: Client, api_key: str, world: World) -> None:
    world.sell(20_000)
    vend = Vend.objects.get()
    sale = told(client, f"/api/v1/vends/{vend.pk}/", api_key)
    assert (sale["id"], sale["state"], sale["state_text"], sale["held_reason"]) == (vend.pk, "ISSUED", "code made", "")
    assert sale["payment"] == {"operator": "daraja", "receipt": "RCPT000001"}
    assert (sale["meter"], sale["currency"]) == ({"drn": world.meter.drn}, "KES")
    assert (sale["energy_kwh"], sale["free_kwh"]) == ("8.1", "0.0")
    assert sale["amounts"] == {
        "paid": "200.00",
        "wallet_used": "0.00",
        "net": "162.00",
        "vat": "25.92",
        "levies": "0.00",
        "fee": "10.00",
        "kept": "2.08",
    }
    assert (sale["funded_at"], sale["issued_at"]) == ("2026-11-20T09:00:00Z", "2026-11-20T09:00:00Z")
    assert sale["next_try_at"] is None
    assert [message["to"] for message in sale["messages"]] == ["..101"]
    assert {entry["act"] for entry in sale["history"]} == {"vend.funded", "vend.issued", "message.queued"}


def test_sale_that_is_held_says_why_and_when_it_goes_on(client: Client, api_key: str, world: World) -> None:
    world.module = FakeSecurityModule({}, is_unavailable=True)
    world.sell(20_000)
    vend = Vend.objects.get()
    sale = told(client, f"/api/v1/vends/{vend.pk}", api_key)
    assert (sale["state"], sale["held_reason"]) == ("HELD", "security_module_unavailable")
    assert vend.next_try_at
    assert sale["next_try_at"] == vend.next_try_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert sale["issued_at"] is None


def test_payment_in_suspense_with_its_case(client: Client, api_key: str, world: World) -> None:
    world.sell(20_000, account="99999999999")
    payment = Payment.objects.get()
    draft = CaseDraft("amount_differs", f"payment:{payment.pk}", NOW + timedelta(hours=4), {})
    open_cases(drafts=[draft], actor=ACTOR, now=NOW)
    document = told(client, SALE, api_key)
    assert (document["state"], document["meter"], document["sales"]) == ("SUSPENSE", None, [])
    cases = {case["reason"]: case for case in document["open_cases"]}
    assert cases["amount_differs"] | {"id": 0} == {
        "id": 0,
        "reason": "amount_differs",
        "subject": f"payment:{payment.pk}",
        "opened_at": "2026-11-20T09:00:00Z",
        "due_at": "2026-11-20T13:00:00Z",
        "is_taken": False,
    }


def test_payment_that_is_frozen_has_no_next_try(client: Client, api_key: str, world: World) -> None:
    world.confirm(20_000)
    assert told(client, SALE, api_key)["next_try_at"] == "2026-11-20T09:00:00Z"
    payment = Payment.objects.get()
    assert freeze_payment(payment_id=payment.pk, reason="not_listed", actor=ACTOR, now=NOW)
    document = told(client, SALE, api_key)
    assert (document["frozen_reason"], document["next_try_at"]) == ("not_listed", None)


def test_payment_on_its_way_back_shows_the_refund_and_who_agreed(client: Client, api_key: str, world: World) -> None:
    world.sell(20_000, account="99999999999")
    payment = Payment.objects.get()
    maker, checker = (set_operator(username=name, password=PASSWORD, actor=ACTOR, now=NOW) for name in ("neema", "ali"))
    approval = ask_two(
        kind="payment.refund",
        subject=f"payment:{payment.pk}",
        terms={"amount_minor": 20_000},
        reason="Amina asked for it",
        maker_id=maker.pk,
        expires_at=NOW + timedelta(days=1),
        actor=f"operator:{maker.pk}",
        now=NOW,
    )
    decide(approval_id=approval.pk, checker_id=checker.pk, is_approved=True, actor=f"operator:{checker.pk}", now=NOW)
    refund = approve_refund(
        payment_id=payment.pk,
        meter_id=None,
        amount_minor=20_000,
        approval_id=approval.pk,
        actor=f"operator:{checker.pk}",
        now=NOW,
    )
    document = told(client, SALE, api_key)
    assert (document["state"], document["next_try_at"]) == ("REFUND_PENDING", None)
    assert document["refunds"] == [
        {
            "id": refund.pk,
            "state": "WAITING",
            "state_text": "to be asked for",
            "amount": "200.00",
            "currency": "KES",
            "payout_receipt": "",
            "reason": "",
            "approved_at": "2026-11-20T09:00:00Z",
            "done_at": None,
            "next_try_at": "2026-11-20T09:00:00Z",
        }
    ]
    decided = {entry["act"]: (entry["actor"], entry["details"]) for entry in document["history"]}
    assert decided["approval.asked"] == (f"operator:{maker.pk}", {})
    assert decided["approval.approved"] == (f"operator:{checker.pk}", {})
    assert decided["refund.approved"] == (f"operator:{checker.pk}", {"amount_minor": 20_000})
    assert "Amina" not in ask(client, SALE, api_key).content.decode()


def test_payment_that_was_taken_back_shows_the_reversal(client: Client, api_key: str, world: World) -> None:
    world.sell(20_000)
    note_reversal(
        provider="daraja",
        payment_receipt="RCPT000001",
        receipt="SKE52PAWR9",
        amount_minor=20_000,
        currency="KES",
        door="statement",
        actor=ACTOR,
        now=NOW,
    )
    document = told(client, SALE, api_key)
    assert document["reversal"] == {
        "receipt": "SKE52PAWR9",
        "amount": "200.00",
        "currency": "KES",
        "outcome": "",
        "seen_at": "2026-11-20T09:00:00Z",
        "applied_at": None,
    }
    assert "reversal.noted" in {entry["act"] for entry in document["history"]}


@pytest.mark.parametrize("path", [SALE, SALE + "/", "/api/v1/payments/daraja/rcpt000001"])
def test_payment_found_with_and_without_slash_and_capitals(
    client: Client, api_key: str, world: World, path: str
) -> None:
    world.confirm(20_000)
    assert told(client, path, api_key)["receipt"] == "RCPT000001"


def test_nothing_told_that_opens_a_meter_or_names_a_phone(client: Client, api_key: str, world: World) -> None:
    world.sell(20_000, account=f"{world.meter.drn} {AMINA}")
    world.sell(20_000, account=f"0711000101 {world.meter.drn}")
    vends, digits = list(Vend.objects.all()), [token.digits for token in Token.objects.all()]
    paths = [f"/api/v1/payments/daraja/{payment.receipt}" for payment in Payment.objects.all()]
    paths += [f"/api/v1/vends/{vend.pk}" for vend in vends]
    bodies = [ask(client, path, api_key).content.decode() for path in paths]
    assert len(bodies) == 2 + len(vends)
    for body in bodies:
        assert not re.search(r"\d{20}|\d{4} \d{4}|[0-9a-f]{32}", body)
        for secret in (*digits, AMINA[1:], JUMA[1:], "0711000101", msisdn_sha256(AMINA), msisdn_sha256(JUMA)):
            assert secret not in body


def test_reading_writes_nothing_but_when_the_key_was_used(client: Client, api_key: str, world: World) -> None:
    world.sell(20_000)
    before = AuditEntry.objects.count()
    told(client, SALE, api_key)
    assert AuditEntry.objects.count() == before
    assert "sessionid" not in client.cookies
