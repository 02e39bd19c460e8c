"""Why nothing can be sold for a meter, before any money has moved, and why a paid sale waits for a person."""

from vending.kernel.errors import DomainError


class MeterBlocked(DomainError):
    """The meter is not active: in stock, blocked with a reason, or retired. Money that still comes is kept for it."""

    code = "meter_blocked"


class WalletTooSmall(DomainError):
    """Money is to leave a wallet that does not hold it (any more). Nothing was booked."""

    code = "wallet_too_small"


class PaymentFrozen(DomainError):
    """The payment behind a sale is in doubt: the sale waits until a person releases or cancels it."""

    code = "payment_frozen"


class SaleGivenUp(DomainError):
    """A sale was taken up so often without an end that trying it again is dangerous: a person decides."""

    code = "sale_given_up"


class SaleNeedsDecision(DomainError):
    """A sale has a code that is not what was sold. It is never sent: a person cancels the sale."""

    code = "sale_needs_decision"


class VendNotCancellable(DomainError):
    """Only a sale that is HELD can be cancelled: any other has its code, is getting it, or is cancelled already."""

    code = "vend_not_cancellable"
