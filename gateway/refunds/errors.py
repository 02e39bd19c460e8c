"""What can be refused when money is to go back."""

from vending.kernel.errors import DomainError


class RefundMissing(DomainError):
    """There is no such refund."""

    code = "refund_missing"


class PaymentNotRefundable(DomainError):
    """The payment's money is not ours to give back whole: it became a token, belongs to a sale, or went back before."""

    code = "payment_not_refundable"


class PaymentInDoubt(DomainError):
    """The payment is frozen, has to be verified, or its provider took it back: nothing is paid out for it."""

    code = "payment_in_doubt"


class RefundOverPayment(DomainError):
    """More than the payment was, less what goes back of it already; or nothing at all."""

    code = "refund_over_payment"


class WalletHoldsLess(DomainError):
    """The meter's wallet does not hold this much."""

    code = "wallet_holds_less"


class RefundNotByHand(DomainError):
    """Only a refund that waits to be paid out by hand takes a receipt, or is asked for again."""

    code = "refund_not_by_hand"


class RefundInPart(DomainError):
    """A provider gives back whole payments only: a part is paid out by hand."""

    code = "refund_in_part"


class RefundReceiptInvalid(DomainError):
    """A provider's receipt has 6 to 32 letters and digits."""

    code = "refund_receipt_invalid"


class RefundReceiptTaken(DomainError):
    """This receipt names other money already: another refund, or a payment."""

    code = "refund_receipt_taken"
