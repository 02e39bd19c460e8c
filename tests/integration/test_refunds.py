"""Money back to the payer: what can go, how it is ordered and paid out, and what the books say of each step."""

from functools import partial

import pytest

from fleet.approvals.models import Approval
from gateway.desk.errors import TermsOutdated
from gateway.desk.services import Kind
from gateway.inquiries.models import Inquiry
from gateway.payments.lifecycle import PaymentState
from gateway.payments.ports import Outcome
from gateway.payments.services import freeze_payment
from gateway.refunds.errors import (
    PaymentInDoubt,
    PaymentNotRefundable,
    RefundInPart,
    RefundMissing,
    RefundNotByHand,
    RefundOverPayment,
    RefundReceiptInvalid,
    RefundReceiptTaken,
    WalletHoldsLess,
)
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.refunds.queries import get_refund, list_refunds_of
from gateway.refunds.services import (
    approve_refund,
    ask_again,
    record_payout,
)
from gateway.reversals.models import Reversal
from gateway.sms.models import Message
from tests.support.committed import at_once, committed, committed_world
from tests.support.desk import (
    FLOAT,
    agreed,
    answered,
    approved,
    ask,
    differences,
    held_sale,
    lost_payment,
    open_cases,
    part_of,
    proposed,
    provider,
    refund_of,
    sums_of,
    written,
)
from tests.support.fake_payment_provider import FakePaymentProvider
from tests.support.world import ACTOR, AMINA, World
from vending.kernel.errors import DomainError
from vending.ledger.models import LedgerEntry
from vending.ledger.queries import get_wallet
from vending.vends.models import Vend

__all__ = ["committed", "committed_world", "provider"]

pytestmark = [pytest.mark.django_db, pytest.mark.money_path]


# From suspense


def test_suspense_money_goes_back_by_reversal_and_every_step_is_booked(
    world: World, provider: FakePaymentProvider
) -> None:
    payment = lost_payment(world)
    approval = proposed(world, Kind.PAYMENT_REFUND, payment.pk)
    assert approval.terms == {
        "payment_state": "SUSPENSE",
        "payment_minor": 20_000,
        "currency": "KES",
        "receipt": payment.receipt,
        "amount_minor": 20_000,
        "source": "suspense",
        "meter_id": None,
    }
    refund = Refund.objects.get(approval=approved(world, approval))
    payment.refresh_from_db()
    assert (payment.state, refund.state) == (PaymentState.REFUND_PENDING, RefundState.WAITING)
    assert sums_of(f"refund:{refund.pk}:approved") == {"suspense": 20_000, "refunds": -20_000}
    assert differences(world) == []

    assert (ask(world), ask(world)) == (True, False)
    refund.refresh_from_db()
    request = provider.reversal_asks[0]
    assert refund.state == RefundState.ASKED
    assert (request.receipt, request.amount_minor, request.currency) == (payment.receipt, 20_000, "KES")
    assert request.addresses.result_url.endswith("/result/")

    inquiry = Inquiry.objects.get()
    answered(world, inquiry, Outcome.PAID, "REVRSL0001")
    refund.refresh_from_db()
    payment.refresh_from_db()
    assert (refund.state, refund.payout_receipt, refund.done_at) == (RefundState.DONE, "REVRSL0001", world.now)
    assert payment.state == PaymentState.REFUNDED
    assert sums_of(f"refund:{refund.pk}:done") == {"refunds": 20_000, FLOAT: -20_000}
    reversal = Reversal.objects.get()
    assert (reversal.outcome, reversal.payment, reversal.receipt) == ("refund", payment, "REVRSL0001")
    assert open_cases() == set()
    assert differences(world) == []


def test_refund_tells_the_payer_once(world: World) -> None:
    payment = lost_payment(world)
    refund = refund_of(world, payment)
    message = Message.objects.get(kind="refund")
    assert (message.to_e164, message.cause) == (AMINA, f"refund:{refund.pk}:coming:{AMINA}")
    assert f"KES200 is going back to the M-PESA that paid {payment.receipt}" in message.body


# From the wallet


def test_whole_payment_that_bought_nothing_goes_back_from_the_wallet(
    world: World, provider: FakePaymentProvider
) -> None:
    payment = world.sell(500)
    refund = refund_of(world, payment)
    assert (refund.meter, refund.state) == (world.meter, RefundState.WAITING)
    assert sums_of(f"refund:{refund.pk}:approved") == {"wallet": 500, "refunds": -500}
    assert get_wallet(world.meter.pk) == 0
    ask(world)
    answered(world, Inquiry.objects.get(), Outcome.PAID, "REVRSL0001")
    payment.refresh_from_db()
    assert payment.state == PaymentState.REVERSED
    assert differences(world) == []


def test_payment_of_a_cancelled_sale_goes_back_whole(world: World, provider: FakePaymentProvider) -> None:
    payment = held_sale(world)
    vend = Vend.objects.get()
    with pytest.raises(PaymentNotRefundable):
        proposed(world, Kind.PAYMENT_REFUND, payment.pk)
    agreed(world, Kind.SALE_CANCEL, vend.pk)
    refund = refund_of(world, payment)
    ask(world)
    answered(world, Inquiry.objects.get(), Outcome.PAID, "REVRSL0001")
    payment.refresh_from_db()
    assert payment.state == PaymentState.REVERSED
    assert sums_of(f"refund:{refund.pk}:done") == {"refunds": 20_000, FLOAT: -20_000}
    assert get_wallet(world.meter.pk) == 0
    assert differences(world) == []


def test_part_of_a_wallet_is_paid_out_by_hand(world: World, provider: FakePaymentProvider) -> None:
    payment = world.sell(20_000)
    assert get_wallet(world.meter.pk) == 208
    given = {"payment_id": payment.pk, "amount_minor": 200}
    approval = proposed(world, Kind.WALLET_REFUND, world.meter.pk, **given)
    assert approval.terms == {
        "payment_state": "ALLOCATED",
        "payment_minor": 20_000,
        "currency": "KES",
        "receipt": payment.receipt,
        "payment_id": payment.pk,
        "amount_minor": 200,
        "drn": world.meter.drn,
        "wallet_minor": 208,
    }
    refund = Refund.objects.get(approval=approved(world, approval))
    assert (refund.state, refund.reason, refund.next_try_at) == (RefundState.BY_HAND, "in_part", None)
    assert open_cases() == {("refund_by_hand", f"refund:{refund.pk}")}
    assert ask(world) is False
    with pytest.raises(RefundInPart):
        ask_again(refund_id=refund.pk, actor=ACTOR, now=world.now)

    paid = record_payout(refund_id=refund.pk, receipt=" b2cpay0001", operator_id=3, actor="operator:3", now=world.now)

    payment.refresh_from_db()
    assert (paid.state, paid.payout_receipt, payment.state) == (RefundState.DONE, "B2CPAY0001", PaymentState.ALLOCATED)
    assert get_wallet(world.meter.pk) == 8
    assert open_cases() == set()
    assert differences(world) == []


def test_wallet_that_changed_since_the_proposal_is_not_paid_out(world: World) -> None:
    payment = world.sell(500)
    approval = proposed(world, Kind.PAYMENT_REFUND, payment.pk)
    world.sell(20_000)
    before = written()
    with pytest.raises(TermsOutdated, match="wallet_holds_less"):
        approved(world, approval)
    assert written() == before


# Refusals


def test_refunds_are_refused_by_their_own_codes(world: World) -> None:
    sold = world.sell(20_000)
    other = world.sell(500, account=world.other_meter.drn)
    lost = lost_payment(world)
    assert freeze_payment(payment_id=lost.pk, reason="not_in_statement", actor=ACTOR, now=world.now)
    meter_id = world.meter.pk
    cases: list[tuple[Kind, int, dict[str, object], type[DomainError]]] = [
        (Kind.PAYMENT_REFUND, sold.pk, {}, PaymentNotRefundable),
        (Kind.PAYMENT_REFUND, lost.pk, {}, PaymentInDoubt),
        (Kind.WALLET_REFUND, meter_id, {"payment_id": other.pk, "amount_minor": 100}, PaymentNotRefundable),
        (Kind.WALLET_REFUND, meter_id, {"payment_id": sold.pk, "amount_minor": 209}, WalletHoldsLess),
        (Kind.WALLET_REFUND, meter_id, {"payment_id": sold.pk, "amount_minor": 20_001}, RefundOverPayment),
    ]
    before = (LedgerEntry.objects.count(), Refund.objects.count())
    for kind, subject_id, given, refusal in cases:
        with pytest.raises(refusal):
            proposed(world, kind, subject_id, **given)
    assert (LedgerEntry.objects.count(), Refund.objects.count(), Approval.objects.count()) == (*before, 0)


def test_no_more_than_the_payment_goes_back_of_it(world: World) -> None:
    payment = world.sell(500)
    world.sell(20_000, account=world.other_meter.drn)
    part_of(world, payment, 300)
    world.sell(400)
    assert get_wallet(world.meter.pk) == 600
    with pytest.raises(RefundOverPayment):
        proposed(world, Kind.WALLET_REFUND, world.meter.pk, payment_id=payment.pk, amount_minor=201)
    with pytest.raises(RefundOverPayment):
        proposed(world, Kind.PAYMENT_REFUND, payment.pk)
    part_of(world, payment, 200)
    assert get_wallet(world.meter.pk) == 400
    assert [refund.amount_minor for refund in list_refunds_of(payment.pk)] == [300, 200]
    assert differences(world) == []


def test_refund_from_the_wrong_place_is_refused_and_writes_nothing(world: World) -> None:
    lost, kept = lost_payment(world), world.sell(500)
    before = written()
    facts: dict[str, object] = {"approval_id": 1, "actor": ACTOR, "now": world.now}
    for payment, meter_id, amount, refusal in (
        (lost, world.meter.pk, 20_000, PaymentNotRefundable),
        (kept, None, 500, PaymentNotRefundable),
        (lost, None, 10_000, RefundInPart),
    ):
        with pytest.raises(refusal):
            approve_refund(payment_id=payment.pk, meter_id=meter_id, amount_minor=amount, **facts)  # type: ignore[arg-type]
    assert written() == before


# By hand


def test_receipt_of_a_payout_is_checked_and_names_one_refund(world: World) -> None:
    payment = world.sell(20_000)
    first, second = part_of(world, payment, 100), part_of(world, payment, 100)
    waiting = refund_of(world, lost_payment(world))
    facts: dict[str, object] = {"operator_id": 3, "actor": "operator:3", "now": world.now}
    record_payout(refund_id=first.pk, receipt="B2CPAY0001", **facts)  # type: ignore[arg-type]
    before = written()
    record_payout(refund_id=first.pk, receipt="B2CPAY0001", **facts)  # type: ignore[arg-type]
    for refund_id, receipt, refusal in (
        (second.pk, "B2CPAY0001", RefundReceiptTaken),
        (second.pk, payment.receipt or "", RefundReceiptTaken),
        (second.pk, "", RefundReceiptInvalid),
        (second.pk, "B2C PAY", RefundReceiptInvalid),
        (first.pk, "B2CPAY0002", RefundNotByHand),
        (waiting.pk, "B2CPAY0002", RefundNotByHand),
        (99_999, "B2CPAY0002", RefundMissing),
    ):
        with pytest.raises(refusal):
            record_payout(refund_id=refund_id, receipt=receipt, **facts)  # type: ignore[arg-type]
    assert written() == before
    with pytest.raises(RefundMissing):
        ask_again(refund_id=99_999, actor=ACTOR, now=world.now)
    kept = get_refund(second.pk)
    assert kept is not None
    assert kept.state == RefundState.BY_HAND


@pytest.mark.django_db(transaction=True)
def test_one_receipt_at_once_for_two_refunds_ends_one_of_them(committed_world: World) -> None:
    world = committed_world
    payment = world.sell(20_000)
    other = world.sell(500, account=world.other_meter.drn)
    refunds = [part_of(world, payment, 100), part_of(world, other, 100)]

    results = at_once(
        [
            partial(
                record_payout,
                refund_id=refund.pk,
                receipt="B2CPAY0001",
                operator_id=3,
                actor="operator:3",
                now=world.now,
            )
            for refund in refunds
        ]
    )

    assert [type(result) for result in results if isinstance(result, DomainError)] == [RefundReceiptTaken]
    assert Refund.objects.filter(state=RefundState.DONE).count() == 1
    assert differences(world) == []
