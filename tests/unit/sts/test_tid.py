"""Token identifiers and base dates."""

from datetime import UTC, datetime, timedelta, timezone, tzinfo

import pytest

from vending.sts.base_dates import BaseDate
from vending.sts.errors import (
    FieldOutOfRange,
    KeyAttributeInvalid,
    MomentOutOfRange,
    TidExhausted,
    TidTooFarAhead,
    VendingKeyExpired,
)
from vending.sts.tid import (
    GREATEST_TID,
    check_key_not_expired,
    check_within_look_ahead,
    moment_of,
    next_tid,
    tid_at,
)

MIDNIGHT = datetime(2026, 7, 11, tzinfo=UTC)
MIDNIGHT_TID = 6_586_560


@pytest.mark.parametrize(
    ("code", "year"),
    [("93", 1993), ("14", 2014), ("35", 2035)],
)
def test_base_date_starts_its_year_in_utc(code: str, year: int) -> None:
    assert BaseDate.of(code).starts_at == datetime(year, 1, 1, tzinfo=UTC)
    assert tid_at(datetime(year, 1, 1, tzinfo=UTC), BaseDate.of(code)) == 0


@pytest.mark.parametrize("code", ["", "2014", "15", "093"])
def test_base_date_of_another_code_is_refused(code: str) -> None:
    with pytest.raises(KeyAttributeInvalid) as refusal:
        BaseDate.of(code)

    assert (refusal.value.code, refusal.value.field) == ("key_attribute_invalid", "base_date")


@pytest.mark.parametrize(
    ("base", "last_minute"),
    [
        (BaseDate.Y1993, datetime(2024, 11, 24, 20, 15, tzinfo=UTC)),
        (BaseDate.Y2014, datetime(2045, 11, 24, 20, 15, tzinfo=UTC)),
        (BaseDate.Y2035, datetime(2066, 11, 24, 20, 15, tzinfo=UTC)),
    ],
)
def test_tid_at_last_minute_is_greatest_and_then_exhausted(base: BaseDate, last_minute: datetime) -> None:
    assert tid_at(last_minute + timedelta(seconds=59), base) == GREATEST_TID == 16_777_215
    with pytest.raises(TidExhausted) as refusal:
        tid_at(last_minute + timedelta(minutes=1), base)
    assert refusal.value.code == "tid_exhausted"


@pytest.mark.parametrize(
    ("seconds", "tid"),
    [(0, 0), (59, 0), (60, 2), (119, 2), (120, 2), (179, 2), (180, 3)],
)
def test_tid_at_reserved_minute_is_the_next(seconds: int, tid: int) -> None:
    assert tid_at(MIDNIGHT + timedelta(seconds=seconds), BaseDate.Y2014) == MIDNIGHT_TID + tid


def test_tid_at_another_time_zone_counts_utc() -> None:
    nairobi = timezone(timedelta(hours=3))

    assert tid_at(datetime(2026, 7, 11, 3, 0, tzinfo=nairobi), BaseDate.Y2014) == MIDNIGHT_TID


def test_tid_at_moment_without_zone_is_refused() -> None:
    with pytest.raises(MomentOutOfRange, match="time zone"):
        tid_at(datetime(2026, 7, 11), BaseDate.Y2014)  # noqa: DTZ001


def test_tid_at_moment_before_base_date_is_refused() -> None:
    with pytest.raises(MomentOutOfRange, match="before base date 35") as refusal:
        tid_at(datetime(2034, 12, 31, 23, 59, 59, tzinfo=UTC), BaseDate.Y2035)

    assert (refusal.value.code, refusal.value.field) == ("moment_out_of_range", "moment")


@pytest.mark.parametrize(
    ("clock_tid", "last_tid", "expected"),
    [
        (500, None, 500),
        (500, 499, 500),
        (500, 500, 501),
        (500, 700, 701),
        (1440, 1440, 1442),  # 00:01 skipped
        (1441, None, 1442),
        (1500, 1440, 1500),
        (0, 0, 2),
    ],
)
def test_next_tid_is_the_greater_of_clock_and_last_plus_one(
    clock_tid: int, last_tid: int | None, expected: int
) -> None:
    assert next_tid(clock_tid, last_tid) == expected


def test_next_tid_beyond_24_bits_is_exhausted() -> None:
    assert next_tid(0, GREATEST_TID - 1) == GREATEST_TID
    with pytest.raises(TidExhausted) as refusal:
        next_tid(0, GREATEST_TID)
    assert (refusal.value.code, refusal.value.field) == ("tid_exhausted", "tid")


@pytest.mark.parametrize(("tid", "ken"), [(0, 0), (0xFFFF, 0), (0x55_FFFF, 85), (GREATEST_TID, 255), (16_711_425, 255)])
def test_key_within_its_ken_is_not_expired(tid: int, ken: int) -> None:
    check_key_not_expired(tid, ken)


@pytest.mark.parametrize(("tid", "ken"), [(0x1_0000, 0), (0x56_0000, 85), (GREATEST_TID, 254)])
def test_key_beyond_its_ken_is_expired(tid: int, ken: int) -> None:
    with pytest.raises(VendingKeyExpired) as refusal:
        check_key_not_expired(tid, ken)

    assert (refusal.value.code, refusal.value.field) == ("key_expired", "ken")


class NoOffset(tzinfo):
    """A zone that does not say how far from UTC it is."""

    def utcoffset(self, _moment: datetime | None) -> None:
        return None

    dst = tzname = utcoffset


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2026, 7, 11, tzinfo=NoOffset()),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
        MIDNIGHT.date(),
        "2026-07-11T00:00:00Z",
        1_783_728_000,
        None,
    ],
)
def test_tid_at_what_is_no_moment_of_utc_is_refused(moment: datetime) -> None:
    with pytest.raises(MomentOutOfRange) as refusal:
        tid_at(moment, BaseDate.Y2014)

    assert (refusal.value.code, refusal.value.field) == ("moment_out_of_range", "moment")


@pytest.mark.parametrize(
    ("tid", "base", "moment"),
    [
        (0, BaseDate.Y1993, datetime(1993, 1, 1, tzinfo=UTC)),
        (1, BaseDate.Y2014, datetime(2014, 1, 1, 0, 1, tzinfo=UTC)),
        (MIDNIGHT_TID, BaseDate.Y2014, MIDNIGHT),
        (85_740, BaseDate.Y2014, datetime(2014, 3, 1, 13, 0, tzinfo=UTC)),
        (GREATEST_TID, BaseDate.Y2035, datetime(2066, 11, 24, 20, 15, tzinfo=UTC)),
    ],
)
def test_moment_of_a_tid_is_its_minute_in_utc(tid: int, base: BaseDate, moment: datetime) -> None:
    assert moment_of(tid, base) == moment
    assert moment_of(tid, base).tzinfo is UTC


@pytest.mark.parametrize("tid", [-1, GREATEST_TID + 1])
def test_moment_of_more_than_24_bits_is_refused(tid: int) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        moment_of(tid, BaseDate.Y2014)

    assert (refusal.value.code, refusal.value.field) == ("field_out_of_range", "tid")


@pytest.mark.parametrize(("ahead", "limit"), [(-5_000, 30), (0, 0), (0, 30), (30, 30), (600, 600)])
def test_tid_within_the_look_ahead_passes(ahead: int, limit: int) -> None:
    check_within_look_ahead(MIDNIGHT_TID + ahead, MIDNIGHT_TID, limit)


@pytest.mark.parametrize(("ahead", "limit"), [(1, 0), (31, 30), (601, 600)])
def test_tid_beyond_the_look_ahead_is_refused_for_now(ahead: int, limit: int) -> None:
    with pytest.raises(TidTooFarAhead, match=f"more than {limit} minutes ahead") as refusal:
        check_within_look_ahead(MIDNIGHT_TID + ahead, MIDNIGHT_TID, limit)

    assert (refusal.value.code, refusal.value.field, refusal.value.retryable) == ("look_ahead_limit", "tid", True)


@pytest.mark.parametrize(
    ("clock_tid", "last_tid", "field"),
    [(-1, None, "clock_tid"), (GREATEST_TID + 1, None, "clock_tid"), (0, -1, "last_tid"), (0, 1 << 24, "last_tid")],
)
def test_next_tid_after_what_is_no_tid_is_refused(clock_tid: int, last_tid: int | None, field: str) -> None:
    with pytest.raises(FieldOutOfRange) as refusal:
        next_tid(clock_tid, last_tid)

    assert refusal.value.field == field


@pytest.mark.parametrize("ken", [-1, 256, True, None])
def test_ken_that_is_none_is_refused(ken: int) -> None:
    with pytest.raises(KeyAttributeInvalid) as refusal:
        check_key_not_expired(0, ken)

    assert (refusal.value.code, refusal.value.field) == ("key_attribute_invalid", "ken")
