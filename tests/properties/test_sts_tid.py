"""TIDs of one meter: always distinct, never falling, never the reserved minute."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from vending.sts.base_dates import BaseDate
from vending.sts.tid import GREATEST_TID, next_tid, tid_at

bases = st.sampled_from(BaseDate)
minutes = st.integers(0, GREATEST_TID - 1)


@given(bases, minutes, st.integers(0, 59))
@settings(max_examples=200, deadline=None)
def test_tid_at_is_the_minute_since_the_base_date(base: BaseDate, minute: int, second: int) -> None:
    tid = tid_at(base.starts_at + timedelta(minutes=minute, seconds=second), base)

    assert tid == (minute + 1 if minute % 1440 == 1 else minute)


@given(bases, minutes, minutes)
@settings(max_examples=100, deadline=None)
def test_tid_at_never_falls_while_time_passes(base: BaseDate, one: int, other: int) -> None:
    earlier, later = sorted((one, other))

    assert tid_at(base.starts_at + timedelta(minutes=earlier), base) <= tid_at(
        base.starts_at + timedelta(minutes=later), base
    )


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=60), st.integers(-3, 3))
@settings(max_examples=100, deadline=None)
def test_next_tid_of_any_run_of_sales_rises_strictly(steps: list[int], minutes_from_midnight: int) -> None:
    """The clock wanders, backwards too, around midnight where the reserved minute is."""
    now = datetime(2026, 7, 11, tzinfo=UTC) + timedelta(minutes=minutes_from_midnight)
    tids: list[int] = []
    for step in steps:
        now += timedelta(minutes=step)
        clock_tid = tid_at(now, BaseDate.Y2014)
        tids.append(next_tid(clock_tid, tids[-1] if tids else None))
        assert tids[-1] >= clock_tid
        assert tids[-1] % 1440 != 1

    assert all(before < after for before, after in pairwise(tids))
