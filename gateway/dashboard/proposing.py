"""What an operator asks for about a payment or a sale: done alone where that is allowed, else proposed."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from gateway.dashboard import words
from gateway.dashboard.deciding import FULFIL_PAYMENTS
from gateway.dashboard.forms import Doer, act, typed
from gateway.dashboard.layout import operators_only
from gateway.dashboard.offers import ALONE
from gateway.desk.errors import KindUnknown, MeterMissing
from gateway.desk.kinds import Kind
from gateway.desk.services import assign_alone, propose
from gateway.payments.errors import PaymentMissing
from gateway.payments.queries import find_meters, get_payment
from gateway.refunds.errors import PaymentNotRefundable
from gateway.relay import wake
from vending.kernel.money import parse_minor
from vending.vends.queries import get_vend

_OF_PAYMENTS = (
    Kind.PAYMENT_ASSIGN,
    Kind.PAYMENT_MOVE,
    Kind.PAYMENT_REFUND,
    Kind.WALLET_REFUND,
    Kind.PAYMENT_DECLINE,
    Kind.PAYMENT_RELEASE,
)
_WITH_METER = (Kind.PAYMENT_ASSIGN, Kind.PAYMENT_MOVE)
_LONGEST_AMOUNT = 20


@operators_only
def act_on_payment(request: HttpRequest, payment_id: int) -> HttpResponse:
    """The form's `act` says which: a kind of the desk, or the assigning that one person may do."""
    if get_payment(payment_id) is None:
        raise Http404("no such payment")
    asked = typed(request, "act")
    if asked == ALONE:
        done = act(request, lambda doer: _assign(request, payment_id, doer))
        wake(FULFIL_PAYMENTS, [payment_id] if done else [])
    else:
        act(request, lambda doer: _propose(request, asked, payment_id, doer))
    return redirect("dashboard:payment", payment_id=payment_id)


@operators_only
def cancel_sale(request: HttpRequest, vend_id: int) -> HttpResponse:
    """Propose that a held sale's money goes back to the wallet."""
    if get_vend(vend_id) is None:
        raise Http404("no such sale")
    act(request, lambda doer: _ask(request, Kind.SALE_CANCEL, vend_id, {}, doer))
    return redirect("dashboard:sale", vend_id=vend_id)


def _assign(request: HttpRequest, payment_id: int, doer: Doer) -> str:
    meter_id, drn = _meter(request)
    is_new = assign_alone(
        payment_id=payment_id, meter_id=meter_id, operator_id=doer.operator_id, actor=doer.actor, now=doer.now
    )
    return f"The payment is for meter {drn} now." if is_new else f"The payment was for meter {drn} already."


def _propose(request: HttpRequest, asked: str, payment_id: int, doer: Doer) -> str:
    kind = next((kind for kind in _OF_PAYMENTS if kind == asked), None)
    if kind is None:
        raise KindUnknown("this is not done with a payment")
    if kind == Kind.WALLET_REFUND:
        meter_id, terms = _part(request, payment_id)
        return _ask(request, kind, meter_id, terms, doer)
    return _ask(request, kind, payment_id, {"meter_id": _meter(request)[0]} if kind in _WITH_METER else {}, doer)


def _ask(request: HttpRequest, kind: Kind, subject_id: int, terms: dict[str, object], doer: Doer) -> str:
    asked = propose(
        kind=kind,
        subject_id=subject_id,
        terms=terms,
        reason=typed(request, "reason"),
        maker_id=doer.operator_id,
        actor=doer.actor,
        now=doer.now,
    )
    return f"Proposal {asked.pk} waits for a second person: {words.act(kind)}."


def _part(request: HttpRequest, payment_id: int) -> tuple[int, dict[str, object]]:
    """The meter whose wallet it is about, and what of it."""
    payment = get_payment(payment_id)
    if payment is None:
        raise PaymentMissing("no such payment")
    if payment.meter_id is None:
        raise PaymentNotRefundable("the payment is in no wallet")
    amount_minor = parse_minor(typed(request, "amount")[:_LONGEST_AMOUNT], payment.currency)
    return payment.meter_id, {"payment_id": payment_id, "amount_minor": amount_minor}


def _meter(request: HttpRequest) -> tuple[int, str]:
    """The meter that a typed or scanned number names, with its check digits: its id and DRN."""
    number = typed(request, "meter")
    meter = find_meters([number])[number]
    if meter is None:
        raise MeterMissing("no meter has this number", field="meter")
    return meter.pk, meter.drn
