"""Why a paid sale has no token yet. Each is a reason that staff can look up, and a customer is told in plain words."""

from vending.kernel.errors import DomainError


class VerifyFailed(DomainError):
    """The stored digits, decoded under the meter's key, are not what was sold. Nothing is sent; a person must look."""

    code = "verify_failed"
