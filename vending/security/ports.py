"""What a security module must be able to do, and the values that cross the border. Pure; no Django.

A module is asked outside of any transaction. Whoever asks has stored the TID, the random field and the facts that the
`request_id` is made of before it asks, so a lost answer is fetched by `replay`, or made again with the same TID.

Shaped for two families of certified modules besides the software one. Prism's TokenApi keeps its own TIDs, draws its
own RND, answers with the check value of the key it used, and remembers its last answers by a message id. A module that
speaks STS600-8-6 takes TID and coded amount from us, draws its own RND, and remembers nothing: its adapter keeps a
journal. Which TCT is asked for, sessions, time limits and the vendor's words are the adapter's. What every module must
keep stands in `tests/contracts/test_security_module.py`.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from vending.kernel.errors import DomainError
from vending.keys.attributes import KeyDescription
from vending.keys.errors import VendingKeyMissing
from vending.security.errors import (
    KeyChangeNeeded,
    KeyChangeNotAllowed,
    SecurityModuleLimitReached,
    SecurityModuleUnavailable,
    TidOutsideWindow,
)
from vending.sts.errors import VendingKeyExpired
from vending.sts.tokens import AnyToken

__all__ = [
    "CreditRequest",
    "DecodedToken",
    "KeyChangeNeeded",
    "KeyChangeNotAllowed",
    "KeyChangeRequest",
    "KeyDescription",
    "KeyTarget",
    "Made",
    "ManagementRequest",
    "MeterKeyFacts",
    "MeterTestRequest",
    "OpenVendingKey",
    "SecurityModule",
    "SecurityModuleLimitReached",
    "SecurityModuleUnavailable",
    "TidOutsideWindow",
    "VendingKeyExpired",
    "VendingKeyMissing",
    "VendingKeyOpener",
    "VerifyRequest",
]

DecodedToken = AnyToken


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
    """One class 0 token. `tid`: minutes since the vending key's base date.

    Subclass 0 to 3 are units: `rnd` 0-15, `amount_field` 16 bits as coded. Subclass 4 to 7 are currency: `amount_field`
    20 bits, `rnd` 0, because the sign and the exponent take its place.
    """

    request_id: str
    meter: MeterKeyFacts
    subclass: int
    tid: int
    rnd: int
    amount_field: int


@dataclass(frozen=True)
class ManagementRequest:
    """One class 2 token that is no key change (subclass 0, 1, 2, 5, 6, 7, 10); `field`: its 16 bits."""

    request_id: str
    meter: MeterKeyFacts
    subclass: int
    tid: int
    rnd: int
    field: int


@dataclass(frozen=True)
class KeyTarget:
    """The vending key and the TI that a meter is to have."""

    sgc: str
    krn: int
    kt: int
    ti: int


@dataclass(frozen=True)
class KeyChangeRequest:
    """One key-change set, made under the key that `meter` has. KEN, base date and rollover come from the vending keys.

    `three_token` is for EA 07 meters that learn their SGC; without it EA 07 takes two tokens, and EA 11 always four.
    """

    request_id: str
    meter: MeterKeyFacts
    to: KeyTarget
    three_token: bool = False


@dataclass(frozen=True)
class MeterTestRequest:
    """One class 1 token, for any meter of a maker (`mfr`) or of all (0)."""

    request_id: str
    subclass: int
    control: int
    mfr: int


@dataclass(frozen=True)
class VerifyRequest:
    meter: MeterKeyFacts
    digits: str = field(repr=False)


@dataclass(frozen=True)
class Made:
    """What a module made: 20 digits each, in the order in which they must be entered; one, but for a key-change set.

    `tid` is the TID that a module with `keeps_own_tids` took; None is the one asked for. `check_value` is that of the
    vending key that the meter will have the token under, the new one for a key change; "" if the module does not say.
    `is_rollover`: the set has RO = 1, and the meter forgets its TIDs.
    """

    digits: tuple[str, ...] = field(repr=False)
    tid: int | None = None
    is_rollover: bool = False
    check_value: str = ""


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

    @property
    def check_value(self) -> str: ...

    @property
    def active_from_at(self) -> datetime | None: ...

    @property
    def issue_until_at(self) -> datetime | None: ...


class VendingKeyOpener(Protocol):
    """Opens the usable vending key of a supply group; `VendingKeyMissing` when there is none."""

    def __call__(self, *, sgc: str, krn: int, kt: int) -> AbstractContextManager[OpenVendingKey]: ...


class SecurityModule(Protocol):
    """Batches of 1 to N in, one answer each out, in order: a value, or the `DomainError` that refuses that one item.

    Any method raises `SecurityModuleUnavailable` if the module can do nothing at all. A `request_id` is unique for what
    is asked: a letter or digit, then up to 39 of letters, digits, `_`, `-`, `.` and `,` (what Prism takes).
    """

    @property
    def name(self) -> str: ...

    @property
    def keeps_own_tids(self) -> bool:
        """Whether `tid` is only a wish: the module decides, and says in `Made.tid` which it took."""
        ...

    @property
    def unread_fields(self) -> frozenset[str]:
        """The fields of a token that `verify` does not tell, so that nobody can compare them.

        "rnd" for Prism and STS6, which draw their own; also "subclass", "tid" and "amount_field" for one that answers
        by its status alone.
        """
        ...

    def credit(self, requests: Sequence[CreditRequest]) -> list[Made | DomainError]:
        """One token each. A module that would add a key-change set answers `KeyChangeNeeded` instead."""
        ...

    def management(self, requests: Sequence[ManagementRequest]) -> list[Made | DomainError]:
        """One token each."""
        ...

    def key_change(self, requests: Sequence[KeyChangeRequest]) -> list[Made | DomainError]:
        """A set of two, three or four tokens each."""
        ...

    def test_display(self, requests: Sequence[MeterTestRequest]) -> list[Made | DomainError]:
        """One token each; needs no vending key."""
        ...

    def verify(self, requests: Sequence[VerifyRequest]) -> list[DecodedToken | DomainError]:
        """Each token as its meter would decode it; a CRC that does not fit is an error of that item.

        `key_part` of a key-change section reads 0: it is a piece of a decoder key, and stays inside.
        """
        ...

    def describe_keys(self) -> Sequence[KeyDescription]:
        """The vending keys that the module holds."""
        ...

    def health(self) -> None:
        """Raise `SecurityModuleUnavailable` unless the module can work and its known answers come out right."""
        ...

    def replay(self, request_ids: Sequence[str]) -> list[Made | None]:
        """What was made for each of these requests; None if it is not, or no longer, known. Makes nothing."""
        ...
