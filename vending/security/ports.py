"""What a security module must be able to do. Shaped so that a certified module fits behind it (pure; no Django).

A module is asked outside of any transaction. The caller has stored the TID and the random field before it asks, so the
same request gives the same digits; `request_id` is the name by which a module that keeps its own TIDs can be asked
again.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from vending.kernel.errors import DomainError
from vending.keys.errors import VendingKeyMissing
from vending.sts.errors import VendingKeyExpired

__all__ = [
    "CreditRequest",
    "DecodedToken",
    "MeterKeyFacts",
    "OpenVendingKey",
    "SecurityModule",
    "SecurityModuleUnavailable",
    "VendingKeyExpired",
    "VendingKeyMissing",
    "VendingKeyOpener",
    "VerifyRequest",
]


class SecurityModuleUnavailable(DomainError):
    """The module cannot work now: not reachable, busy, or its self-test failed."""

    code = "security_module_unavailable"
    retryable = True


@dataclass(frozen=True)
class MeterKeyFacts:
    """What, with the vending key, decides a meter's decoder key. `meter_pan`: 18 digits, `ti`: 0-99, `ea`: 7 or 11."""

    meter_pan: str
    ea: int
    sgc: str
    krn: int
    kt: int
    ti: int


@dataclass(frozen=True)
class CreditRequest:
    """One class 0 token: `tid` minutes since the vending key's base date, `rnd` 0-15, `amount_field` 16 bits coded."""

    request_id: str
    meter: MeterKeyFacts
    subclass: int
    tid: int
    rnd: int
    amount_field: int


@dataclass(frozen=True)
class VerifyRequest:
    meter: MeterKeyFacts
    digits: str


@dataclass(frozen=True)
class DecodedToken:
    """What a meter with these facts would read in the digits."""

    token_class: int
    subclass: int
    tid: int
    rnd: int
    amount_field: int


class OpenVendingKey(Protocol):
    """A vending key in clear, for the length of one call. Whoever holds it keeps `secret` out of every text."""

    @property
    def secret(self) -> bytes: ...

    @property
    def base_date(self) -> str:
        """ "93", "14" or "35"."""
        ...

    @property
    def dkga(self) -> int: ...

    @property
    def ken(self) -> int: ...


class VendingKeyOpener(Protocol):
    """Opens the usable vending key of a supply group; `VendingKeyMissing` when there is none."""

    def __call__(self, *, sgc: str, krn: int, kt: int) -> AbstractContextManager[OpenVendingKey]: ...


class SecurityModule(Protocol):
    """Batches of 1 to N in, one answer each out, in order: a value, or the `DomainError` that refuses that one item."""

    name: str

    def credit(self, requests: Sequence[CreditRequest]) -> list[str | DomainError]:
        """The 20 digits of each. Raises `SecurityModuleUnavailable` if the module can do nothing at all."""
        ...

    def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
        """Each token as its meter would decode it; a CRC that does not fit is an error of that item."""
        ...

    def health(self) -> None:
        """Raise `SecurityModuleUnavailable` unless the known answers come out right."""
        ...
