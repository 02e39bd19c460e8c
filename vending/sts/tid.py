"""The token identifier: 24 bits of whole minutes since a base date, in UTC (IEC 62055-41, TID).

Pure arithmetic. Which TID a meter had last, and under which base date, is kept by the caller, under the meter's lock.
"""

from datetime import UTC, datetime, timedelta

from vending.sts.base_dates import BaseDate
from vending.sts.errors import MomentOutOfRange, TidExhausted, TidTooFarAhead, VendingKeyExpired
from vending.sts.fields import check_bits
from vending.sts.identifiers import KeyExpiryNumber

GREATEST_TID = (1 << 24) - 1

_MINUTE = timedelta(minutes=1)
_MINUTES_OF_A_DAY = 24 * 60
_RESERVED_MINUTE = 1  # 00:01 is the SpecialReservedTokenIdentifier; an ordinary token takes 00:02 (STS 531-1, CTSA09)


def tid_at(moment: datetime, base: BaseDate) -> int:
    """The TID of an aware `moment`: whole minutes since `base`, 00:01 of each day moved to 00:02.

    `MomentOutOfRange` for a moment without a zone or before the base date, `TidExhausted` for one beyond 24 bits.
    """
    minutes = (_in_utc(moment) - BaseDate.of(base).starts_at) // _MINUTE
    if minutes < 0:
        raise MomentOutOfRange(f"the moment is before base date {base}", field="moment")
    return _ordinary(minutes)


def moment_of(tid: int, base: BaseDate) -> datetime:
    """The minute that a TID counts, in UTC: the inverse of `tid_at`. `FieldOutOfRange` for more than 24 bits.

    The reserved 00:01 is a moment like any other here.
    """
    check_bits(tid, 24, "tid")
    return BaseDate.of(base).starts_at + tid * _MINUTE


def next_tid(clock_tid: int, last_tid: int | None) -> int:
    """The TID for a meter's next token: the clock's, or one more than its last under this base date if that is greater.

    So several tokens in one minute take the minutes after it, 00:01 skipped, and the clock takes over again once it
    has passed them; TIDs never fall. `last_tid` is None for a meter without a token. `TidExhausted` when none is left,
    `FieldOutOfRange` for what is no TID.
    """
    check_bits(clock_tid, 24, "clock_tid")
    if last_tid is None:
        return _ordinary(clock_tid)
    check_bits(last_tid, 24, "last_tid")
    return _ordinary(max(clock_tid, last_tid + 1))


def check_within_look_ahead(tid: int, clock_tid: int, limit_minutes: int) -> None:
    """Refuse a TID that is more than `limit_minutes` ahead of the clock's (`TidTooFarAhead`, retryable).

    Many tokens for one meter in a short time run ahead of the clock, and a module or meter may refuse what lies too far
    ahead. Behind the clock nothing is refused.
    """
    check_bits(tid, 24, "tid")
    check_bits(clock_tid, 24, "clock_tid")
    check_bits(limit_minutes, 24, "limit_minutes")
    if tid - clock_tid > limit_minutes:
        raise TidTooFarAhead(f"the TID is more than {limit_minutes} minutes ahead of the clock", field="tid")


def check_key_not_expired(tid: int, ken: int) -> None:
    """Refuse a TID that a vending key with this KEN may no longer make (`VendingKeyExpired`).

    KEN is compared with the top 8 bits of the TID, steps of 65,536 minutes, so a TID equal to KEN there still passes.
    """
    check_bits(tid, 24, "tid")
    if tid >> 16 > KeyExpiryNumber(ken):
        raise VendingKeyExpired("the TID is beyond the KEN of the vending key", field="ken")


def _ordinary(tid: int) -> int:
    if tid % _MINUTES_OF_A_DAY == _RESERVED_MINUTE:
        tid += 1
    if tid > GREATEST_TID:
        raise TidExhausted("no TID is left under this base date", field="tid")
    return tid


def _in_utc(moment: datetime) -> datetime:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise MomentOutOfRange("a TID needs a moment with its time zone", field="moment")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise MomentOutOfRange("the moment is beyond what UTC can name", field="moment") from None
