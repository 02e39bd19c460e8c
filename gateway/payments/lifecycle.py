"""A payment: money that reached us, or that a customer said will.

EXPECTED is a purchase that a customer has started; the provider was or will be asked to prompt the phone. CONFIRMED:
the money moved and has a receipt; from here something always comes of it. ALLOCATED: its parts are booked and, if it
buys anything, its vend exists. SUSPENSE: the money is ours to mind, but no meter is known for it. UNKNOWN: nobody
could say whether the money moved; late money still has its move, even from DECLINED. A CONFIRMED claim that the
provider does not know is DECLINED by two persons (ADR 0009). The rest is the way back to the payer.
"""

from enum import StrEnum

from vending.kernel.lifecycle import Lifecycle, table


class PaymentState(StrEnum):
    EXPECTED = "EXPECTED"
    CONFIRMED = "CONFIRMED"
    DECLINED = "DECLINED"
    UNKNOWN = "UNKNOWN"
    ALLOCATED = "ALLOCATED"
    SUSPENSE = "SUSPENSE"
    REFUND_PENDING = "REFUND_PENDING"
    REFUNDED = "REFUNDED"
    REVERSED = "REVERSED"


LABELS = {
    PaymentState.EXPECTED: "waiting for the customer",
    PaymentState.CONFIRMED: "paid, not yet allocated",
    PaymentState.DECLINED: "not paid",
    PaymentState.UNKNOWN: "result unknown",
    PaymentState.ALLOCATED: "allocated",
    PaymentState.SUSPENSE: "paid, no meter",
    PaymentState.REFUND_PENDING: "refund waiting",
    PaymentState.REFUNDED: "refunded",
    PaymentState.REVERSED: "reversed",
}

PAYMENT = Lifecycle(
    "payment",
    table(
        PaymentState,
        {
            PaymentState.EXPECTED: {PaymentState.CONFIRMED, PaymentState.DECLINED, PaymentState.UNKNOWN},
            PaymentState.UNKNOWN: {PaymentState.CONFIRMED, PaymentState.DECLINED},
            PaymentState.DECLINED: {PaymentState.CONFIRMED},
            PaymentState.CONFIRMED: {PaymentState.ALLOCATED, PaymentState.SUSPENSE, PaymentState.DECLINED},
            PaymentState.SUSPENSE: {PaymentState.ALLOCATED, PaymentState.REFUND_PENDING},
            PaymentState.ALLOCATED: {PaymentState.REVERSED},
            PaymentState.REFUND_PENDING: {PaymentState.REFUNDED},
            PaymentState.REFUNDED: set(),
            PaymentState.REVERSED: set(),
        },
    ),
)
