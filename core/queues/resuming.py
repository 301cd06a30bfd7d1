"""What resuming a paused queue or kind starts, what still holds its other jobs, and why it was paused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlmodel import Session

from core import clock
from core.database.truncate import IN_LIST
from core.diagnosis.blockers import blockers_of_a_start
from core.diagnosis.limits import lowest_ceiling
from core.diagnosis.remedy_blockers import start_context
from core.operations import BY_NAME
from core.wording import clock_time, counted

Noun = Literal["queue", "kind"]

#: Waiting jobs are counted up to here.
MOST: Final = 10_000
#: The table and key of each noun.
_TABLES: Final[Mapping[Noun, tuple[str, str]]] = {"queue": ("queues", "name"), "kind": ("job_kinds", "kind")}


@dataclass(frozen=True, slots=True)
class Resumption:
    """A pause, its due jobs, how many of them can start at its end, and what still holds the others."""

    noun: str
    name: str
    paused_at: datetime
    paused_by: str | None
    reason: str | None
    jobs: int
    users: int
    startable: int
    holds: tuple[str, ...]

    def sentences(self, now: datetime) -> list[str]:
        """Return who paused it, when and why, and what starts."""
        why = f": {self.reason}" if self.reason else ", without a reason"
        return [f"{self.paused_by} paused it at {clock_time(self.paused_at, now)}{why}", self._effect()]

    def _effect(self) -> str:
        if not self.jobs:
            return f"No job waits in this {self.noun}."
        jobs = f"{MOST:,} jobs or more" if self.jobs > MOST else counted(self.jobs, "job")
        jobs += f" of {counted(self.users, 'user')}" if self.users else ""
        holds = " and ".join(self.holds)
        if not holds:
            return f"This starts {jobs}."
        if self.jobs == 1:
            return f"{jobs} waits, and cannot start yet: {holds}."
        if not self.startable:
            return f"{jobs} wait, and none of them can start yet: {holds}."
        return f"{jobs} wait, and {self.startable:,} of them can start now. The others still wait: {holds}."


def load_resumption(session: Session, noun: Noun, name: str) -> tuple[Resumption, datetime] | None:
    """Return what resuming would start and the present time, or None if the queue or kind is not paused."""
    pause = session.connection().execute(_pause(noun), {"name": name, "longest": IN_LIST}).one_or_none()
    if pause is None:
        return None
    values = {"name": name, "most": MOST + 1, "known": list(BY_NAME)}
    *groups, total = session.connection().execute(_due(noun), values).all()
    startable, holds = _starts(session, f"{noun} {name}", groups)
    due = (total.jobs, total.users, startable, tuple(dict.fromkeys(holds)))
    return Resumption(noun, name, pause.paused_at, pause.paused_by, pause.reason, *due), clock.now()


def _starts(session: Session, resumed: str, groups: Sequence[sa.Row[Any]]) -> tuple[int, list[str]]:
    """Return how many of the jobs, grouped by kind and queue, can start without this pause, and what holds the rest."""
    startable, holds, started = 0, [], dict.fromkeys((group.kind for group in groups), 0)
    for group in groups:
        if group.kind is None:
            holds.append(f"this release does not know the kind of {counted(group.jobs, 'job')}")
            continue
        context = start_context(session, group.kind, group.queue)
        blockers, ceiling = blockers_of_a_start(context, resumed), lowest_ceiling(context)
        free = max(0, ceiling.room - started[group.kind]) if ceiling else group.jobs
        number = 0 if blockers else min(group.jobs, free)
        started[group.kind] += number
        startable += number
        holds += blockers or ([ceiling.rule] if ceiling and number < group.jobs else [])
    return startable, holds


@cache
def _pause(noun: Noun) -> sa.TextClause:
    table, key = _TABLES[noun]
    return sa.text(f"""
        SELECT paused_at, left(paused_by, :longest) AS paused_by, left(paused_reason, :longest) AS reason
        FROM {table}
        WHERE {key} = :name AND paused_at IS NOT NULL
    """)  # noqa: S608 - our own names


@cache
def _due(noun: Noun) -> sa.TextClause:
    """Return the statement for the due jobs by kind, NULL where this release does not know it, and queue; last, all."""
    return sa.text(f"""
        SELECT kind, queue, count(*) AS jobs, count(DISTINCT user_id) AS users FROM (
            SELECT CASE WHEN kind = ANY(:known) THEN kind END AS kind, queue, user_id FROM background_jobs
            WHERE status = 'queued' AND {noun} = :name AND run_at <= statement_timestamp() LIMIT :most) due
        GROUP BY GROUPING SETS ((kind, queue), ()) ORDER BY grouping(kind), kind, queue
    """)  # noqa: S608 - our own names
