"""The days of a clock on a wall, as moments. Pure."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo


def midnight_of(day_date: date, timezone: str) -> datetime:
    """The first moment of a day by this clock, as UTC."""
    return datetime.combine(day_date, time.min, ZoneInfo(timezone)).astimezone(UTC)


def bounds_of(day_date: date, timezone: str) -> tuple[datetime, datetime]:
    """The first moment of a day, and the first after it."""
    return midnight_of(day_date, timezone), midnight_of(day_date + timedelta(days=1), timezone)
