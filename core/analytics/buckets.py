"""Buckets of time: of five minutes for the last days, of hours, days and weeks for what is older."""

from datetime import UTC, datetime, timedelta
from typing import Final

from core.models import Grain

BUCKET: Final = timedelta(minutes=Grain.FINE)
DAY: Final = timedelta(days=1)
#: How long buckets of each size are kept: twice a week, twice 90 days, and two years.
KEPT: Final = {
    Grain.FINE: timedelta(days=15),
    Grain.HOUR: timedelta(days=185),
    Grain.DAY: timedelta(days=731),
    Grain.WEEK: timedelta(days=731),
}
#: All buckets are counted from here.
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def floor(at: datetime, grain: Grain) -> datetime:
    """Return the beginning of the bucket with this moment."""
    return floor_to(at, timedelta(minutes=grain))


def floor_to(at: datetime, width: timedelta) -> datetime:
    """Return the beginning of the bucket with this moment, of any size."""
    return at.astimezone(UTC) - (at - EPOCH) % width


def day_of(at: datetime) -> datetime:
    """Return the beginning of its day in UTC."""
    return floor(at, Grain.DAY)
