"""What can go wrong with prices."""

from vending.kernel.errors import DomainError


class TariffMissing(DomainError):
    """A site has no tariff in force, so nothing can be priced there."""

    code = "tariff_missing"
    retryable = True
