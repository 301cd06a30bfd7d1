"""Batches: the rows of one step, from the generator or from the remote service."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid5

#: Demo rows and the dashboard cover this many calendar days, including today.
WINDOW_DAYS = 90

#: A step is a twentieth of the total, so that the progress bar moves.
STEPS = 20
#: Smaller steps would waste commits; larger ones would make a cancel wait too long for the transaction.
SMALLEST_STEP, LARGEST_STEP = 5, 1_000

#: The namespace of demo rows' ids, so that they never equal ids of another program.
_NAMESPACE = UUID("5d1c0d5e-6f0b-4a39-9a2e-3a6a5b0f6c11")

#: A row to insert; `user_id` is added on insert.
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Totals:
    """The size of a preset; a unit is one row, connections come first."""

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
        """Return the number of units that are complete after this batch."""
        return self.start + len(self.connections) + len(self.interactions)


def batch_size(units: int) -> int:
    """Return the number of rows per step, out of `units` in total."""
    return min(max(-(-units // STEPS), SMALLEST_STEP), LARGEST_STEP)


def unit_id(seed: str, unit: int) -> UUID:
    """Return a row's id, equal in every attempt, so that the primary key refuses a duplicate write."""
    return uuid5(_NAMESPACE, f"{seed}:{unit}")


def window_start(requested_at: datetime) -> datetime:
    """Return the start of the 90 calendar days, in UTC, that end with the day of `requested_at`."""
    first = requested_at.astimezone(UTC).date() - timedelta(days=WINDOW_DAYS - 1)
    return datetime.combine(first, time(), UTC)


def connection_row(seed: str, unit: int, platform: str, handle: str, created_at: datetime) -> Row:
    """Return a demo connection, complete except for its user."""
    return {
        "id": unit_id(seed, unit),
        "platform": platform,
        "handle": handle,
        "connection_status": "connected",
        "is_demo": True,
        "created_at": created_at,
    }
