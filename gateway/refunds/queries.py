"""What can be asked about money on its way back, and about what of a payment could go back."""

from django.db.models import Sum

from gateway.fulfilment.services import AUTHORITY_KINDS
from gateway.inquiries.lifecycle import InquiryState
from gateway.inquiries.models import Inquiry
from gateway.payments.doubts import WRONG_METER
from gateway.payments.lifecycle import PaymentState
from gateway.payments.models import Payment
from gateway.refunds.errors import PaymentInDoubt, PaymentNotRefundable, RefundOverPayment, WalletHoldsLess
from gateway.refunds.lifecycle import RefundState
from gateway.refunds.models import Refund
from gateway.reversals.models import Reversal
from gateway.reversals.queries import find_reversal
from vending.ledger.queries import get_wallet
from vending.vends.lifecycle import VendState
from vending.vends.models import Vend


def get_refund(refund_id: int) -> Refund | None:
    return Refund.objects.select_related("payment", "meter", "approval").filter(pk=refund_id).first()


def list_open_refunds(*, limit: int) -> list[Refund]:
    """Refunds whose money has not left yet, the oldest first."""
    waiting = Refund.objects.select_related("payment", "meter", "approval").exclude(state=RefundState.DONE)
    return list(waiting.order_by("pk")[:limit])


def list_refunds_of(payment_id: int) -> list[Refund]:
    return list(Refund.objects.filter(payment_id=payment_id).order_by("pk"))


def find_refund_of_receipt(provider: str, receipt: str) -> Refund | None:
    """The refund whose money left under this receipt."""
    return Refund.objects.filter(payment__provider=provider, payout_receipt=receipt).order_by("pk").first()


def is_receipt_taken(payment: Payment, receipt: str) -> bool:
    """Whether a receipt of this provider names money already: a payment, a refund, or a reversal that is booked or
    another payment's.
    """
    if Payment.objects.filter(provider=payment.provider, receipt=receipt).exists():
        return True
    others = Reversal.objects.filter(provider=payment.provider, receipt=receipt)
    if others.exclude(payment_receipt=payment.receipt or "", applied_at=None).exists():
        return True
    return find_refund_of_receipt(payment.provider, receipt) is not None


def find_payment_of(provider: str, receipt: str) -> Payment | None:
    return Payment.objects.filter(provider=provider, receipt=receipt).first()


def has_later_question(inquiry: Inquiry) -> bool:
    """Whether the same was asked again since, and that has no answer yet."""
    asked = Inquiry.objects.filter(payment=inquiry.payment_id, kind=inquiry.kind, state=InquiryState.ASKED)
    return asked.filter(pk__gt=inquiry.pk).exists()


def sum_refunded(payment_id: int) -> int:
    """What went back of a payment, or is on its way, in minor units."""
    total: int | None = Refund.objects.filter(payment_id=payment_id).aggregate(total=Sum("amount_minor"))["total"]
    return total or 0


def find_sale_of(payment_id: int) -> Vend | None:
    """The sale that a payment's money is in now; None when it bought nothing, or its sale was cancelled."""
    made = Vend.objects.filter(authority__kind__in=AUTHORITY_KINDS, authority__reference=str(payment_id))
    return made.exclude(state=VendState.CANCELLED).order_by("-pk").first()


def is_whole(refund: Refund, payment: Payment) -> bool:
    """Whether a refund gives back all of a payment that is in no sale: the only thing that a provider reverses."""
    return refund.amount_minor == payment.amount_minor and find_sale_of(payment.pk) is None


def check_not_in_doubt(payment: Payment) -> None:
    """Raise `PaymentInDoubt` for money that may not be there. What is stopped for the wrong meter is there."""
    if payment.must_verify or payment.frozen_reason not in ("", WRONG_METER):
        raise PaymentInDoubt("the payment is frozen, or has to be verified first")
    if payment.receipt and find_reversal(payment.provider, payment.receipt):
        raise PaymentInDoubt("the provider took this payment back")


def check_can_refund_whole(payment: Payment) -> None:
    """Whether all of a payment can go back: from suspense, or from the wallet when it is in no sale.

    Raises `PaymentInDoubt`, `PaymentNotRefundable`, `RefundOverPayment` (a part of it went back before) and
    `WalletHoldsLess`.
    """
    check_not_in_doubt(payment)
    if payment.state == PaymentState.SUSPENSE and payment.meter_id is None:
        return
    if payment.state != PaymentState.ALLOCATED or payment.meter_id is None:
        raise PaymentNotRefundable(f"a payment that is {payment.state} cannot be given back")
    if sale := find_sale_of(payment.pk):
        raise PaymentNotRefundable(f"its money is in vend {sale.pk}, which is {sale.state}")
    check_can_refund_part(payment, payment.amount_minor)


def check_can_refund_part(payment: Payment, amount_minor: int) -> None:
    """Whether this much of its meter's wallet can go to who paid this payment. Errors as for the whole."""
    check_not_in_doubt(payment)
    if payment.state != PaymentState.ALLOCATED or payment.meter_id is None:
        raise PaymentNotRefundable(f"a payment that is {payment.state} has nothing in a wallet")
    if not 0 < amount_minor <= payment.amount_minor - sum_refunded(payment.pk):
        raise RefundOverPayment("more than the payment, less what went back of it", field="amount_minor")
    if amount_minor > get_wallet(payment.meter_id):
        raise WalletHoldsLess("the wallet does not hold this much", field="amount_minor")
