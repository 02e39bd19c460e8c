"""What can go wrong with a meter."""

from vending.kernel.errors import DomainError


class MeterNotActive(DomainError):
    """The meter is blocked, not yet active, or retired: nothing is sold for it."""

    code = "meter_not_active"
