"""Money in: one receipt is one payment, whoever says it first and however often, and it finds its purchase."""

from dataclasses import replace
from datetime import timedelta

import pytest

from fleet.audit.models import AuditEntry
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.payments.ports import Outcome, Payer, PaymentClaim
from gateway.payments.queries import reference_in
from gateway.payments.services import (
    Accepted,
    confirm_payment,
    give_up_purchases,
    settle_prompt,
)
from gateway.sms.models import Message
from tests.support.doubted import CHECKOUT, acts_of, prompted
from tests.support.rows import Rows, rows_of
from tests.support.world import ACTOR, AMINA, JUMA, NOW, STRANGER, World
from vending.ledger.models import LedgerEntry
from vending.tokens.models import Token
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


def written() -> Rows:
    return rows_of(Payment, AuditEntry, Message, LedgerEntry, Vend, Token)


def confirm(world: World, claim: PaymentClaim) -> Accepted:
    return confirm_payment(claim=claim, reference=reference_in(claim.account_text), actor=ACTOR, now=world.now)


def settle(world: World, claim: PaymentClaim) -> Accepted:
    return settle_prompt(claim=claim, actor=ACTOR, now=world.now)


def made(accepted: Accepted) -> Payment:
    """The payment that a claim confirmed."""
    assert accepted.payment_id
    return Payment.objects.get(pk=accepted.payment_id)


def test_confirm_new_money_is_one_confirmed_payment(world: World) -> None:
    claim = replace(world.claim(20_000, " 3700 0123 457", receipt="RKL51"), paid_at=NOW - timedelta(minutes=1))
    accepted = confirm(world, claim)
    payment = Payment.objects.get()
    assert accepted == Accepted(payment.pk, "accepted")
    assert (payment.state, payment.receipt, payment.amount_minor) == (PaymentState.CONFIRMED, "RKL51", 20_000)
    assert (payment.account_text, payment.payer_sha256) == (" 3700 0123 457", claim.payer.sha256)
    assert (payment.started_at, payment.confirmed_at, payment.next_try_at) == (NOW, NOW, NOW)
    assert payment.paid_at == NOW - timedelta(minutes=1)
    assert acts_of(payment) == ["payment.confirmed"]


def test_confirm_same_receipt_again_writes_nothing(world: World) -> None:
    claim = world.claim(20_000, world.meter.drn)
    confirm(world, claim)
    before = written()
    world.later(5)
    assert [confirm(world, claim) for _ in range(3)] == [Accepted(None, "repeated")] * 3
    assert written() == before


def test_confirm_same_receipt_after_the_sale_writes_nothing(world: World) -> None:
    claim = world.claim(20_000, world.meter.drn)
    confirm(world, claim)
    world.fulfil()
    before = written()
    assert confirm(world, claim) == Accepted(None, "repeated")
    assert written() == before


def test_confirm_contradicting_amount_is_audited_and_changes_nothing(world: World) -> None:
    claim = world.claim(20_000, world.meter.drn)
    confirm(world, claim)
    before = written()
    assert confirm(world, replace(claim, amount_minor=900_000)) == Accepted(None, "conflict")
    after = written()
    assert after["AuditEntry"].pop()["act"] == "case.opened"
    entry = after["AuditEntry"].pop()
    assert after == before
    assert (entry["act"], entry["actor"]) == ("payment.contradicted", ACTOR)
    assert entry["details"] == {"claimed_minor": 900_000}
    assert entry["subject"] == f"payment:{Payment.objects.get().pk}"


@pytest.mark.parametrize("payer", [Payer(masked="2547 ***** 101"), Payer(masked="***"), Payer(), Payer(e164=AMINA)])
def test_confirm_adopts_the_purchase_that_waits_for_it(world: World, payer: Payer) -> None:
    purchase = world.purchase(20_000)
    world.later(30)
    claim = replace(world.claim(20_000, world.meter.drn), payer=payer)
    assert confirm(world, claim) == Accepted(purchase.pk, "accepted")
    payment = Payment.objects.get()
    assert (payment.state, payment.receipt, payment.payer_e164) == (PaymentState.CONFIRMED, claim.receipt, AMINA)
    assert (payment.meter_id, payment.account_text) == (world.meter.pk, world.meter.drn)
    assert (payment.started_at, payment.confirmed_at, payment.next_try_at) == (NOW, world.now, world.now)
    assert acts_of(payment) == ["payment.expected", "payment.confirmed"]


def test_confirm_adopts_by_the_payers_hash_and_the_oldest_first(world: World) -> None:
    first, second = world.purchase(), world.purchase()
    assert confirm(world, world.claim(20_000, world.meter.drn, AMINA)).payment_id == first.pk
    assert confirm(world, world.claim(20_000, world.meter.drn, AMINA)).payment_id == second.pk
    assert Payment.objects.count() == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"amount_minor": 20_100},
        {"payer": Payer(sha256="0" * 64)},
        {"payer": Payer(e164=STRANGER)},
        {"payer": Payer(masked="2547 ***** 102")},
        {"account_text": "37000999997"},
        {"account_text": ""},
    ],
)
def test_confirm_other_money_is_its_own_payment(world: World, changes: dict[str, object]) -> None:
    purchase = world.purchase(20_000)
    before = rows_of(Payment)["Payment"]
    claim = replace(world.claim(20_000, world.meter.drn), **changes)  # type: ignore[arg-type]
    accepted = confirm(world, claim)
    assert accepted.payment_id != purchase.pk
    assert rows_of(Payment)["Payment"][:1] == before
    payment = made(accepted)
    assert (payment.receipt, payment.meter_id) == (claim.receipt, None)


def test_confirm_purchase_given_up_still_takes_its_late_money(world: World) -> None:
    purchase = world.purchase()
    world.later(601)
    assert give_up_purchases(now=world.now) == 1
    assert confirm(world, world.claim(20_000, world.meter.drn)).payment_id == purchase.pk
    assert Payment.objects.get().state == PaymentState.CONFIRMED


def test_confirm_payer_in_clear_is_known_by_hash_too(world: World) -> None:
    confirm(world, replace(world.claim(20_000, world.meter.drn), payer=Payer(e164=AMINA)))
    payment = Payment.objects.get()
    assert (payment.payer_e164, payment.payer_sha256) == (AMINA, world.claim(1, "", AMINA).payer.sha256)


def test_reference_is_the_drn_where_it_fits_else_a_short_one(world: World) -> None:
    assert len(world.other_meter.drn) == 13
    assert world.purchase().reference == world.meter.drn
    assert world.purchase(payer=JUMA, meter=world.other_meter).reference == "TREFERENCE"


def test_confirm_short_reference_finds_the_purchase_and_its_meter(world: World) -> None:
    purchase = world.purchase(payer=JUMA, meter=world.other_meter)
    assert confirm(world, world.claim(20_000, " treference ", JUMA)).payment_id == purchase.pk
    world.fulfil()
    assert Vend.objects.get().meter_id == world.other_meter.pk


def test_settle_paid_confirms_the_purchase(world: World) -> None:
    purchase = prompted(world)
    world.later(20)
    claim = replace(world.prompt_paid(CHECKOUT, "NLJ7"), paid_at=world.now)
    assert settle(world, claim) == Accepted(purchase.pk, "accepted")
    payment = Payment.objects.get()
    assert (payment.state, payment.receipt, payment.checkout_id) == (PaymentState.CONFIRMED, "NLJ7", CHECKOUT)
    assert (payment.confirmed_at, payment.paid_at, payment.next_try_at) == (world.now, world.now, world.now)
    assert acts_of(payment) == ["payment.expected", "payment.prompted", "payment.confirmed"]
    before = written()
    assert settle(world, claim) == Accepted(purchase.pk, "repeated")
    assert written() == before


def test_settle_paid_another_amount_counts_what_moved(world: World) -> None:
    prompted(world)
    settle(world, world.prompt_paid(CHECKOUT, "NLJ7", 5_000))
    assert Payment.objects.get().amount_minor == 5_000


@pytest.mark.parametrize(
    ("outcome", "state"), [(Outcome.NOT_PAID, PaymentState.DECLINED), (Outcome.UNKNOWN, PaymentState.UNKNOWN)]
)
def test_settle_not_paid_or_unknown_closes_the_purchase(world: World, outcome: Outcome, state: PaymentState) -> None:
    purchase = prompted(world)
    assert settle(world, world.prompt_failed(CHECKOUT, outcome)) == Accepted(None, "accepted")
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason, purchase.next_try_at) == (state, "result 1032", None)
    assert acts_of(purchase)[-1] == f"payment.{state.lower()}"
    before = written()
    assert settle(world, world.prompt_failed(CHECKOUT, outcome)) == Accepted(None, "late")
    assert written() == before


def test_settle_unknown_then_not_paid_declines(world: World) -> None:
    purchase = prompted(world)
    settle(world, world.prompt_failed(CHECKOUT, Outcome.UNKNOWN))
    assert settle(world, world.prompt_failed(CHECKOUT)) == Accepted(None, "accepted")
    purchase.refresh_from_db()
    assert purchase.state == PaymentState.DECLINED
    before = written()
    assert settle(world, world.prompt_failed(CHECKOUT, Outcome.UNKNOWN)) == Accepted(None, "late")
    assert written() == before


@pytest.mark.parametrize("outcome", [Outcome.NOT_PAID, Outcome.UNKNOWN])
@pytest.mark.parametrize("is_allocated", [False, True])
def test_settle_late_refusal_leaves_paid_money_alone(world: World, outcome: Outcome, is_allocated: bool) -> None:
    prompted(world)
    settle(world, world.prompt_paid(CHECKOUT, "NLJ7"))
    if is_allocated:
        world.fulfil()
    before = written()
    assert settle(world, world.prompt_failed(CHECKOUT, outcome)) == Accepted(None, "late")
    assert written() == before


@pytest.mark.parametrize("outcome", [Outcome.NOT_PAID, Outcome.UNKNOWN])
def test_settle_refusal_of_an_unknown_checkout_writes_nothing(world: World, outcome: Outcome) -> None:
    world.purchase()
    before = written()
    assert settle(world, world.prompt_failed("ws_CO_other", outcome)) == Accepted(None, "unknown_checkout")
    assert written() == before


def test_settle_declined_then_late_paid_sells_once(world: World) -> None:
    purchase = prompted(world)
    settle(world, world.prompt_failed(CHECKOUT))
    world.later(300)
    assert settle(world, world.prompt_paid(CHECKOUT, "NLJ7")) == Accepted(purchase.pk, "accepted")
    assert world.fulfil().rows == 1
    payment = Payment.objects.get()
    assert (payment.state, payment.reason) == (PaymentState.ALLOCATED, "")
    assert Token.objects.count() == 1


def test_settle_paid_for_unknown_checkout_goes_to_the_open_purchase(world: World) -> None:
    other_amount, purchase = world.purchase(5_000), world.purchase(20_000)
    assert settle(world, world.prompt_paid(CHECKOUT, "NLJ7")).payment_id == purchase.pk
    purchase.refresh_from_db()
    assert (purchase.checkout_id, purchase.state) == (CHECKOUT, PaymentState.CONFIRMED)
    other_amount.refresh_from_db()
    assert other_amount.state == PaymentState.EXPECTED


def test_settle_paid_for_unknown_checkout_prefers_the_purchase_without_one(world: World) -> None:
    asked = prompted(world, "ws_CO_asked")
    asking = world.purchase()
    assert settle(world, world.prompt_paid("ws_CO_lost", "NLJ7")).payment_id == asking.pk
    assert settle(world, world.prompt_paid("ws_CO_asked", "NLJ8")).payment_id == asked.pk
    assert set(Payment.objects.values_list("checkout_id", "receipt")) == {
        ("ws_CO_asked", "NLJ8"),
        ("ws_CO_lost", "NLJ7"),
    }


def test_settle_paid_for_unknown_checkout_leaves_a_purchase_of_another_hour(world: World) -> None:
    """Nobody answered it, and the phone has bought for another meter since."""
    old = world.purchase(meter=world.other_meter)
    world.later(3601)
    give_up_purchases(now=world.now)
    fresh = world.purchase()
    assert settle(world, world.prompt_paid("ws_CO_LOST", "RCPT1")).payment_id == fresh.pk
    assert settle(world, world.prompt_paid("ws_CO_LOST2", "RCPT2")).payment_id not in (old.pk, fresh.pk)
    old.refresh_from_db()
    assert (old.state, old.receipt) == (PaymentState.UNKNOWN, None)


def test_settle_paid_for_unknown_checkout_of_an_earlier_prompt_goes_to_its_purchase(world: World) -> None:
    purchase = prompted(world, "ws_CO_second")
    assert settle(world, world.prompt_paid("ws_CO_first", "NLJ7")).payment_id == purchase.pk
    assert Payment.objects.get().checkout_id == "ws_CO_second"


@pytest.mark.parametrize("phone", [STRANGER, ""])
def test_settle_paid_for_nobodys_purchase_waits_in_suspense(world: World, phone: str) -> None:
    purchase = world.purchase(20_000)
    accepted = settle(world, world.prompt_paid(CHECKOUT, "NLJ7", phone=phone))
    assert accepted.payment_id != purchase.pk
    world.fulfil()
    payment = made(accepted)
    assert (payment.state, payment.meter_id, payment.checkout_id) == (PaymentState.SUSPENSE, None, CHECKOUT)
    purchase.refresh_from_db()
    assert (purchase.state, purchase.receipt) == (PaymentState.EXPECTED, None)
    assert not Token.objects.exists()


@pytest.mark.parametrize("is_stk_first", [True, False])
def test_same_receipt_by_both_doors_is_one_payment(world: World, is_stk_first: bool) -> None:
    purchase = prompted(world)
    stk, c2b = world.prompt_paid(CHECKOUT, "NLJ7"), world.claim(20_000, world.meter.drn, receipt="NLJ7")
    for claim in (stk, c2b, stk, c2b) if is_stk_first else (c2b, stk, c2b, stk):
        world.take(claim)
        world.fulfil()
    payment = Payment.objects.get()
    assert (payment.pk, payment.state, payment.checkout_id) == (purchase.pk, PaymentState.ALLOCATED, CHECKOUT)
    assert Token.objects.count() == LedgerEntry.objects.count() == Message.objects.count() == 1


def test_both_doors_with_an_account_typed_by_hand_close_the_purchase(world: World) -> None:
    """The text is no reference, so the confirmation was its own payment: the prompt's word must not make a second."""
    purchase = prompted(world)
    accepted = confirm(world, world.claim(20_000, "3700-0123-457", receipt="NLJ7"))
    world.fulfil()
    assert settle(world, world.prompt_paid(CHECKOUT, "NLJ7")).outcome == "repeated"
    purchase.refresh_from_db()
    assert (purchase.state, purchase.reason) == (PaymentState.DECLINED, f"came as payment {accepted.payment_id}")
    assert Token.objects.count() == 1


@pytest.mark.parametrize("is_allocated", [False, True])
def test_confirmation_of_no_meter_gets_the_meter_of_its_prompt(world: World, is_allocated: bool) -> None:
    purchase = prompted(world)
    accepted = confirm(world, world.claim(20_000, "MAMA SHOP", receipt="NLJ7"))
    if is_allocated:
        world.fulfil()
    assert settle(world, world.prompt_paid(CHECKOUT, "NLJ7")) == Accepted(accepted.payment_id, "repeated")
    world.fulfil()
    payment = made(accepted)
    assert (payment.state, payment.meter_id, payment.payer_e164) == (PaymentState.ALLOCATED, world.meter.pk, AMINA)
    assert "payment.meter_told" in acts_of(payment)
    purchase.refresh_from_db()
    assert purchase.state == PaymentState.DECLINED
    assert Token.objects.count() == 1


def test_confirmation_of_no_meter_gets_the_meter_of_a_declined_prompt_too(world: World) -> None:
    prompted(world)
    settle(world, world.prompt_failed(CHECKOUT))
    accepted = confirm(world, world.claim(20_000, "MAMA SHOP", receipt="NLJ7"))
    settle(world, world.prompt_paid(CHECKOUT, "NLJ7"))
    assert made(accepted).meter_id == world.meter.pk


def test_prompt_of_no_purchase_gets_the_account_of_its_confirmation(world: World) -> None:
    payment_id = settle(world, world.prompt_paid(CHECKOUT, "NLJ7")).payment_id
    world.fulfil()
    claim = world.claim(20_000, world.meter.drn, receipt="NLJ7")
    assert confirm(world, claim) == Accepted(payment_id, "repeated")
    world.fulfil()
    payment = Payment.objects.get()
    assert (payment.state, payment.account_text) == (PaymentState.ALLOCATED, world.meter.drn)
    assert Token.objects.count() == 1
    before = written()
    assert confirm(world, claim) == Accepted(None, "repeated")
    assert written() == before


@pytest.mark.parametrize("state", [PaymentState.REFUND_PENDING, PaymentState.REFUNDED])
def test_money_that_goes_back_gets_no_account(world: World, state: PaymentState) -> None:
    payment = made(settle(world, world.prompt_paid("ws_CO_9", "RCPT1")))
    Payment.objects.filter(pk=payment.pk).update(state=state, next_try_at=None)
    before = written()
    assert confirm(world, world.claim(20_000, world.meter.drn, receipt="RCPT1")) == Accepted(None, "repeated")
    assert written() == before


def test_second_receipt_on_a_paid_purchase_is_a_second_payment(world: World) -> None:
    first = prompted(world)
    confirm(world, world.claim(20_000, world.meter.drn, receipt="NLJ7"))
    accepted = settle(world, world.prompt_paid(CHECKOUT, "NLJ8"))
    assert accepted.outcome == "accepted"
    world.fulfil()
    second = made(accepted)
    assert (second.receipt, second.checkout_id, second.meter_id) == ("NLJ8", None, world.meter.pk)
    assert Payment.objects.get(pk=first.pk).receipt == "NLJ7"
    assert Token.objects.count() == 2
    before = written()
    assert settle(world, world.prompt_paid(CHECKOUT, "NLJ8")) == Accepted(second.pk, "repeated")
    assert written() == before
