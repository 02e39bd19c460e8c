"""What comes in over a hook and what goes back: plain values, so that adapters need no framework."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vending.kernel.errors import DomainError

MAX_BODY_OCTETS = 64 * 1024


class UnreadableCallback(DomainError):
    """The body is not what this door's vendor sends. It is journalled and answered with 400."""

    code = "callback_unreadable"


@dataclass(frozen=True)
class InboundRequest:
    """One request at a hook, before anything in it is believed.

    `body` is the raw body; `query` holds the query string's last value for each name (Kannel reports by GET).
    """

    method: str
    content_type: str
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reply:
    """What the vendor is answered, byte for byte."""

    body: str
    status: int = 200
    content_type: str = "application/json"
