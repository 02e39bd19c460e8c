"""The one way in which this product says that something cannot be done.

Each slice keeps its own refusals in its `errors.py`; all of them are `DomainError`. The `code` is stable and stands in
`docs/reference/errors.md`; `retryable` tells a caller whether the same request may succeed later without a change.
"""

from typing import ClassVar, TypeVar


class DomainError(Exception):
    """Something was refused. `code` is for programs and the error list, the message is for a person.

    Messages never hold a token, a PIN, a key or a whole phone number.
    """

    code: ClassVar[str] = "domain_error"
    retryable: ClassVar[bool] = False

    def __init__(self, message: str = "", *, field: str = "") -> None:
        super().__init__(message or self.code)
        self.field = field


Refusal = TypeVar("Refusal", bound=DomainError)


def without_frames(refusal: Refusal) -> Refusal:
    """The same without the frames it came through, for where they hold keys or digits as local variables: error pages
    and logs show those.
    """
    refusal.__traceback__ = refusal.__context__ = refusal.__cause__ = None
    return refusal
