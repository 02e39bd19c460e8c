"""What a vending key is for, and what may be told of it: values without an octet of the key (pure; no Django)."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from vending.keys.errors import VendingKeyIssueEnded, VendingKeyNotActive, VendingKeyRefused
from vending.sts.base_dates import BaseDate
from vending.sts.identifiers import KeyExpiryNumber, KeyRevisionNumber, KeyType, SupplyGroupCode

# A TID has 24 bits; the KEN limits the upper 8 of them.
_MINUTES_OF_ONE_KEN = 1 << 16


@dataclass(frozen=True)
class KeyAttributes:
    """What a vending key is for. `base_date` is "93", "14" or "35"; `ken` 255 never expires.

    `active_from_at` is the key's ACT and `issue_until_at` its IUT, both with a time zone; None is no limit.
    """

    sgc: str
    krn: int
    kt: int
    base_date: str
    dkga: int
    ken: int
    active_from_at: datetime | None = None
    issue_until_at: datetime | None = None

    def __str__(self) -> str:
        """What is authenticated with a sealed key. ACT and IUT stand in it when they are set, and only then."""
        parts = [self.sgc, str(self.krn), str(self.kt), self.base_date, str(self.dkga), str(self.ken)]
        parts += [
            f"{name} {moment.astimezone(UTC).isoformat()}"
            for name, moment in (("act", self.active_from_at), ("iut", self.issue_until_at))
            if moment
        ]
        return "|".join(parts)

    @property
    def name(self) -> str:
        return name_of(self.sgc, self.krn, self.kt)


@dataclass(frozen=True, kw_only=True)
class KeyDescription:
    """One vending key as a security module tells of it. `check_value`: hexadecimal digits, no secret.

    `is_verified` is False when no public vector covers the key's DKGA or KT: it sells nothing. `is_published` says that
    the key is printed in test documents, as far as its check value tells. `sealed_by` names the key-encryption key.
    """

    sgc: str
    krn: int
    kt: int
    base_date: str
    dkga: int
    ken: int
    check_value: str
    active_from_at: datetime | None
    issue_until_at: datetime | None
    stopped_at: datetime | None
    stopped_reason: str
    is_verified: bool
    is_published: bool
    sealed_by: str = ""

    @property
    def name(self) -> str:
        return name_of(self.sgc, self.krn, self.kt)

    @property
    def last_tid_at(self) -> datetime:
        """The last minute that KEN and base date allow a token to be made for."""
        return last_tid_at(self.base_date, self.ken)

    @property
    def ends_at(self) -> datetime:
        """After this moment the key makes no token: its IUT, its KEN or its base date, whatever comes first."""
        return min(self.issue_until_at or self.last_tid_at, self.last_tid_at)


def name_of(sgc: str, krn: int, kt: int) -> str:
    """A vending key in words, for messages and pages."""
    return f"SGC {sgc}, KRN {krn}, KT {kt}"


def last_tid_at(base_date: str, ken: int) -> datetime:
    """The moment of the last TID under this base date whose upper 8 bits do not exceed the KEN."""
    return BaseDate.of(base_date).starts_at + timedelta(minutes=(ken + 1) * _MINUTES_OF_ONE_KEN - 1)


def check_within_limits(begin: datetime | None, end: datetime | None, at: datetime, *, name: str) -> None:
    """Refuse a moment before a key's ACT (`VendingKeyNotActive`) or after its IUT (`VendingKeyIssueEnded`). ACT and IUT
    themselves are within; None is no limit.
    """
    if begin and at < begin:
        raise VendingKeyNotActive(f"the vending key of {name} is not active yet", field="active_from_at")
    if end and at > end:
        raise VendingKeyIssueEnded(f"the vending key of {name} issues no more tokens", field="issue_until_at")


def check_attributes(attributes: KeyAttributes) -> None:
    """Each by its own rule of the standard (`KeyAttributeInvalid` names the field); ACT before IUT, with zones."""
    SupplyGroupCode(attributes.sgc)
    KeyRevisionNumber(attributes.krn)
    KeyType.of(attributes.kt)
    BaseDate.of(attributes.base_date)
    KeyExpiryNumber(attributes.ken)
    begin, end = attributes.active_from_at, attributes.issue_until_at
    for name, moment in (("active_from_at", begin), ("issue_until_at", end)):
        if moment is not None:
            _check_moment(name, moment)
    if begin and end and begin >= end:
        raise VendingKeyRefused("ACT is not before IUT", field="issue_until_at")


def _check_moment(name: str, moment: datetime) -> None:
    if moment.utcoffset() is None:
        raise VendingKeyRefused("ACT and IUT are moments with a time zone", field=name)
    try:
        moment.astimezone(UTC)
    except OverflowError:
        raise VendingKeyRefused("ACT and IUT lie within the years 1 to 9999 in UTC", field=name) from None
