"""What customers say about a payment by its receipt: the code again, or a question, to the payer alone."""

import json

import pytest

from fleet.audit.models import AuditEntry
from fleet.cases.models import Case
from fleet.customers.models import Phone
from gateway.claims import tasks
from gateway.claims.errors import CallSubjectInvalid
from gateway.claims.lifecycle import ClaimState
from gateway.claims.models import ClaimTry, MeterClaim
from gateway.claims.outcomes import ClaimOutcome, ClaimWord
from gateway.claims.services import (
    answer_claim,
    call_me,
    claim_by_receipt,
    expire_claims,
    propose_meter,
    settle_claims,
)
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.sms.models import Message
from tests.support.fake_security_module import FakeSecurityModule
from tests.support.world import ACTOR, AMINA, JUMA, STRANGER, World, block
from vending.ledger.models import LedgerLine
from vending.tokens.models import Token
from vending.vends.models import Vend

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]

DRN, OTHER_DRN, NO_METER = "37000123457", "3601000000424", "37000999997"
FAKE_KENS = {("201457", 1, 2): 255}


def claim(world: World, receipt: str, phone: str = AMINA, drn: str | None = None) -> ClaimOutcome:
    return claim_by_receipt(receipt=receipt, phone_e164=phone, drn=drn, actor=ACTOR, now=world.now)


def propose(world: World, drn: str = DRN, phone: str = AMINA, receipt: str = "") -> ClaimOutcome:
    return propose_meter(phone_e164=phone, drn=drn, receipt=receipt, actor=ACTOR, now=world.now)


def answer(world: World, *, is_yes: bool, phone: str = AMINA) -> ClaimOutcome:
    return answer_claim(phone_e164=phone, is_yes=is_yes, actor=ACTOR, now=world.now)


def lost(world: World, payer: str = AMINA) -> Payment:
    """A payment for no meter; the payer was told so, and that text is forgotten here."""
    payment = world.sell(account=NO_METER, payer=payer)
    Message.objects.all().delete()
    return payment


def cases() -> list[tuple[str, str]]:
    return list(Case.objects.filter(closed_at=None).order_by("reason").values_list("reason", "subject"))


def test_claim_of_an_issued_sale_sends_the_same_code_again_to_the_payer(world: World) -> None:
    payment = world.sell(payer=STRANGER)
    outcome = claim(world, payment.receipt or "", STRANGER)
    assert outcome.word == ClaimWord.RESENT
    message = Message.objects.get(pk=outcome.message_ids[0])
    assert (message.to_e164, message.kind) == (STRANGER, "resend")
    assert message.body.split("\n")[0].replace(" ", "") == Token.objects.get().digits
    assert claim(world, payment.receipt or "", STRANGER) == ClaimOutcome(ClaimWord.RESENT)
    assert Message.objects.filter(kind="resend").count() == 1


def test_claim_of_the_payer_closes_the_case_of_a_code_without_a_phone(world: World) -> None:
    world.meter.links.all().delete()
    payment = world.sell(payer=STRANGER)
    assert cases() == [("code_without_phone", f"payment:{payment.pk}")]
    claim(world, payment.receipt or "", STRANGER)
    assert cases() == []


def test_unknown_receipt_and_somebody_elses_are_answered_alike(world: World) -> None:
    payment = world.sell(payer=STRANGER)
    before = Message.objects.count()
    assert claim(world, "NOSUCHCODE", JUMA) == claim(world, payment.receipt or "", JUMA)
    assert claim(world, "\x00%' OR 1=1", JUMA) == ClaimOutcome(ClaimWord.NOT_FOUND)
    assert Message.objects.count() == before
    assert cases() == [("claim_needs_person", f"payment:{payment.pk}")]
    assert Case.objects.get().details == {"phone": "..102", "phone_id": Phone.objects.get(e164=JUMA).pk}
    assert list(ClaimTry.objects.values_list("is_right", flat=True)) == [False] * 3


def test_payer_that_is_masked_is_nobody_whoever_asks(world: World) -> None:
    payment = world.sell(account=NO_METER, payer="")
    assert claim(world, payment.receipt or "", AMINA).word == ClaimWord.NOT_FOUND
    assert ("claim_needs_person", f"payment:{payment.pk}") in cases()


def test_fourth_try_of_a_day_is_refused_right_or_wrong(world: World) -> None:
    payment = world.sell()
    for receipt in ("AAAA000001", payment.receipt or "", "AAAA000002"):
        claim(world, receipt)
    assert claim(world, payment.receipt or "") == ClaimOutcome(ClaimWord.TOO_MANY)
    assert ClaimTry.objects.count() == 3
    assert claim(world, "AAAA000003", JUMA).word == ClaimWord.NOT_FOUND
    world.later(24 * 3600)
    assert claim(world, payment.receipt or "").word == ClaimWord.RESENT


def test_spray_over_many_phones_is_stopped_for_the_hour_and_staff_are_told(world: World) -> None:
    payment = world.sell()
    for number in range(60):
        claim(world, f"AAAA{number:06d}", f"+2547110{number:05d}")
    assert claim(world, payment.receipt or "") == ClaimOutcome(ClaimWord.TOO_MANY)
    assert ("receipts_guessed", "installation") in cases()
    assert ClaimTry.objects.count() == 60
    world.later(3600)
    assert claim(world, payment.receipt or "").word == ClaimWord.RESENT


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"state": PaymentState.REFUND_PENDING}, ClaimWord.GOING_BACK),
        ({"state": PaymentState.REFUNDED}, ClaimWord.GOING_BACK),
        ({"state": PaymentState.REVERSED}, ClaimWord.GOING_BACK),
        ({"state": PaymentState.DECLINED}, ClaimWord.NOT_PAID),
        ({"state": PaymentState.CONFIRMED}, ClaimWord.BEING_MADE),
        ({"state": PaymentState.CONFIRMED, "frozen_reason": "not_confirmed"}, ClaimWord.ON_HOLD),
        ({"state": PaymentState.SUSPENSE, "frozen_reason": "not_confirmed"}, ClaimWord.ON_HOLD),
    ],
)
def test_claim_tells_where_the_money_is(world: World, changes: dict[str, str], word: ClaimWord) -> None:
    payment = lost(world)
    Payment.objects.update(**changes)
    assert claim(world, payment.receipt or "", drn=DRN).word == word
    assert not Message.objects.exists()


def test_claim_of_a_sale_that_is_not_issued_tells_so(world: World) -> None:
    world.module = FakeSecurityModule(FAKE_KENS, is_unavailable=True)
    payment = world.sell()
    assert claim(world, payment.receipt or "").word == ClaimWord.BEING_MADE
    Vend.objects.update(held_reason="payment_frozen")
    assert claim(world, payment.receipt or "").word == ClaimWord.ON_HOLD


def test_claim_of_money_that_bought_nothing_says_that_it_is_kept(world: World) -> None:
    payment = world.sell(500)
    assert claim(world, payment.receipt or "").word == ClaimWord.KEPT


def test_claim_of_suspense_asks_for_a_meter_then_for_yes_and_vends_it(world: World) -> None:
    payment = lost(world)
    assert claim(world, payment.receipt or "") == ClaimOutcome(ClaimWord.NEEDS_METER)
    asked = claim(world, payment.receipt or "", drn="3700-0123-457")
    assert asked.word == ClaimWord.ASKED
    question = Message.objects.get(pk=asked.message_ids[0])
    assert question.to_e164 == AMINA
    assert question.body == (
        "KES200 (RCPT000001) goes to meter 37000123457 Amina M. Reply YES to make the code, NO to stop."
        " If you do nothing in 24h we call you."
    )
    row = MeterClaim.objects.get()
    assert (row.kind, row.state, row.meter_id) == ("suspense", ClaimState.OPEN, world.meter.pk)
    assert (row.expires_at - row.asked_at).total_seconds() == 24 * 3600
    accepted = answer(world, is_yes=True)
    assert accepted == ClaimOutcome(ClaimWord.ACCEPTED, payment_id=payment.pk)
    assert world.fulfil([payment.pk]).rows == 1
    payment.refresh_from_db()
    row.refresh_from_db()
    assert (payment.state, payment.meter_id, row.state) == (
        PaymentState.ALLOCATED,
        world.meter.pk,
        ClaimState.ACCEPTED,
    )
    assert row.answered_at == world.now
    allocated = LedgerLine.objects.get(entry__cause=f"payment:{payment.pk}:allocated", account="suspense")
    assert allocated.amount_minor == 20_000
    assert cases() == []
    assert Token.objects.count() == 1


def test_no_leaves_the_money_where_it_is(world: World) -> None:
    payment = lost(world)
    propose(world)
    assert answer(world, is_yes=False) == ClaimOutcome(ClaimWord.REFUSED)
    payment.refresh_from_db()
    assert (payment.state, payment.meter_id) == (PaymentState.SUSPENSE, None)
    assert MeterClaim.objects.get().state == ClaimState.REFUSED
    assert answer(world, is_yes=True) == ClaimOutcome(ClaimWord.NOTHING_ASKED)


def test_meter_by_text_is_for_the_newest_payment_of_this_phone(world: World) -> None:
    lost(world)
    newest = lost(world)
    lost(world, payer=JUMA)
    assert propose(world).word == ClaimWord.ASKED
    assert MeterClaim.objects.get().payment_id == newest.pk
    assert ClaimTry.objects.count() == 0


def test_meter_by_text_with_a_receipt_is_for_that_payment_and_counts_as_a_try(world: World) -> None:
    first = lost(world)
    lost(world)
    assert propose(world, receipt=first.receipt or "").word == ClaimWord.ASKED
    assert MeterClaim.objects.get().payment_id == first.pk
    assert ClaimTry.objects.count() == 1


def test_meter_by_text_of_a_phone_that_paid_nothing_finds_nothing(world: World) -> None:
    lost(world)
    assert propose(world, phone=JUMA) == ClaimOutcome(ClaimWord.NOT_FOUND)


@pytest.mark.parametrize("drn", [NO_METER, "37000123475", "", "\x00", "9" * 10_000, f"{DRN} {OTHER_DRN}"])
def test_meter_that_is_none_is_not_asked_about(world: World, drn: str) -> None:
    lost(world)
    assert propose(world, drn).word in (ClaimWord.METER_UNKNOWN, ClaimWord.NEEDS_METER)
    assert not MeterClaim.objects.exists()
    assert not Message.objects.exists()


def test_meter_that_cannot_buy_or_has_another_currency_is_not_asked_about(world: World) -> None:
    lost(world)
    block(world.other_meter)
    assert propose(world, OTHER_DRN).word == ClaimWord.METER_BLOCKED
    Payment.objects.update(currency="UGX")
    assert propose(world, DRN).word == ClaimWord.METER_UNKNOWN


def test_owner_of_a_meter_is_masked_for_a_phone_that_is_not_linked(world: World) -> None:
    lost(world, payer=STRANGER)
    propose(world, phone=STRANGER)
    assert "meter 37000123457 A*** M. Reply" in Message.objects.get().body


def test_meter_without_an_owner_is_asked_about_by_its_number_alone(world: World) -> None:
    type(world.meter).objects.filter(pk=world.meter.pk).update(customer=None)
    lost(world)
    propose(world)
    assert "goes to meter 37000123457. Reply YES" in Message.objects.get().body


def test_money_that_staff_have_placed_already_is_not_asked_about(world: World) -> None:
    payment = lost(world)
    Payment.objects.update(meter=world.other_meter)
    assert claim(world, payment.receipt or "", drn=DRN) == ClaimOutcome(ClaimWord.BEING_MADE, payment_id=payment.pk)
    assert propose(world).word == ClaimWord.NOT_FOUND


def test_money_on_hold_is_not_asked_about(world: World) -> None:
    lost(world)
    Payment.objects.update(frozen_reason="amount_differs")
    assert propose(world).word == ClaimWord.ON_HOLD
    assert not MeterClaim.objects.exists()


def test_same_meter_again_asks_once_and_another_meter_takes_its_place(world: World) -> None:
    lost(world)
    propose(world)
    assert propose(world) == ClaimOutcome(ClaimWord.ASKED)
    assert Message.objects.count() == 1
    propose(world, OTHER_DRN)
    assert list(MeterClaim.objects.order_by("pk").values_list("meter_id", "state")) == [
        (world.meter.pk, ClaimState.REFUSED),
        (world.other_meter.pk, ClaimState.OPEN),
    ]
    answer(world, is_yes=True)
    world.fulfil()
    assert Vend.objects.get().meter_id == world.other_meter.pk


def test_sixth_meter_of_a_day_is_refused(world: World) -> None:
    lost(world)
    for drn in (DRN, OTHER_DRN, DRN, OTHER_DRN, DRN):
        assert propose(world, drn).word == ClaimWord.ASKED
    assert propose(world, OTHER_DRN) == ClaimOutcome(ClaimWord.TOO_MANY)
    assert MeterClaim.objects.count() == 5


def test_yes_of_another_phone_answers_nothing(world: World) -> None:
    payment = lost(world)
    propose(world)
    assert answer(world, is_yes=True, phone=JUMA) == ClaimOutcome(ClaimWord.NOTHING_ASKED)
    payment.refresh_from_db()
    assert payment.meter_id is None


def test_yes_after_staff_placed_the_money_changes_nothing(world: World) -> None:
    payment = lost(world)
    propose(world)
    Payment.objects.update(meter=world.other_meter, next_try_at=world.now)
    assert answer(world, is_yes=True) == ClaimOutcome(ClaimWord.SETTLED)
    payment.refresh_from_db()
    assert payment.meter_id == world.other_meter.pk
    assert MeterClaim.objects.get().state == ClaimState.REFUSED


def test_yes_about_money_on_hold_waits(world: World) -> None:
    lost(world)
    propose(world)
    Payment.objects.update(frozen_reason="amount_differs")
    assert answer(world, is_yes=True) == ClaimOutcome(ClaimWord.ON_HOLD)
    assert MeterClaim.objects.get().state == ClaimState.OPEN


def test_question_that_nobody_answers_expires_with_a_case_and_a_late_yes_still_counts(world: World) -> None:
    payment = lost(world)
    propose(world)
    world.later(24 * 3600 - 1)
    assert expire_claims(now=world.now) == 0
    world.later(1)
    assert expire_claims(now=world.now) == 1
    assert expire_claims(now=world.now) == 0
    assert MeterClaim.objects.get().state == ClaimState.EXPIRED
    assert ("claim_unanswered", f"payment:{payment.pk}") in cases()
    assert answer(world, is_yes=True).word == ClaimWord.ACCEPTED
    assert cases() == [("payment_without_meter", f"payment:{payment.pk}")]


def test_yes_after_three_days_answers_nothing(world: World) -> None:
    lost(world)
    propose(world)
    world.later(72 * 3600)
    expire_claims(now=world.now)
    assert answer(world, is_yes=True) == ClaimOutcome(ClaimWord.NOTHING_ASKED)


def test_question_about_settled_money_expires_without_a_case(world: World) -> None:
    lost(world)
    propose(world)
    Payment.objects.update(meter=world.other_meter)
    world.later(24 * 3600)
    expire_claims(now=world.now)
    assert "claim_unanswered" not in [reason for reason, _ in cases()]


def test_sweep_expires_whatever_is_overdue(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    lost(world)
    propose(world)
    world.later(24 * 3600)
    monkeypatch.setattr(tasks, "now", lambda: world.now)
    tasks.sweep_claims()
    assert MeterClaim.objects.get().state == ClaimState.EXPIRED


def test_staff_settle_the_open_claim_of_a_payment(world: World) -> None:
    payment = lost(world)
    propose(world)
    for count in (1, 0):
        assert settle_claims(payment_id=payment.pk, is_accepted=True, actor=ACTOR, now=world.now) == count
    assert MeterClaim.objects.get().state == ClaimState.ACCEPTED


def test_call_back_is_one_case_about_a_row(world: World) -> None:
    first = call_me(phone_e164=AMINA, about="payment:12", actor=ACTOR, now=world.now)
    assert call_me(phone_e164=AMINA, about="payment:12", actor=ACTOR, now=world.now) == first
    case = Case.objects.get()
    assert (case.reason, case.subject, case.details["phone"]) == ("call_me", "payment:12", "..101")


@pytest.mark.parametrize("about", ["", AMINA, "payment:", "payment:1 ", "Payment:1", "a" * 40 + ":1"])
def test_call_back_about_no_row_is_refused(world: World, about: str) -> None:
    with pytest.raises(CallSubjectInvalid):
        call_me(phone_e164=AMINA, about=about, actor=ACTOR, now=world.now)
    assert not Case.objects.exists()


def test_claims_leave_no_phone_number_in_audit_or_cases(world: World) -> None:
    payment = lost(world)
    claim(world, payment.receipt or "", JUMA)
    propose(world)
    answer(world, is_yes=True)
    call_me(phone_e164=STRANGER, about=f"payment:{payment.pk}", actor=ACTOR, now=world.now)
    kept = json.dumps([*AuditEntry.objects.values_list("subject", "details"), *Case.objects.values_list("details")])
    assert not [phone for phone in (AMINA, JUMA, STRANGER) if phone.removeprefix("+254") in kept]
    acts = set(AuditEntry.objects.filter(act__startswith="claim.").values_list("act", flat=True))
    assert acts == {"claim.tried", "claim.opened", "claim.accepted"}
