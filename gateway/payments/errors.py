"""What can be refused about a payment."""

from vending.kernel.errors import DomainError


class PaymentMissing(DomainError):
    """There is no such payment."""

    code = "payment_missing"


class PaymentNotInSuspense(DomainError):
    """Only money that waits for its meter can be given one."""

    code = "payment_not_in_suspense"


class PaymentCurrencyOther(DomainError):
    """The meter's site sells in another currency than the payment came in."""

    code = "payment_currency_other"


class PaymentMeterMissing(DomainError):
    """There is no such meter to give the payment to."""

    code = "payment_meter_missing"


class PaymentNotDeclinable(DomainError):
    """Only confirmed money that is frozen, or that the provider was not heard about, can be said not to exist."""

    code = "payment_not_declinable"


class PaymentSourceInvalid(DomainError):
    """PAYMENT_SOURCES holds something that is neither an address nor a CIDR block."""

    code = "payment_source_invalid"
