"""The token identifier: 24 bits of whole minutes since a base date, in UTC (IEC 62055-41, TID).

Pure arithmetic. Which TID a meter had last, and under which base date, is kept by the caller, under the meter's lock.
"""

from datetime import UTC, datetime, timedelta

from vending.sts.base_dates import BaseDate
from vending.sts.errors import MomentOutOfRange, TidExhausted, VendingKeyExpired

GREATEST_TID = (1 << 24) - 1

_MINUTES_OF_A_DAY = 24 * 60
_RESERVED_MINUTE = 1  # 00:01 is the SpecialReservedTokenIdentifier; an ordinary token takes 00:02 (STS 531-1, CTSA09)


def tid_at(moment: datetime, base: BaseDate) -> int:
    """The TID of an aware `moment`: whole minutes since `base`, 00:01 of each day moved to 00:02.

    `MomentOutOfRange` for a moment without a zone or before the base date, `TidExhausted` for one beyond 24 bits.
    """
    if moment.tzinfo is None:
        raise MomentOutOfRange("a TID needs a moment with its time zone", field="moment")
    minutes = (moment.astimezone(UTC) - base.starts_at) // timedelta(minutes=1)
    if minutes < 0:
        raise MomentOutOfRange(f"the moment is before base date {base}", field="moment")
    return _ordinary(minutes)


def next_tid(clock_tid: int, last_tid: int | None) -> int:
    """The TID for a meter's next token: the clock's, or one more than its last under this base date if that is greater.

    So several tokens in one minute take the minutes after it, 00:01 skipped, and the clock takes over again once it
    has passed them; TIDs never fall. `last_tid` is None for a meter without a token. `TidExhausted` when none is left.
    """
    return _ordinary(clock_tid if last_tid is None else max(clock_tid, last_tid + 1))


def _ordinary(tid: int) -> int:
    if tid % _MINUTES_OF_A_DAY == _RESERVED_MINUTE:
        tid += 1
    if tid > GREATEST_TID:
        raise TidExhausted("no TID is left under this base date", field="tid")
    return tid


def check_key_not_expired(tid: int, ken: int) -> None:
    """Refuse a TID that a vending key with this KEN may no longer make (`VendingKeyExpired`).

    KEN is compared with the top 8 bits of the TID, steps of 65,536 minutes, so a TID equal to KEN there still passes.
    """
    if tid >> 16 > ken:
        raise VendingKeyExpired("the TID is beyond the KEN of the vending key", field="ken")
