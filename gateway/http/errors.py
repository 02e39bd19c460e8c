"""What can go wrong on the wire, whoever is at the other end."""

from vending.kernel.errors import DomainError


class UnknownProvider(DomainError):
    """No adapter has this name. A hook answers it with 404."""

    code = "provider_unknown"


class PhoneInvalid(DomainError):
    """The text is no phone number that could be called or written to."""

    code = "phone_invalid"


class OutboundFailure(DomainError):
    """A request that we sent out got no answer. `reason` is one word for the operator; the message holds no address."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NotSent(OutboundFailure):
    """Not one octet of the request reached the vendor: to ask again is safe."""

    code = "outbound_not_sent"
    retryable = True


class MaybeSent(OutboundFailure):
    """The vendor may have read the request and acted on it: to ask again may do it twice."""

    code = "outbound_maybe_sent"
