"""Controls of queues and kinds: pause and resume with a reason, set limits, and list them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from pydantic import Field
from sqlalchemy import text
from sqlmodel import Session, col, select

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.database.truncate import IN_LIST, truncated
from core.database.window import MOST, Window, cut
from core.diagnosis.situation import silent_after
from core.errors import Invalid, NotAllowed, NotFound
from core.models import BackgroundJob, JobKind, JobStatus, Queue
from core.operation import Form
from core.operations import BY_NAME
from core.settings import settings
from core.wording import cited

#: Characters of the name of a queue or a kind.
LONGEST_NAME: Final = 200


class Named(Form):
    """The name of a queue or a kind."""

    name: str = Field(max_length=LONGEST_NAME)


_EMPTY = "Empty: no limit."


class Limits(Form):
    """The limits of a kind: how many jobs run at once and how fast they start; empty means no limit."""

    name: str = Field(max_length=LONGEST_NAME)
    max_running: int | None = Field(
        default=None, ge=0, le=100_000, title="Running at once, in total", description=f"{_EMPTY} 0: start no jobs."
    )
    max_per_worker: int | None = Field(
        default=None, ge=0, le=1_000, title="Running at once, per worker process", description=_EMPTY
    )
    rate_count: int | None = Field(default=None, ge=1, le=1_000_000, title="Maximum starts", description=_EMPTY)
    rate_seconds: int | None = Field(
        default=None, ge=1, le=86_400, title="Within this many seconds", description=_EMPTY
    )


class QueueState(StrEnum):
    """Whether a queue's jobs start: the first that is true."""

    PAUSED = "paused"
    UNSERVED = "no worker"
    #: Its workers are alive, and a person has made them quiet.
    QUIET = "workers quiet"
    #: Its workers are late with their heartbeats: they may be dead.
    SILENT = "workers silent"
    ACTIVE = "active"


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One line of the list of queues; `oldest_seconds` is the longest wait of a due job."""

    name: str
    waiting: int
    scheduled: int
    running: int
    oldest_seconds: float | None
    paused_at: datetime | None
    paused_by: str | None
    paused_reason: str | None
    #: The workers that serve it: with a heartbeat in time, and late with it.
    workers: int
    silent: int
    #: Those that a person has made quiet: they start none of its jobs.
    quiet: int = 0

    @property
    def state(self) -> QueueState:
        """Whether its jobs start."""
        if self.paused_at:
            return QueueState.PAUSED
        if self.workers:
            return QueueState.ACTIVE
        if self.silent:
            return QueueState.SILENT
        return QueueState.QUIET if self.quiet else QueueState.UNSERVED


_LINES = text("""
    SELECT names.name, coalesce(live.waiting, 0) AS waiting, coalesce(live.scheduled, 0) AS scheduled,
           coalesce(live.running, 0) AS running, live.oldest_seconds, q.paused_at,
           left(q.paused_by, :longest) AS paused_by, left(q.paused_reason, :longest) AS paused_reason,
           coalesce(served.workers, 0) AS workers, coalesce(served.silent, 0) AS silent,
           coalesce(resting.workers, 0) AS quiet
    FROM (SELECT unnest(CAST(:known AS text[])) AS name UNION SELECT name FROM queues
          UNION SELECT DISTINCT queue FROM background_jobs WHERE status IN ('queued', 'running')) names
    LEFT JOIN queues q ON q.name = names.name
    LEFT JOIN (
        SELECT queue,
               count(*) FILTER (WHERE status = 'queued' AND run_at <= statement_timestamp()) AS waiting,
               count(*) FILTER (WHERE status = 'queued' AND run_at > statement_timestamp()) AS scheduled,
               count(*) FILTER (WHERE status = 'running') AS running,
               extract(epoch FROM statement_timestamp() - min(run_at) FILTER (
                   WHERE status = 'queued' AND run_at <= statement_timestamp() AND isfinite(run_at))) AS oldest_seconds
        FROM background_jobs WHERE status IN ('queued', 'running') GROUP BY queue
    ) live ON live.queue = names.name
    LEFT JOIN (
        SELECT queue, count(*) FILTER (WHERE heartbeat_at >= statement_timestamp() - :late) AS workers,
               count(*) FILTER (WHERE heartbeat_at < statement_timestamp() - :late) AS silent
        FROM workers, unnest(queues) queue
        WHERE stopped_at IS NULL AND lost_at IS NULL AND heartbeat_at > statement_timestamp() - :lease GROUP BY queue
    ) served ON served.queue = names.name
    LEFT JOIN (
        SELECT queue, count(*) AS workers FROM workers, unnest(quiet_queues) queue
        WHERE stopped_at IS NULL AND lost_at IS NULL AND heartbeat_at > statement_timestamp() - :lease GROUP BY queue
    ) resting ON resting.queue = names.name
    ORDER BY names.name LIMIT :limit OFFSET :start
""")


def known_queues() -> list[str]:
    """Return all queues of the declared kinds."""
    return sorted({kind.queue for kind in BY_NAME.values()})


def queue_lines(session: Session, start: int = 0, limit: int = MOST) -> Window[QueueLine]:
    """Return queues by name, read from the index of unfinished jobs."""
    where = {"known": known_queues(), "longest": IN_LIST, "limit": limit + 1, "start": start}
    rows = session.connection().execute(_LINES, {**where, "late": silent_after(), "lease": settings().lease})
    lines = [QueueLine(**{**row._mapping, "oldest_seconds": _seconds(row.oldest_seconds)}) for row in rows]  # noqa: SLF001
    return cut(lines, limit, start)


def kind_lines(session: Session, start: int = 0, limit: int = MOST) -> Window[JobKind]:
    """Return every declared kind with its operator settings, then undeclared ones that have settings."""
    rows = truncated(JobKind, IN_LIST)
    kinds = list(session.exec(select(rows).where(col(rows.kind).in_(BY_NAME))))
    rows_by_kind = {row.kind: row for row in kinds}
    declared = [rows_by_kind.get(name) or JobKind(kind=name) for name in sorted(BY_NAME)]
    others = select(rows).where(col(rows.kind).not_in(BY_NAME)).order_by(col(rows.kind))
    beyond = max(0, start - len(declared))
    undeclared = session.exec(others.limit(limit + 1).offset(beyond)).all()
    return cut([*declared[start:], *undeclared], limit, start)


def pause_queue(session: Session, name: str, actor: Actor, reason: str | None) -> None:
    """Pause a queue: it starts no new jobs; running jobs finish. Raises NotFound, NotAllowed (already paused)."""
    _require_queue(session, name)
    _pause(session, _queue(session, name), actor, reason, "queue", name)


def resume_queue(session: Session, name: str, actor: Actor, reason: str | None) -> None:
    """Resume a queue and wake its workers. Raises NotFound, NotAllowed (not paused)."""
    _require_queue(session, name)
    _resume(session, _queue(session, name), actor, reason, "queue", name)
    bus.wake(session, name)


def pause_kind(session: Session, name: str, actor: Actor, reason: str | None) -> None:
    """Pause a kind: none of its jobs starts; running jobs finish. Raises NotFound, NotAllowed (already paused)."""
    _require_kind(name)
    _pause(session, _kind(session, name), actor, reason, "kind", name)


def resume_kind(session: Session, name: str, actor: Actor, reason: str | None) -> None:
    """Resume a kind and wake the workers of its queue. Raises NotFound, NotAllowed (not paused)."""
    _require_kind(name)
    _resume(session, _kind(session, name), actor, reason, "kind", name)
    bus.wake(session, BY_NAME[name].queue)


def limit_kind(session: Session, limits: Limits, actor: Actor, reason: str | None) -> None:
    """Set a kind's limits. Raises NotFound, or Invalid for an incomplete rate."""
    _require_kind(limits.name)
    if (limits.rate_count is None) != (limits.rate_seconds is None):
        raise Invalid(
            "A rate needs both numbers.", {"rate_count": "Give both rate_count and rate_seconds, or neither."}
        )
    row = _kind(session, limits.name)
    values = limits.model_dump(exclude={"name"})
    was, why = {name: getattr(row, name) for name in values}, row.limited_reason
    has_limits = any(value is not None for value in values.values())
    author = (clock.db_now(), actor.name, reason) if has_limits else (None, None, None)
    said = dict(zip(("limited_at", "limited_by", "limited_reason"), author, strict=True))
    row.sqlmodel_update({**values, **said, "rate_left": limits.rate_count or 0, "rate_at": clock.db_now()})
    session.add(row)
    record(session, actor, "kind.limited", reason=reason, name=limits.name, was=was, now=values, was_because=why)
    bus.wake(session, BY_NAME[limits.name].queue)


def _queue(session: Session, name: str) -> Queue:
    return session.get(Queue, name, with_for_update=True) or Queue(name=name)


def _kind(session: Session, name: str) -> JobKind:
    return session.get(JobKind, name, with_for_update=True) or JobKind(kind=name)


def _pause(session: Session, row: Queue | JobKind, actor: Actor, reason: str | None, noun: str, name: str) -> None:
    if row.paused_at is not None:
        raise NotAllowed(f"The {noun} {name} is already paused, by {row.paused_by}.")
    row.sqlmodel_update({"paused_at": clock.db_now(), "paused_by": actor.name, "paused_reason": reason})
    session.add(row)
    record(session, actor, f"{noun}.paused", reason=reason, name=name, was="active", now="paused")


def _resume(session: Session, row: Queue | JobKind, actor: Actor, reason: str | None, noun: str, name: str) -> None:
    if row.paused_at is None:
        raise NotAllowed(f"The {noun} {name} is not paused.")
    why = row.paused_reason
    row.sqlmodel_update({"paused_at": None, "paused_by": None, "paused_reason": None})
    session.add(row)
    record(session, actor, f"{noun}.resumed", reason=reason, name=name, was="paused", now="active", was_because=why)


def _require_queue(session: Session, name: str) -> None:
    unfinished = col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING))
    has_jobs = select(BackgroundJob.id).where(col(BackgroundJob.queue) == name, unfinished).limit(1)
    if name not in known_queues() and session.get(Queue, name) is None and session.exec(has_jobs).first() is None:
        raise NotFound(f"There is no queue {cited(name)}. Known: {', '.join(known_queues())}.")


def _require_kind(name: str) -> None:
    if name not in BY_NAME:
        raise NotFound(f"There is no kind of job {cited(name)}. Known: {', '.join(sorted(BY_NAME))}.")


def _seconds(value: object) -> float | None:
    return None if value is None else float(str(value))
