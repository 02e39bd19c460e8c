"""Refunds that a person pays out: entering the provider's receipt of it, or ordering it from the provider again."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect

from gateway.dashboard.forms import Doer, act, typed
from gateway.dashboard.layout import operators_only
from gateway.refunds.queries import get_refund
from gateway.refunds.services import ask_again, record_payout


@operators_only
def paid(request: HttpRequest, refund_id: int) -> HttpResponse:
    """It was paid out in the provider's portal, under this receipt."""

    def do(doer: Doer) -> str:
        refund = record_payout(
            refund_id=refund_id,
            receipt=typed(request, "receipt"),
            operator_id=doer.operator_id,
            actor=doer.actor,
            now=doer.now,
        )
        return f"Refund {refund_id} is paid back with {refund.payout_receipt}."

    payment_id = _payment_id_of(refund_id)
    act(request, do)
    return redirect("dashboard:payment", payment_id=payment_id)


@operators_only
def again(request: HttpRequest, refund_id: int) -> HttpResponse:
    """What the provider refused it for is mended."""

    def do(doer: Doer) -> str:
        ask_again(refund_id=refund_id, actor=doer.actor, now=doer.now)
        return f"Refund {refund_id} is asked for again."

    payment_id = _payment_id_of(refund_id)
    act(request, do)
    return redirect("dashboard:payment", payment_id=payment_id)


def _payment_id_of(refund_id: int) -> int:
    refund = get_refund(refund_id)
    if refund is None:
        raise Http404("no such refund")
    return refund.payment_id
