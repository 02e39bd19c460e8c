"""Why nothing can be sold for a meter, before any money has moved."""

from vending.kernel.errors import DomainError


class MeterBlocked(DomainError):
    """The meter is not active: in stock, blocked with a reason, or retired. Money that still comes is kept for it."""

    code = "meter_blocked"
