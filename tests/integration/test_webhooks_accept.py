"""A confirmation is accepted by one statement on PostgreSQL and step by step elsewhere: the same rows, to the column.

Every case is a history before the confirmation and the confirmation itself. What must be in the rows afterwards is
written here once and asked of both ways.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from gateway.http.inbound import InboundRequest
from gateway.http.phones import msisdn_sha256
from gateway.payments.models import Payment
from gateway.payments.ports import Authenticity, Outcome, Payer, PaymentClaim, PromptStatus
from gateway.payments.services import Accepted, give_up_purchases, store_prompt_status
from gateway.payments.trust import BY_SECRET, Trust
from gateway.webhooks import services
from gateway.webhooks.models import Callback
from tests.support.rows import Rows, rows_of
from tests.support.world import AMINA, JUMA, NOW, STRANGER, World

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

_Way = Callable[..., Accepted]
WAYS: dict[str, _Way] = {"step by step": services._accept_step_by_step}
if connection.vendor == "postgresql":
    WAYS["one statement"] = services._accept_in_one_statement

REQUEST = InboundRequest("POST", "application/json", b'{"a": "\x00\xff"}', {"a": "1", "b": "\0"})
ACTOR, SOURCE = "provider:daraja", "196.201.214.200"


TRUSTS = [
    BY_SECRET,
    Trust(Authenticity.SOURCE, must_verify=False),
    Trust(Authenticity.SECRET, must_verify=True),
    Trust(Authenticity.SOURCE, must_verify=True),
]


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> _Way:
    return WAYS[request.param]


def accept(way: _Way, claim: PaymentClaim, world: World, trust: Trust = BY_SECRET) -> Accepted:
    return way(claim, trust, services._Posted(REQUEST, SOURCE, ACTOR, world.now))


def written() -> Rows:
    return rows_of(Payment, Callback, AuditEntry)


def new_rows(before: Rows) -> tuple[dict[str, Any] | None, dict[str, Any], list[dict[str, Any]]]:
    """The payment that is new or changed, the journal's new row, the new audit entries; nothing else may differ."""
    after = written()
    changed = [row for row in after["Payment"] if row not in before["Payment"]]
    assert len(changed) <= 1
    journalled = after["Callback"][len(before["Callback"]) :]
    assert len(journalled) == 1
    return (changed[0] if changed else None), journalled[0], after["AuditEntry"][len(before["AuditEntry"]) :]


def check_journal(row: dict[str, Any], claim: PaymentClaim, outcome: str, world: World) -> None:
    del row["id"]
    assert row | {"body": bytes(row["body"])} == {
        "provider": "daraja",
        "door": "confirmation",
        "received_at": world.now,
        "content_type": "application/json",
        "query": "a=1&b=\ufffd",
        "body": REQUEST.body,
        "subject": claim.receipt,
        "outcome": outcome,
        "source": SOURCE,
    }


def check_audit(entries: list[dict[str, Any]], payment_id: int | None, act: str, details: object) -> None:
    fields = ("actor", "act", "subject", "details")
    assert [tuple(entry[name] for name in fields) for entry in entries] == [
        (ACTOR, act, f"payment:{payment_id}", details)
    ]


@pytest.mark.parametrize(
    ("payer", "sha256"),
    [
        (Payer(sha256="a" * 64), "a" * 64),
        (Payer(e164=AMINA), msisdn_sha256(AMINA)),
        (Payer(masked="2547 ***** 126"), ""),
        (Payer(), ""),
    ],
)
@pytest.mark.parametrize("trust", TRUSTS, ids=str)
def test_accept_new_money(world: World, way: _Way, payer: Payer, sha256: str, trust: Trust) -> None:
    claim = replace(world.claim(20_000, " 3700 'x' \ufffd \U0001f600"), payer=payer, paid_at=world.now)
    before = written()
    accepted = accept(way, claim, world, trust)
    payment, journalled, entries = new_rows(before)
    assert payment == {
        "id": accepted.payment_id,
        "provider": "daraja",
        "receipt": claim.receipt,
        "checkout_id": None,
        "reference": "",
        "state": "CONFIRMED",
        "amount_minor": 20_000,
        "currency": "KES",
        "account_text": claim.account_text,
        "payer_e164": payer.e164,
        "payer_sha256": sha256,
        "payer_masked": payer.masked,
        "meter_id": None,
        "reason": "",
        "authenticity": trust.authenticity,
        "must_verify": trust.must_verify,
        "frozen_reason": "",
        "started_at": world.now,
        "pushed_at": None,
        "confirmed_at": world.now,
        "paid_at": world.now,
        "attempts": 0,
        "next_try_at": world.now,
        "leased_until": None,
        "next_query_at": world.now if trust.must_verify else None,
        "queries": 0,
    }
    assert accepted.outcome == "accepted"
    check_journal(journalled, claim, "accepted", world)
    check_audit(entries, accepted.payment_id, "payment.confirmed", {"amount_minor": 20_000})


@pytest.mark.parametrize("trust", TRUSTS[1:], ids=str)
@pytest.mark.parametrize("is_given_up", [False, True])
@pytest.mark.parametrize("payer", [Payer(sha256=msisdn_sha256(JUMA)), Payer(e164=JUMA), Payer(masked="2547 ***** 102")])
def test_accept_purchase_adopted(world: World, way: _Way, payer: Payer, is_given_up: bool, trust: Trust) -> None:
    purchase = world.purchase(20_000, payer=JUMA, meter=world.other_meter)
    Payment.objects.filter(pk=purchase.pk).update(
        checkout_id="ws_CO_1", attempts=3, leased_until=world.now, pushed_at=world.now, queries=2, next_query_at=NOW
    )
    world.later(600)
    if is_given_up:
        give_up_purchases(now=world.now)
    world.purchase(20_000, payer=JUMA, meter=world.other_meter)
    before = written()
    waiting = next(row for row in before["Payment"] if row["id"] == purchase.pk)
    claim = replace(world.claim(20_000, "treference "), payer=payer)
    assert accept(way, claim, world, trust) == Accepted(purchase.pk, "accepted")
    payment, journalled, entries = new_rows(before)
    assert payment == waiting | {
        "state": "CONFIRMED",
        "receipt": claim.receipt,
        "account_text": "treference ",
        "reason": "",
        "confirmed_at": world.now,
        "paid_at": None,
        "attempts": 0,
        "next_try_at": world.now,
        "leased_until": None,
        "authenticity": trust.authenticity,
        "must_verify": trust.must_verify,
        "next_query_at": world.now if trust.must_verify else None,
        "queries": 0,
    }
    check_journal(journalled, claim, "accepted", world)
    check_audit(entries, purchase.pk, "payment.confirmed", {"amount_minor": 20_000})


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 20_100},
        {"payer": Payer(sha256="0" * 64)},
        {"payer": Payer(e164=STRANGER)},
        {"payer": Payer(masked="2547 ***** 102")},
        {"account_text": "37000999997"},
        {"account_text": ""},
        {"provider": "other"},
    ],
)
def test_accept_purchase_of_other_money_left_alone(world: World, way: _Way, changes: dict[str, Any]) -> None:
    purchase = world.purchase(20_000)
    before = written()
    claim = replace(world.claim(20_000, world.meter.drn), **changes)
    accepted = accept(way, claim, world)
    payment, _, _ = new_rows(before)
    assert payment
    assert (payment["id"], payment["reference"]) == (accepted.payment_id, "")
    assert payment["id"] != purchase.pk


@pytest.mark.parametrize("state", ["CONFIRMED", "DECLINED"])
def test_accept_purchase_that_has_ended_left_alone(world: World, way: _Way, state: str) -> None:
    purchase = world.purchase(20_000)
    Payment.objects.filter(pk=purchase.pk).update(state=state, receipt="OLD")
    before = written()
    accepted = accept(way, world.claim(20_000, world.meter.drn), world)
    assert accepted.payment_id not in (None, purchase.pk)
    payment, _, _ = new_rows(before)
    assert payment
    assert payment["id"] == accepted.payment_id


@pytest.mark.parametrize("is_allocated", [False, True])
def test_accept_same_receipt_again(world: World, way: _Way, is_allocated: bool) -> None:
    claim = world.claim(20_000, world.meter.drn)
    accept(way, claim, world)
    if is_allocated:
        world.fulfil()
    world.purchase(20_000)
    world.later(1)
    before = written()
    assert accept(way, claim, world) == Accepted(None, "repeated")
    payment, journalled, entries = new_rows(before)
    assert (payment, entries) == (None, [])
    check_journal(journalled, claim, "repeated", world)


def test_accept_same_receipt_with_another_amount_opens_a_case(world: World, way: _Way) -> None:
    claim = world.claim(20_000, world.meter.drn)
    known = accept(way, claim, world).payment_id
    world.purchase(90_000)
    before = written()
    claim = replace(claim, amount_minor=90_000)
    assert accept(way, claim, world) == Accepted(None, "conflict")
    payment, journalled, entries = new_rows(before)
    assert payment is None
    check_journal(journalled, claim, "conflict", world)
    check_audit(entries[:1], known, "payment.contradicted", {"claimed_minor": 90_000})
    case = Case.objects.get()
    assert [entry["subject"] for entry in entries[1:]] == [f"case:{case.pk}"]
    assert (case.reason, case.subject, case.closed_at) == ("amount_differs", f"payment:{known}", None)
    assert case.details == {"amount_minor": 20_000, "claimed_minor": 90_000, "currency": "KES"}
    assert accept(way, claim, world) == Accepted(None, "conflict")
    assert Case.objects.count() == 1


def test_accept_confirmation_tells_the_account_of_money_that_a_prompt_brought(world: World, way: _Way) -> None:
    known = world.take(world.prompt_paid("ws_CO_1", "NLJ7")).payment_id
    world.fulfil()
    before = written()
    claim = world.claim(20_000, world.meter.drn, receipt="NLJ7")
    assert accept(way, claim, world) == Accepted(known, "repeated")
    payment, journalled, entries = new_rows(before)
    assert payment
    assert (payment["account_text"], payment["meter_id"]) == (world.meter.drn, world.meter.pk)
    check_journal(journalled, claim, "repeated", world)
    check_audit(entries, known, "payment.account_told", {})


def test_accept_contradicting_confirmation_tells_no_account(world: World, way: _Way) -> None:
    known = world.take(world.prompt_paid("ws_CO_1", "NLJ7")).payment_id
    before = written()
    claim = world.claim(10_000, world.meter.drn, receipt="NLJ7")
    assert accept(way, claim, world) == Accepted(None, "conflict")
    payment, _, entries = new_rows(before)
    assert payment is None
    check_audit(entries[:1], known, "payment.contradicted", {"claimed_minor": 10_000})


def test_accept_money_of_a_prompt_that_was_paid_without_a_receipt_closes_its_case(world: World, way: _Way) -> None:
    purchase = world.purchase(20_000)
    status = PromptStatus(Outcome.PAID, "0")
    store_prompt_status(payment_id=purchase.pk, status=status, actor=ACTOR, now=world.now)
    assert Case.objects.get().reason == "paid_without_receipt"
    world.later(60)
    assert accept(way, world.claim(20_000, world.meter.drn), world) == Accepted(purchase.pk, "accepted")
    case = Case.objects.get()
    assert (case.closed_at, case.outcome) == (world.now, "its money came with a receipt")
    assert Callback.objects.get().outcome == "accepted"
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason) == ("CONFIRMED", "")


def test_accept_trusted_repeat_lifts_the_doubt_of_an_unlisted_address(world: World, way: _Way) -> None:
    doubted, listed = TRUSTS[2], TRUSTS[1]
    claim = world.claim(20_000, world.meter.drn)
    known = accept(way, claim, world, doubted).payment_id
    world.later(5)
    for trust in (doubted, BY_SECRET, TRUSTS[3]):
        before = rows_of(Payment)
        assert accept(way, claim, world, trust) == Accepted(None, "repeated")
        assert rows_of(Payment) == before
    assert accept(way, claim, world, listed) == Accepted(known, "repeated")
    payment = Payment.objects.get()
    assert (payment.must_verify, payment.next_query_at, payment.next_try_at) == (False, None, world.now)
    assert payment.authenticity == Authenticity.SOURCE
    assert AuditEntry.objects.order_by("pk").last().act == "payment.believed"  # type: ignore[union-attr]
    assert accept(way, claim, world, listed) == Accepted(None, "repeated")


def test_accept_same_receipt_of_another_provider_is_other_money(world: World, way: _Way) -> None:
    claim = world.claim(20_000, world.meter.drn)
    accept(way, claim, world)
    assert accept(way, replace(claim, provider="other"), world).outcome == "accepted"
    assert Payment.objects.count() == 2


def test_accept_after_a_race_is_tried_once_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `tests/integration/test_webhooks_at_once.py` shows with two connections, on every database."""
    from django.db import IntegrityError

    raised = iter([IntegrityError("receipt_once")])

    def act() -> str:
        for error in raised:
            raise error
        return "accepted"

    assert services._once_more(act) == "accepted"
