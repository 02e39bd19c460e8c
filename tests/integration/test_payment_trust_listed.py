"""What the provider lists becomes the payment it was, once, and what it lists is beyond doubt."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from fleet.cases.services import close_cases
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import STATEMENT, Authenticity, Door, Payer, PaymentClaim, PushOutcome, PushResult
from gateway.payments.services import (
    confirm_payment,
    decline_payment,
    freeze_payment,
    give_up_purchases,
    store_push,
)
from gateway.payments.trust import Trust
from gateway.webhooks.models import Callback
from gateway.webhooks.services import Listed, take_listed
from tests.support.doubted import DOUBTED, acts_of, open_reasons, prompted
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, JUMA, World
from vending.ledger.models import LedgerEntry
from vending.tokens.models import Token

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

MASKED = Payer(masked="2547 ***** 101")


def written() -> Rows:
    return rows_of(Payment, AuditEntry, Case, Callback, LedgerEntry, Token)


def take(world: World, claim: PaymentClaim, source: str = Door.PULL, raw: bytes = b"{}") -> Listed:
    claim = replace(claim, door=Door.PULL)
    return take_listed(claim=claim, raw=raw, source=source, actor=ACTOR, now=world.now)


def journalled() -> list[tuple[str, str, str]]:
    return list(Callback.objects.order_by("pk").values_list("door", "subject", "outcome"))


def test_listed_payment_that_nobody_told_is_made_once(world: World) -> None:
    claim = replace(world.claim(20_000, world.meter.drn, receipt="RKL51"), payer=MASKED, paid_at=world.now)
    listed = take(world, claim, STATEMENT, b"RKL51,200")
    payment = Payment.objects.get()
    assert listed == Listed(payment.pk, "created", can_go_on=True)
    assert (payment.state, payment.authenticity, payment.must_verify) == ("CONFIRMED", "listed", False)
    assert bytes(Callback.objects.get().body) == b"RKL51,200"
    assert journalled() == [("statement", "RKL51", "created")]
    assert take(world, claim, STATEMENT) == Listed(payment.pk, "matched", can_go_on=False)
    assert journalled() == [("statement", "RKL51", "created")]
    assert take(world, claim) == Listed(payment.pk, "matched", can_go_on=False)
    assert journalled() == [("statement", "RKL51", "created"), ("pull", "RKL51", "matched")]
    world.fulfil()
    before = written()
    for source in (STATEMENT, Door.PULL):
        assert take(world, claim, source).outcome == "matched"
    assert written() == before
    assert Token.objects.count() == 1


def test_listed_payment_that_came_is_believed(world: World) -> None:
    claim = world.claim(20_000, world.meter.drn)
    payment_id = world.take(claim).payment_id
    world.fulfil()
    acts = AuditEntry.objects.count()
    assert take(world, claim) == Listed(payment_id, "matched", can_go_on=False)
    assert Payment.objects.get().authenticity == Authenticity.LISTED
    assert AuditEntry.objects.count() == acts


@pytest.mark.parametrize("reason", ["", "not_confirmed", "not_in_statement", "amount_differs"])
def test_listed_payment_in_doubt_goes_on(world: World, reason: str) -> None:
    claim = world.claim(20_000, world.meter.drn)
    payment_id = confirm_payment(claim=claim, reference="", trust=DOUBTED, actor=ACTOR, now=world.now).payment_id or 0
    if reason:
        freeze_payment(payment_id=payment_id, reason=reason, actor=ACTOR, now=world.now)
    assert world.fulfil().rows == 0
    assert take(world, claim) == Listed(payment_id, "matched", can_go_on=True)
    payment = Payment.objects.get()
    assert (payment.must_verify, payment.frozen_reason, payment.next_query_at) == (False, "", None)
    assert acts_of(payment)[-1] == "payment.believed"
    world.fulfil()
    assert Token.objects.count() == 1


def test_listed_payment_that_a_person_froze_stays_frozen(world: World) -> None:
    claim = world.claim(20_000, world.meter.drn)
    payment_id = world.take(claim).payment_id or 0
    freeze_payment(payment_id=payment_id, reason="under_dispute", actor=ACTOR, now=world.now)
    Payment.objects.update(must_verify=True, next_query_at=world.now)
    assert take(world, claim).can_go_on
    payment = Payment.objects.get()
    assert (payment.frozen_reason, payment.must_verify, payment.next_query_at) == ("under_dispute", False, None)
    assert world.fulfil().rows == 0


def test_listed_amount_that_differs_is_one_case_with_both(world: World) -> None:
    claim = world.claim(20_000, world.meter.drn)
    payment_id = world.take(claim).payment_id
    other = replace(claim, amount_minor=100)
    for _ in range(3):
        assert take(world, other) == Listed(payment_id, "differs")
    case = Case.objects.get()
    assert (case.reason, case.subject) == ("amount_differs", f"payment:{payment_id}")
    assert case.details == {"amount_minor": 20_000, "claimed_minor": 100, "currency": "KES"}
    assert AuditEntry.objects.filter(act="payment.contradicted").count() == 1
    close_cases(subject=case.subject, outcome="seen", actor=ACTOR, now=world.now)
    take(world, other)
    assert not Case.objects.filter(closed_at=None).exists(), "who has decided is not asked again by every pull"
    payment = Payment.objects.get()
    assert (payment.amount_minor, payment.frozen_reason) == (20_000, "")


def test_listed_amount_that_differs_freezes_what_must_be_verified(world: World) -> None:
    claim = world.claim(900_000, world.meter.drn)
    confirm_payment(claim=claim, reference="", trust=DOUBTED, actor=ACTOR, now=world.now)
    assert take(world, replace(claim, amount_minor=20_000)).outcome == "differs"
    assert Payment.objects.get().frozen_reason == "amount_differs"
    assert world.fulfil().rows == 0


@pytest.mark.parametrize("payer", [MASKED, Payer(), None])
@pytest.mark.parametrize("state", ["EXPECTED", "UNKNOWN", "DECLINED"])
def test_listed_payment_takes_the_purchase_it_was_for(world: World, state: str, payer: Payer | None) -> None:
    purchase = prompted(world)
    if state == "DECLINED":
        world.take(world.prompt_failed("ws_CO_1"))
    if state == "UNKNOWN":
        world.later(600)
        give_up_purchases(now=world.now)
    claim = replace(world.claim(20_000, world.meter.drn), paid_at=world.now)
    claim = claim if payer is None else replace(claim, payer=payer)
    assert take(world, claim) == Listed(purchase.pk, "created", can_go_on=True)
    world.fulfil()
    payment = Payment.objects.get()
    assert (payment.state, payment.receipt, payment.next_query_at) == (PaymentState.ALLOCATED, claim.receipt, None)
    assert Token.objects.count() == 1


@pytest.mark.parametrize("hours", [None, -1, 2])
def test_listed_payment_leaves_a_purchase_declined_at_another_time(world: World, hours: int | None) -> None:
    purchase = prompted(world)
    world.take(world.prompt_failed("ws_CO_1"))
    paid_at = None if hours is None else world.now + timedelta(hours=hours)
    listed = take(world, replace(world.claim(20_000, world.meter.drn), paid_at=paid_at))
    assert listed.outcome == "created"
    assert listed.payment_id != purchase.pk


def test_listed_payment_leaves_another_persons_purchase(world: World) -> None:
    purchase = world.purchase()
    claim = replace(world.claim(20_000, world.meter.drn, JUMA), paid_at=world.now)
    assert take(world, claim).payment_id != purchase.pk
    assert take(world, replace(claim, receipt="A2", account_text="")).payment_id != purchase.pk


def test_listed_payment_of_yesterday_leaves_the_purchase_of_today(world: World) -> None:
    purchase = world.purchase()
    claim = replace(world.claim(20_000, world.meter.drn), paid_at=world.now - timedelta(days=1))
    assert take(world, claim).payment_id != purchase.pk
    purchase.refresh_from_db()
    assert purchase.state == PaymentState.EXPECTED


def test_listed_payment_leaves_the_purchase_of_another_masked_payer(world: World) -> None:
    purchase = world.purchase(payer=JUMA)
    claim = replace(world.claim(20_000, world.meter.drn), payer=MASKED, paid_at=world.now)
    assert take(world, claim).payment_id != purchase.pk
    mine = world.purchase()
    claim = replace(world.claim(20_000, world.meter.drn), payer=MASKED, paid_at=world.now)
    assert take(world, claim).payment_id == mine.pk


def test_listed_payment_that_was_declined_by_persons_comes_back(world: World) -> None:
    claim = world.claim(20_000, world.meter.drn)
    payment_id = confirm_payment(claim=claim, reference="", trust=DOUBTED, actor=ACTOR, now=world.now).payment_id or 0
    decline_payment(payment_id=payment_id, reason="nobody knows it", actor=ACTOR, now=world.now)
    world.later(3600)
    assert take(world, claim) == Listed(payment_id, "matched", can_go_on=True)
    world.fulfil()
    payment = Payment.objects.get()
    assert (payment.state, payment.must_verify) == (PaymentState.ALLOCATED, False)
    assert Token.objects.count() == 1


def test_listed_payment_tells_the_account_of_money_that_a_prompt_brought(world: World) -> None:
    payment_id = world.take(world.prompt_paid("ws_CO_1", "NLJ7")).payment_id
    world.fulfil()
    claim = world.claim(20_000, world.meter.drn, receipt="NLJ7")
    assert take(world, claim) == Listed(payment_id, "matched", can_go_on=True)
    world.fulfil()
    assert Payment.objects.get().meter_id == world.meter.pk


def test_list_that_somebody_posted_is_no_more_than_a_claim(world: World) -> None:
    claim = replace(world.claim(20_000, world.meter.drn), door=Door.PULL)
    for trust in (DOUBTED, Trust(Authenticity.SECRET, must_verify=False)):
        take_listed(claim=claim, raw=b"", source=Door.PULL, trust=trust, peer="203.0.113.9", actor=ACTOR, now=world.now)
    payment = Payment.objects.get()
    assert (payment.must_verify, payment.authenticity) == (True, Authenticity.SECRET)
    assert Callback.objects.get().source == "203.0.113.9"
    assert open_reasons(payment) == []
    assert world.fulfil().rows == 0


def test_store_push_after_the_listed_payment_asks_nothing_more(world: World) -> None:
    purchase = world.purchase()
    take(world, replace(world.claim(20_000, world.meter.drn), paid_at=world.now))
    result = PushResult(PushOutcome.ACCEPTED, "ws_CO_1")
    store_push(payment_id=purchase.pk, result=result, actor=ACTOR, now=world.now)
    purchase.refresh_from_db()
    assert (purchase.state, purchase.next_query_at) == (PaymentState.CONFIRMED, None)
