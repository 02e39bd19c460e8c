"""What a security module may answer instead of a token, beside the refusals of the standard and of the vending key.

An adapter turns what its module says into one of these errors, of `vending.sts.errors` or of `vending.keys.errors`. The
statuses of STS600-8-6 (two digits) and the codes of Prism's TokenApi, as far as they are known:

    03, EVerify.Crc                   TokenCrcWrong
    05, 80, EVerify.DdtkCredit        KeyTypeNotAllowed
    28, EKeystore.NotFound            VendingKeyMissing
    29, 85                            KeyChangeNotAllowed
    31, no transaction licence        SecurityModuleLimitReached
    40, 94                            KeyAttributeInvalid
    41, EVerify.KeyExpired            VendingKeyExpired
    42, ESts.VkExpired                VendingKeyIssueEnded
    43, ESts.VkBeforeBdt              VendingKeyNotActive
    44                                TidOutsideWindow
    48                                UnsupportedToken
    63, EParamRange                   FieldOutOfRange
    76, ESts.DrnOrPan(.CheckDigit)    MeterNumberInvalid, CheckDigitWrong
    all else, known or not            SecurityModuleUnavailable: tampered, not signed in, framing, internal, ...
"""

from vending.kernel.errors import DomainError


class SecurityModuleUnavailable(DomainError):
    """The module cannot work now: not reachable, busy, its self-test failed, or its answer is no answer."""

    code = "security_module_unavailable"
    retryable = True


class SecurityModuleLimitReached(DomainError):
    """The module makes no more tokens until its licence or its credit limit is topped up."""

    code = "security_module_limit_reached"
    retryable = True


class TidOutsideWindow(DomainError):
    """The TID is too far from the module's own clock."""

    code = "tid_outside_window"
    retryable = True


class KeyChangeNeeded(DomainError):
    """The module makes no credit for this meter before a key change. A sale never makes one along with its token."""

    code = "key_change_needed"


class KeyChangeNotAllowed(DomainError):
    """A key change that the module does not make; `field` says what stands in its way."""

    code = "key_change_not_allowed"
