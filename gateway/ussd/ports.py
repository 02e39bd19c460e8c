"""What a USSD provider must be able to do, and the values that cross the border. Pure; no vendor words."""

from dataclasses import dataclass
from typing import Protocol

from gateway.http.inbound import InboundRequest, Reply


@dataclass(frozen=True)
class Hop:
    """One request of a USSD session. `text` is everything typed in the session so far, as the vendor joins it."""

    session_id: str
    phone_e164: str
    service_code: str
    network_code: str
    text: str


@dataclass(frozen=True)
class Screen:
    """One answer: `text` without any prefix; `is_end` closes the session."""

    text: str
    is_end: bool


@dataclass(frozen=True)
class SessionEnded:
    """The vendor's word that a session is over."""

    session_id: str
    is_complete: bool


class UssdProvider(Protocol):
    name: str

    def parse_hop(self, request: InboundRequest) -> Hop:
        """Raises `UnreadableCallback` for anything that is not this vendor's session request."""
        ...

    def parse_event(self, request: InboundRequest) -> SessionEnded:
        """Raises `UnreadableCallback` for anything that is not this vendor's end-of-session notice."""
        ...

    def answer(self, screen: Screen) -> Reply:
        """The screen in the vendor's wire form."""
        ...
