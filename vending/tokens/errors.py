"""Why a token that was asked for cannot be used. Each is a reason that staff can look up."""

from vending.kernel.errors import DomainError


class VerifyFailed(DomainError):
    """The stored digits, decoded under the meter's key, are not what was sold. Nothing is sent; a person must look."""

    code = "verify_failed"


class TidRefused(DomainError):
    """The TID that a security module took for a token is none, or another token of the meter has it."""

    code = "tid_refused"
