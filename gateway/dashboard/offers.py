"""What may be done with a payment now: each a small form. What cannot be done is not offered, and refused if posted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from django.conf import settings

from fleet.approvals.lifecycle import ApprovalState
from fleet.approvals.queries import list_of_subject
from gateway.dashboard import words
from gateway.desk.kinds import Kind
from gateway.desk.queries import is_moved
from gateway.payments.doubts import WRONG_METER, is_stopped
from gateway.payments.lifecycle import PaymentState
from gateway.payments.queries import get_payment
from gateway.refunds.queries import check_can_refund_whole, check_not_in_doubt, find_sale_of, sum_refunded
from vending.kernel.errors import DomainError
from vending.kernel.money import digits_of
from vending.ledger.queries import get_wallet
from vending.vends.lifecycle import VendState

ALONE = "assign_alone"
_WITHOUT_METER = (PaymentState.CONFIRMED, PaymentState.SUSPENSE)


@dataclass(frozen=True)
class Offer:
    """A form: `act` is its name on the wire. `waiting_id` is the same proposal that waits already, in place of it."""

    act: str
    title: str
    meaning: str
    button: str
    needs_meter: bool = False
    amount_currency: str = ""
    needs_reason: bool = True
    waiting_id: int | None = None


@dataclass(frozen=True)
class _Facts:
    """What decides about the offers. `spare_minor` of it could go back out of the meter's wallet."""

    state: str
    drn: str
    amount_minor: int
    currency: str
    is_stopped: bool
    is_wrong_meter: bool
    is_movable: bool
    is_refundable: bool
    spare_minor: int


def list_offers(payment_id: int) -> list[Offer]:
    facts, meter_id = _facts_of(payment_id)
    if facts is None:
        return []
    subjects = [f"payment:{payment_id}", *([f"meter:{meter_id}"] if meter_id else [])]
    rows = [row for subject in subjects for row in list_of_subject(subject)]
    waiting = {row.kind: row.pk for row in rows if row.state == ApprovalState.WAITING}
    offers = [*_assigning(facts), *_moving(facts), *_refunding(facts), *_doubting(facts)]
    return [replace(offer, waiting_id=waiting.get(offer.act)) for offer in offers]


def _facts_of(payment_id: int) -> tuple[_Facts | None, int | None]:
    """And the id of the payment's meter, if it has one."""
    payment = get_payment(payment_id)
    if payment is None:
        return None, None
    sale = find_sale_of(payment_id)
    is_good = _passes(lambda: check_not_in_doubt(payment))
    is_booked = is_good and payment.state == PaymentState.ALLOCATED
    wallet = get_wallet(payment.meter_id) if is_booked and payment.meter_id else 0
    is_code_out = sale is not None and sale.state == VendState.ISSUED
    has_money = wallet > 0 or sale is not None
    facts = _Facts(
        state=payment.state,
        drn=payment.meter.drn if payment.meter else "",
        amount_minor=payment.amount_minor,
        currency=payment.currency,
        is_stopped=is_stopped(payment),
        is_wrong_meter=payment.frozen_reason == WRONG_METER,
        is_movable=is_booked and not is_code_out and has_money and not is_moved(payment_id),
        is_refundable=_passes(lambda: check_can_refund_whole(payment)),
        spare_minor=min(wallet, payment.amount_minor - sum_refunded(payment_id)) if is_booked else 0,
    )
    return facts, payment.meter_id


def _passes(check: Callable[[], None]) -> bool:
    try:
        check()
    except DomainError:
        return False
    return True


def _assigning(facts: _Facts) -> Iterator[Offer]:
    if facts.state not in _WITHOUT_METER or (facts.drn and not facts.is_wrong_meter):
        return
    alone_minor = settings.ASSIGN_ALONE_UP_TO * 10 ** digits_of(facts.currency)
    title = "Give it its meter"
    if facts.amount_minor <= alone_minor:
        meaning = "The code is made for this meter at once."
        yield Offer(ALONE, title, meaning, "Give it this meter", needs_meter=True, needs_reason=False)
    else:
        meaning = "The code is made for this meter when another person agrees."
        yield Offer(Kind.PAYMENT_ASSIGN, title, meaning, "Propose this meter", needs_meter=True)


def _moving(facts: _Facts) -> Iterator[Offer]:
    if facts.is_movable:
        meaning = f"What meter {facts.drn} has of it buys for the right one. Once only."
        yield Offer(Kind.PAYMENT_MOVE, "Move it to the right meter", meaning, "Propose the move", needs_meter=True)


def _refunding(facts: _Facts) -> Iterator[Offer]:
    amount = words.money(facts.amount_minor, facts.currency)
    if facts.is_refundable:
        meaning = f"All of it, {amount}, goes back to who paid it, by the provider."
        yield Offer(Kind.PAYMENT_REFUND, "Give it back", meaning, "Propose the refund")
    if facts.spare_minor > 0:
        spare = words.money(facts.spare_minor, facts.currency)
        meaning = f"At most {spare} of the wallet of meter {facts.drn} can go to who paid this; a person pays it out."
        title = "Give a part of the wallet back"
        button = "Propose this part"
        yield Offer(Kind.WALLET_REFUND, title, meaning, button, amount_currency=facts.currency)


def _doubting(facts: _Facts) -> Iterator[Offer]:
    if not facts.is_stopped:
        return
    meaning = "The money is good: it goes on as if nobody had doubted it."
    if facts.is_wrong_meter:
        meaning = "The customer's word is not taken: the money is for the meter that it was paid for."
    yield Offer(Kind.PAYMENT_RELEASE, "Release it", meaning, "Propose the release")
    if facts.state == PaymentState.CONFIRMED and not facts.is_wrong_meter:
        meaning = "This money never came: nothing is sold of it, and nothing goes back."
        yield Offer(Kind.PAYMENT_DECLINE, "Decline the claim", meaning, "Propose to decline it")
