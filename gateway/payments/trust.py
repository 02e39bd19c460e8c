"""How far a claim of a provider is believed, by where it came from and how much it is about. Pure.

A hook's secret and our own short code are checked before. Confirmations and results of prompts carry no signature, so
what is left is the address that posted them, and asking the provider itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from gateway.payments.errors import PaymentSourceInvalid
from gateway.payments.ports import Authenticity, Door, Outcome, PaymentClaim

Source = IPv4Network | IPv6Network
_UNSIGNED = frozenset({Door.CONFIRMATION, Door.STK, Door.PULL})


class SourceMode(StrEnum):
    """What is done with a claim from an address that is not in the list; the values of `PAYMENT_SOURCE_MODE`."""

    LOG = "log"
    ENFORCE = "enforce"


@dataclass(frozen=True)
class Trust:
    """Kept with a payment: how far it is believed, and whether the provider is asked before it buys anything."""

    authenticity: Authenticity
    must_verify: bool


BY_SECRET = Trust(Authenticity.SECRET, must_verify=False)
# The provider's own list, fetched by us or uploaded by staff.
BY_LIST = Trust(Authenticity.LISTED, must_verify=False)


@dataclass(frozen=True)
class Policy:
    """The operator's choice. `verify_above_minor` is 0 for never."""

    sources: tuple[Source, ...]
    mode: SourceMode
    verify_above_minor: int


def parse_sources(texts: Iterable[str]) -> tuple[Source, ...]:
    """Addresses and CIDR blocks. Raises `PaymentSourceInvalid` for anything else, host bits below a mask included."""
    try:
        return tuple(ip_network(text.strip()) for text in texts if text.strip())
    except ValueError:
        raise PaymentSourceInvalid("PAYMENT_SOURCES: not an address or a CIDR block", field="sources") from None


def is_listed(source_ip: str, sources: Sequence[Source]) -> bool:
    """Whether an address is in one of these blocks. An empty or unreadable one is in none."""
    try:
        address = ip_address(source_ip)
    except ValueError:
        return False
    return any(address in block for block in sources)


def judge(
    claim: PaymentClaim, source_ip: str, sources: Sequence[Source], mode: SourceMode, verify_above_minor: int
) -> Trust:
    """How far this claim is believed. Only a door that carries no signature is judged; any other word is BY_SECRET.

    In ENFORCE mode an address outside of the list (an empty list holds none) makes the payment one that must be
    verified; so does, in any mode, an amount above `verify_above_minor` unless that is 0.
    """
    if claim.door not in _UNSIGNED:
        return BY_SECRET
    is_known = is_listed(source_ip, sources)
    is_large = claim.outcome is Outcome.PAID and 0 < verify_above_minor < claim.amount_minor
    is_foreign = mode is SourceMode.ENFORCE and not is_known
    return Trust(Authenticity.SOURCE if is_known else Authenticity.SECRET, must_verify=is_large or is_foreign)
