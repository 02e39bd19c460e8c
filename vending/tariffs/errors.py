"""What can go wrong with prices."""

from vending.kernel.errors import DomainError

_NAME_LENGTH = 40


class TariffMissing(DomainError):
    """A site has no tariff in force, so nothing can be priced there."""

    code = "tariff_missing"
    retryable = True


class TariffInvalid(DomainError):
    """A tariff version that cannot be: `field` names what is wrong with it, and the message begins with it."""

    code = "tariff_invalid"

    def __init__(self, message: str, *, field: str = "") -> None:
        # A field that nobody knows may be called anything.
        name = field if field.isidentifier() else ascii(field)
        super().__init__(f"{name[:_NAME_LENGTH]}: {message}" if field else message, field=field)


class TariffStartTaken(DomainError):
    """The site and customer class have another version from the same moment; a published version never changes."""

    code = "tariff_start_taken"
