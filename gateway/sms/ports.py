"""What an SMS provider must be able to do, and the values that cross the border. Pure; no vendor words."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from gateway.http.inbound import InboundRequest


class SendOutcome(StrEnum):
    """What became of one request to send.

    ACCEPTED has a provider's id; TRANSIENT may be tried again; PERMANENT never on this number or route; STOPPED is an
    account or configuration fault that concerns every message (tried again later, alerted); AMBIGUOUS may have been
    sent.
    """

    ACCEPTED = "accepted"
    TRANSIENT = "transient"
    PERMANENT = "permanent"
    STOPPED = "stopped"
    AMBIGUOUS = "ambiguous"


class ReportStatus(StrEnum):
    """What a delivery report says, in rising rank. UNKNOWN is kept and alerted, and never final."""

    UNKNOWN = "unknown"
    SENT = "sent"
    SUBMITTED = "submitted"
    BUFFERED = "buffered"
    FAILED = "failed"
    DELIVERED = "delivered"


REPORT_RANK = {status: rank for rank, status in enumerate(ReportStatus)}


@dataclass(frozen=True)
class SendRequest:
    """One text to one phone: `to_e164` with its plus, `text` inside one segment."""

    to_e164: str
    text: str


@dataclass(frozen=True)
class SendResult:
    """`code` is the vendor's own, for the operator; `cost` is as the vendor prints it ("KES 0.8000")."""

    outcome: SendOutcome
    provider_message_id: str = ""
    code: str = ""
    cost: str = ""


@dataclass(frozen=True)
class DeliveryReport:
    provider_message_id: str
    status: ReportStatus
    phone_e164: str = ""
    failure_reason: str = ""
    raw_status: str = ""


@dataclass(frozen=True)
class InboundSms:
    """A text that a customer sent us. `provider_id` is the vendor's id of it, by which repeats are known."""

    provider_id: str
    from_e164: str
    to: str
    text: str


class SmsProvider(Protocol):
    name: str

    def send(self, request: SendRequest) -> SendResult:
        """Hand one text over, within a deadline. Never raises: what went wrong is in the outcome."""
        ...

    def parse_report(self, request: InboundRequest) -> DeliveryReport:
        """Raises `UnreadableCallback` for anything that is not this vendor's report."""
        ...

    def parse_inbound(self, request: InboundRequest) -> InboundSms:
        """Raises `UnreadableCallback` for anything that is not this vendor's inbound text."""
        ...
