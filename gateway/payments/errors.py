"""What can go wrong with payments."""

from vending.kernel.errors import DomainError


class PaymentNotFound(DomainError):
    """No such payment."""

    code = "payment_not_found"
