"""Writing buckets: those of a stretch of time are deleted and written anew from the rows, in one transaction.

So it can be done again at any time, after any crash, with the same result. A bucket whose jobs may have been deleted is
never written again: `protect` notes up to when they may be, before they are.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import text
from sqlmodel import Session, select

from core import clock
from core.analytics.buckets import BUCKET, DAY, KEPT, day_of, floor
from core.analytics.statements import FROM_BUCKETS, FROM_JOBS
from core.models import Grain, RollupState

#: A bucket is written once it has been over for so long: no transaction of ours stays open for longer than a lease.
SETTLED: Final = timedelta(minutes=1)
#: What the next run writes again, for an end that was committed late all the same.
AGAIN: Final = timedelta(minutes=15)

_DELETE = text("DELETE FROM job_rollups WHERE grain = :grain AND starts_at >= :start AND starts_at < :stop")
_DELETE_OLD = text("DELETE FROM job_rollups WHERE grain = :grain AND starts_at < :before")
_ENSURE_STATE = text("INSERT INTO job_rollup_states (id) VALUES (1) ON CONFLICT DO NOTHING")
#: A job ends after it was created; the index of finished ones is by creation.
_FIRST_JOB = text("SELECT min(created_at) FROM background_jobs WHERE status <> 'running' AND isfinite(created_at)")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Buckets to write in one transaction: of one day at most."""

    start: datetime
    stop: datetime
    #: What is to do altogether, in days, and how much of it is done with this.
    done: int
    total: int


def stretches(session: Session, since: datetime | None = None) -> Iterator[Stretch]:
    """Yield what to write: all that is new, or all since then, the days of UTC one after the other."""
    state, now = _state(session), _now(session)
    stop = floor(now - SETTLED, Grain.FINE)
    first: datetime | None = session.connection().execute(_FIRST_JOB).scalar_one()
    known = None if state.until is None else min(state.until, stop) - AGAIN
    start = (day_of(since) if since else None) or known or first or stop
    start = floor(max(start, now - KEPT[Grain.DAY], first or start), Grain.FINE)
    total = max((day_of(stop) - day_of(start)).days + 1, 1)
    for number in range(total):
        day = day_of(start) + number * DAY
        yield Stretch(max(start, day), min(stop, day + DAY), number + 1, total)


def write(session: Session, stretch: Stretch) -> bool:
    """Write the buckets of a stretch anew in the session's transaction; return whether anything was to be written.

    Left as they are: those whose jobs may have been deleted.
    """
    state, now = _state(session), _now(session)
    day, start, gone = day_of(stretch.start), stretch.start, state.gone_before
    if day < _kept_since(now, Grain.FINE):  # what is left of its small buckets is not all
        if gone and day < gone:
            return False
        start = day
    elif gone:
        start = max(start, _ceiling(gone))
    if start < stretch.stop:
        _replace(session, Grain.FINE, start, stretch.stop)
        _replace(session, Grain.HOUR, floor(start, Grain.HOUR), stretch.stop)
        _replace(session, Grain.DAY, day, stretch.stop)
        _replace(session, Grain.WEEK, floor(day, Grain.WEEK), stretch.stop)
    state.since = min(state.since or start, start)
    if state.until is None or stretch.stop > state.until or stretch.done == stretch.total:
        state.until = stretch.stop  # also where a clock had been ahead
    state.written_at = now
    session.add(state)
    session.flush()
    return start < stretch.stop


def protect(session: Session, before: datetime) -> None:
    """Note that jobs which finished before may be deleted from now on: their buckets stay as they are."""
    state = _state(session)
    state.gone_before = max(state.gone_before or before, before)
    session.add(state)
    session.flush()


def forget(session: Session, ahead: float) -> int:
    """Delete the buckets that are older than those of their size are kept; return their number."""
    now = _now(session) - timedelta(seconds=ahead)
    old = ({"grain": grain, "before": _kept_since(now, grain)} for grain in Grain)
    return sum(session.connection().execute(_DELETE_OLD, values).rowcount for values in old)


def _replace(session: Session, grain: Grain, start: datetime, stop: datetime) -> None:
    stop = stop if grain is Grain.FINE else floor(stop - BUCKET, grain) + timedelta(minutes=grain)
    connection, values = session.connection(), {"grain": grain, "start": start, "stop": stop}
    connection.execute(_DELETE, values)
    if grain is Grain.FINE:
        connection.execute(FROM_JOBS, values)
    else:
        smaller = max(each for each in Grain if each < grain)
        connection.execute(FROM_BUCKETS, {**values, "smaller": smaller})


def _state(session: Session) -> RollupState:
    """Return the one row, locked until the transaction ends: two never write at once."""
    session.connection().execute(_ENSURE_STATE)
    locked = select(RollupState).with_for_update().execution_options(populate_existing=True)
    return session.exec(locked).one()


def _now(session: Session) -> datetime:
    now: datetime = session.exec(select(clock.db_now())).one()
    return now.astimezone(UTC)


def _kept_since(now: datetime, grain: Grain) -> datetime:
    return day_of(now) - KEPT[grain]


def _ceiling(at: datetime) -> datetime:
    return floor(at + BUCKET - timedelta(microseconds=1), Grain.FINE)
