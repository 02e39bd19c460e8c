"""Token identifiers and base dates."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from vending.sts.base_dates import BaseDate
from vending.sts.errors import KeyAttributeInvalid, MomentOutOfRange, TidExhausted, VendingKeyExpired
from vending.sts.tid import GREATEST_TID, check_key_not_expired, next_tid, tid_at

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
