"""Asking for tasks: one statement for any number of them, with their events, and nothing is loaded."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlmodel import Session

from core import bus, clock, tracing
from core.actor import Actor
from core.database.statement import Statement
from core.models import JobStatus
from core.models.columns import new_id
from core.operation import Task

#: Clocks differ a little. A worker that is rung too early finds nothing, and the sweeper rings when the job is due.
SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """How a job was asked for: when it is due, why, and which job it repeats."""

    run_at: datetime | None = None
    reason: str | None = None
    retry_of: UUID | None = None
    schedule_id: UUID | None = None

    @property
    def is_soon(self) -> bool:
        """Tell whether a worker should be rung at once."""
        return self.run_at is None or self.run_at <= clock.now() + SOON


#: Due now, and nothing more to say.
AT_ONCE = JobOptions()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that is queued once the caller has committed."""

    id: UUID
    kind: str
    status: JobStatus = JobStatus.QUEUED


_ASK = Statement("""
    WITH made AS (
        INSERT INTO background_jobs (id, kind, queue, priority, max_attempts, args, run_at, reason, retry_of,
                                     schedule_id, requested_by, created_at, updated_at)
        SELECT one.id, :kind, :queue, :priority, :max_attempts, one.args,
               coalesce(CAST(:run_at AS timestamptz), statement_timestamp()), :reason, CAST(:retry_of AS uuid),
               CAST(:schedule_id AS uuid), CAST(:actor_id AS uuid), statement_timestamp(), statement_timestamp()
        FROM unnest(CAST(:ids AS uuid[]), CAST(:args AS jsonb[])) AS one(id, args)
        RETURNING id, kind, args, retry_of, reason
    )
    INSERT INTO events (at, name, actor_id, actor, via, job_id, reason, data)
    SELECT statement_timestamp(), 'job.requested', CAST(:actor_id AS uuid), :actor, :via, id, reason,
           jsonb_build_object('kind', kind, 'args', args, 'retry_of', retry_of)
    FROM made
""")


def request_task(
    session: Session, task: Task[Any], form: BaseModel, actor: Actor, asked: JobOptions = AT_ONCE
) -> Accepted:
    """Queue a job that moves no machine."""
    return request_tasks(session, task, [form], actor, asked)[0]


def request_tasks(
    session: Session, task: Task[Any], forms: Sequence[BaseModel], actor: Actor, asked: JobOptions = AT_ONCE
) -> list[Accepted]:
    """Queue one job of the same task for each form, all or none, in the order of the forms."""
    accepted = [Accepted(new_id(), task.name) for _ in forms]
    values = {
        "ids": [one.id for one in accepted],
        "args": [json.dumps(form.model_dump(mode="json")) for form in forms],
        **_told(task, actor, asked),
    }
    _ASK.run(session, values)
    for one in accepted:
        tracing.note_request(one.id, task.name, task.queue)
        bus.changed(session, job_id=one.id)
    if asked.is_soon:
        bus.wake(session, task.queue, len(accepted))
    return accepted


def _told(task: Task[Any], actor: Actor, asked: JobOptions) -> dict[str, Any]:
    return {
        "kind": task.name,
        "queue": task.queue,
        "priority": task.priority,
        "max_attempts": task.max_attempts,
        "run_at": asked.run_at,
        "reason": asked.reason,
        "retry_of": asked.retry_of,
        "schedule_id": asked.schedule_id,
        "actor_id": actor.id,
        "actor": actor.name,
        "via": actor.via,
    }
