"""Batches: the rows of one step, whoever made them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid5

#: Demo rows lie in these calendar days, today included, and the dashboard shows the same ones.
WINDOW_DAYS = 90

#: A step is a twentieth of the whole, so that the progress bar moves.
STEPS = 20
#: Fewer rows would be commits for nothing; more would keep a transaction open for longer than a cancel should wait.
SMALLEST_STEP, LARGEST_STEP = 5, 1_000

#: Demo rows' ids are derived under this one, so that no other program's ids can equal them.
_NAMESPACE = UUID("5d1c0d5e-6f0b-4a39-9a2e-3a6a5b0f6c11")

#: A row to insert; `user_id` is added by whom it is written for.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Totals:
    """How much a preset holds; a unit is one row, connections come first."""

    connections: int
    interactions: int

    @property
    def units(self) -> int:
        """Return the number of rows."""
        return self.connections + self.interactions


@dataclass(frozen=True, slots=True)
class Batch:
    """The rows of the units from `start` up to `end`, of `totals`."""

    start: int
    totals: Totals
    connections: Sequence[Row]
    interactions: Sequence[Row]

    @property
    def end(self) -> int:
        """Return the number of units that are done with this batch."""
        return self.start + len(self.connections) + len(self.interactions)


def batch_size(units: int) -> int:
    """Return how many of `units` rows one step takes."""
    return min(max(-(-units // STEPS), SMALLEST_STEP), LARGEST_STEP)


def unit_id(seed: str, unit: int) -> UUID:
    """Return the id of a row, the same in every attempt: a doubled write meets the primary key."""
    return uuid5(_NAMESPACE, f"{seed}:{unit}")


def window_start(requested_at: datetime) -> datetime:
    """Return the first moment of the 90 calendar days, in UTC, that end with the day of `requested_at`."""
    first = requested_at.astimezone(UTC).date() - timedelta(days=WINDOW_DAYS - 1)
    return datetime.combine(first, time(), UTC)


def connection_row(seed: str, unit: int, platform: str, handle: str, created_at: datetime) -> Row:
    """Return a demo connection, ready but for its user."""
    return {
        "id": unit_id(seed, unit),
        "platform": platform,
        "handle": handle,
        "connection_status": "connected",
        "is_demo": True,
        "created_at": created_at,
    }
