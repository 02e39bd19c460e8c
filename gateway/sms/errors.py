"""What can go wrong with a text before it is handed to a provider."""

from vending.kernel.errors import DomainError


class TextUnsafe(DomainError):
    """A text would show something that a customer could take for a second code, or no code where one belongs."""

    code = "text_unsafe"


class TextTooLong(DomainError):
    """A text does not fit its limit although everything that may be left out is left out."""

    code = "text_too_long"


class TextNotGsm7(DomainError):
    """A text holds a character that the GSM 7-bit alphabet does not have, so it has no length in septets."""

    code = "text_not_gsm7"


class TextIncomplete(DomainError):
    """A template asks for a value that it was not given."""

    code = "text_incomplete"
