"""What resuming a paused queue or kind starts, what still holds its other jobs, and why it was paused."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlmodel import Session

from core import clock
from core.database.truncate import IN_LIST
from core.diagnosis.blockers import blockers_of_a_start
from core.diagnosis.context import Controls, JobContext
from core.diagnosis.limits import lowest_ceiling
from core.diagnosis.lost import ends_at, when_it_ends
from core.diagnosis.remedy_blockers import start_context
from core.jobs.abandon import HALF_DONE
from core.models import WORKER_LOST, BackgroundJob, JobKind, JobStatus
from core.operations import BY_NAME
from core.wording import clock_time, counted

Noun = Literal["queue", "kind"]

#: Waiting jobs are counted up to here.
MOST: Final = 10_000
#: Stands for kinds that this release does not know.
_UNKNOWN: Final = ""
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
    #: How many of them have begun and end as failed without a worker, and when: "at 14:02" or "within 30 s".
    half_done: int = 0
    end: str = ""

    def sentences(self, now: datetime) -> list[str]:
        """Return who paused it, when and why, and what starts."""
        why = f": {self.reason}" if self.reason else ", without a reason"
        said = [f"{self.paused_by} paused it at {clock_time(self.paused_at, now)}{why}", self._effect(), self._ends()]
        return [each for each in said if each]

    def _ends(self) -> str:
        if not self.half_done:
            return ""
        are = "One is half done, and ends" if self.half_done == 1 else f"{self.half_done:,} are half done, and end"
        return f"{are} as failed {self.end} unless a worker starts."

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
    half_done, end = _endings(session, f"{noun} {name}", groups)
    resumption = Resumption(
        noun=noun,
        name=name,
        paused_at=pause.paused_at,
        paused_by=pause.paused_by,
        reason=pause.reason,
        jobs=total.jobs,
        users=total.users,
        startable=startable,
        holds=tuple(dict.fromkeys(holds)),
        half_done=half_done,
        end=end,
    )
    return resumption, clock.now()


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


def _endings(session: Session, resumed: str, groups: Sequence[sa.Row[Any]]) -> tuple[int, str]:
    """Return how many jobs are half done and end as failed unless a worker starts, and when the first one does."""
    number, ends = 0, []
    for group in groups:
        context = _half_done(session, resumed, group) if group.half_done else None
        if context and (at := ends_at(context)):
            number += group.half_done
            ends.append((at, when_it_ends(context)))
    return number, min(ends)[1] if ends else ""


def _half_done(session: Session, resumed: str, group: sa.Row[Any]) -> JobContext | None:
    """Return the context of a half-done job of a group once this pause is over; None: a worker serves it."""
    context = start_context(session, group.kind or _UNKNOWN, group.queue)
    if context.capacity.workers:
        return None
    queue, kind = context.controls.queue, context.controls.kind
    if queue and resumed == f"queue {queue.name}":
        queue = None
    if kind and resumed == f"kind {kind.kind}":
        kind = JobKind(kind=kind.kind, max_running=kind.max_running, max_per_worker=kind.max_per_worker)
    began: dict[str, Any] = {"token": 1, "started_at": context.now, "run_at": group.due_at, "error_type": WORKER_LOST}
    job = BackgroundJob(kind=context.job.kind, queue=context.job.queue, status=JobStatus.QUEUED, **began)
    return replace(context, job=job, controls=Controls(queue, kind))


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
        SELECT kind, queue, count(*) AS jobs, count(DISTINCT user_id) AS users,
            count(*) FILTER (WHERE is_half_done) AS half_done, min(run_at) FILTER (WHERE is_half_done) AS due_at
        FROM (
            SELECT CASE WHEN kind = ANY(:known) THEN kind END AS kind, queue, user_id, run_at,
                   {HALF_DONE} AS is_half_done
            FROM background_jobs
            WHERE status = 'queued' AND {noun} = :name AND run_at <= statement_timestamp() LIMIT :most) due
        GROUP BY GROUPING SETS ((kind, queue), ()) ORDER BY grouping(kind), kind, queue
    """)  # noqa: S608 - our own names
