"""Money in doubt that a statement decides, and what meets an import at the wrong moment."""

from datetime import timedelta

import pytest
from pytest_django import Settings

from fleet.cases.models import Case
from gateway.fulfilment.services import allocate
from gateway.payments.doubts import NOT_CONFIRMED, NOT_IN_STATEMENT, PAID_WITHOUT_RECEIPT
from gateway.payments.models import Payment
from gateway.payments.ports import Authenticity, PromptStatus
from gateway.payments.ports import Outcome as Word
from gateway.payments.services import (
    confirm_payment,
    decline_payment,
    freeze_payment,
    store_prompt_status,
    verify_payment,
)
from gateway.payments.trust import Trust
from gateway.reconciliation import taking
from gateway.reconciliation.freezing import freeze_missing, release_sales
from gateway.reconciliation.listed import list_payments_by_receipt
from gateway.reconciliation.models import Statement, StatementLine
from gateway.reconciliation.services import Outcome, import_statement
from tests.support.rows import rows_of
from tests.support.statements import Listed, export
from tests.support.world import ACTOR, AMINA, NOW, SHORT_CODE, World
from vending.vends.models import Vend
from vending.vends.services import hold_vend

pytestmark = pytest.mark.money_path
AT = NOW - timedelta(hours=1)
IN_DOUBT = Trust(Authenticity.SECRET, must_verify=True)


@pytest.fixture
def early(world: World, settings: Settings) -> World:
    """The world an hour before statements of the morning end."""
    settings.MPESA_SHORT_CODE = SHORT_CODE
    world.now = AT
    return world


def take(world: World, *lines: Listed) -> Outcome:
    world.now = NOW + timedelta(hours=1)
    return import_statement(
        provider="daraja",
        file_name="november.csv",
        content=export(lines),
        mapping="org-portal",
        operator_id=None,
        actor=ACTOR,
        now=world.now,
    )


def listed(receipt: str, account: str, paid_in: str = "200.00", payer: str = "") -> Listed:
    return Listed(receipt, AT, paid_in, account=account, payer=payer)


def test_purchase_that_was_paid_without_a_receipt_gets_it_from_the_statement(early: World) -> None:
    purchase = early.purchase(20_000)
    status = PromptStatus(Word.PAID, "0")
    store_prompt_status(payment_id=purchase.pk, status=status, actor=ACTOR, now=early.now)
    assert Case.objects.get().reason == PAID_WITHOUT_RECEIPT

    outcome = take(early, listed("SKJLOST001", purchase.reference, payer=AMINA.removeprefix("+")))
    early.fulfil()

    purchase.refresh_from_db()
    assert (outcome.counts, purchase.receipt, purchase.state) == ({"created": 1}, "SKJLOST001", "ALLOCATED")
    assert (Payment.objects.count(), Case.objects.filter(closed_at=None).count()) == (1, 0)


def test_payment_that_was_to_be_verified_is_believed_when_it_is_listed(early: World) -> None:
    claim = early.claim(20_000, early.meter.drn, receipt="SKJDOUBT01")
    confirm_payment(claim=claim, reference="", actor=ACTOR, now=early.now, trust=IN_DOUBT)
    early.fulfil()
    assert Payment.objects.get().state == "CONFIRMED"

    outcome = take(early, listed("SKJDOUBT01", early.meter.drn))
    early.fulfil()

    payment = Payment.objects.get()
    assert (outcome.counts, payment.must_verify, payment.authenticity) == ({"matched": 1}, False, "listed")
    assert (payment.state, Vend.objects.get().state) == ("ALLOCATED", "ISSUED")


def test_payment_that_was_not_confirmed_and_declined_comes_back_when_it_is_listed(early: World) -> None:
    claim = early.claim(20_000, early.meter.drn, receipt="SKJDOUBT01")
    confirm_payment(claim=claim, reference="", actor=ACTOR, now=early.now, trust=IN_DOUBT)
    payment = Payment.objects.get()
    verify_payment(payment_id=payment.pk, outcome=Word.NOT_PAID, amount_minor=0, actor=ACTOR, now=early.now)
    assert Case.objects.get().reason == NOT_CONFIRMED
    decline_payment(payment_id=payment.pk, reason="false claim", actor=ACTOR, now=early.now)

    take(early, listed("SKJDOUBT01", early.meter.drn))
    early.fulfil()

    payment.refresh_from_db()
    assert (payment.state, Vend.objects.get().state) == ("ALLOCATED", "ISSUED")
    assert Case.objects.filter(closed_at=None).count() == 0


def test_account_that_the_prompt_did_not_tell_is_learnt_from_the_statement(early: World) -> None:
    early.take(early.prompt_paid("ws_unknown", "SKJPROMPT1", phone="+254722999888"))
    early.fulfil()
    assert Payment.objects.get().state == "SUSPENSE"

    take(early, listed("SKJPROMPT1", early.meter.drn))
    early.fulfil()

    assert (Payment.objects.get().state, Payment.objects.get().meter_id) == ("ALLOCATED", early.meter.pk)


def test_payment_that_a_person_froze_stays_frozen_when_it_is_listed(early: World) -> None:
    payment = Payment.objects.get(pk=early.confirm().payment_id or 0)
    freeze_payment(payment_id=payment.pk, reason="fraud", actor=ACTOR, now=early.now)

    outcome = take(early, listed(payment.receipt or "", early.meter.drn))
    early.fulfil()

    payment.refresh_from_db()
    assert (outcome.counts, payment.frozen_reason, payment.state) == ({"matched": 1}, "fraud", "CONFIRMED")


def test_sale_of_a_payment_that_is_still_frozen_is_not_let_go(early: World) -> None:
    payment = Payment.objects.get(pk=early.confirm().payment_id or 0)
    allocate(payment_ids=[payment.pk], tools=early.tools())
    freeze_payment(payment_id=payment.pk, reason="fraud", actor=ACTOR, now=early.now)
    hold_vend(vend_id=Vend.objects.get().pk, reason="fraud", actor=ACTOR, now=early.now)

    assert release_sales(actor=ACTOR, now=early.now) == 0
    assert Vend.objects.get().state == "HELD"


def test_payment_that_was_listed_meanwhile_is_not_frozen(early: World) -> None:
    sold = early.sell()
    take(early, listed(sold.receipt or "", early.meter.drn))
    before = rows_of(Payment, Case)

    statement = Statement.objects.get()
    assert not freeze_missing(payment_id=sold.pk, statement=statement, actor=ACTOR, now=early.now)
    assert rows_of(Payment, Case) == before


def test_payment_that_comes_into_doubt_while_its_batch_is_taken_is_taken_alone(
    early: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sold = [early.sell() for _ in range(2)]
    asked: list[int] = []

    def freezing(provider: str, receipts: list[str]) -> dict[str, Payment]:
        asked.append(len(receipts))
        if len(asked) == 2:
            freeze_payment(payment_id=sold[0].pk, reason=NOT_IN_STATEMENT, actor=ACTOR, now=early.now)
        return list_payments_by_receipt(provider, receipts)

    monkeypatch.setattr(taking, "list_payments_by_receipt", freezing)

    outcome = take(early, *(listed(payment.receipt or "", early.meter.drn) for payment in sold))

    assert (outcome.counts, StatementLine.objects.count()) == ({"matched": 2}, 2)
    assert asked == [2, 2, 1, 1]
