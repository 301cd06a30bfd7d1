"""Requesting tasks: one statement inserts them, and a person's with their events, without loading rows."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import BaseModel
from sqlalchemy import Engine
from sqlmodel import Session

from core import bus, clock, tracing
from core.actor import ENGINE, Actor
from core.database.statement import Statement
from core.models import JobStatus
from core.models.columns import new_id
from core.operation import Task
from core.redact import redacted

#: Clocks differ a little. A worker that wakes too early finds nothing, and the sweeper wakes one when the job is due.
SOON = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class JobOptions:
    """Options of a request: when the job is due, its reason, and the job it retries."""

    run_at: datetime | None = None
    reason: str | None = None
    retry_of: UUID | None = None
    schedule_id: UUID | None = None

    @property
    def is_soon(self) -> bool:
        """Return whether a worker should wake up at once."""
        return self.run_at is None or self.run_at <= clock.now() + SOON


#: Due now, without further options.
AT_ONCE = JobOptions()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A job that is queued when the caller commits."""

    id: UUID
    kind: str
    status: JobStatus = JobStatus.QUEUED


@dataclass(frozen=True, slots=True)
class TaskRetry:
    """A job that is to be queued, its input, and the job that it retries."""

    job: Accepted
    form: BaseModel
    retry_of: UUID


_MANY = """
    (id, kind, queue, priority, max_attempts, args, run_at, reason, retry_of,
     schedule_id, requested_by, created_at, updated_at)
    SELECT job.id, :kind, :queue, :priority, :max_attempts, job.args,
           coalesce(CAST(:run_at AS timestamptz), statement_timestamp()), :reason, job.retry_of,
           CAST(:schedule_id AS uuid), CAST(:actor_id AS uuid), statement_timestamp(), statement_timestamp()
    FROM unnest(CAST(:ids AS uuid[]), CAST(:args AS jsonb[]), CAST(:retries AS uuid[])) AS job(id, args, retry_of)
"""
#: One job without options: of scalars, which PostgreSQL plans in a moment.
_ONE = """
    (id, kind, queue, priority, max_attempts, args, requested_by, run_at, created_at, updated_at)
    VALUES (:id, :kind, :queue, :priority, :max_attempts, CAST(:args AS jsonb), CAST(:actor_id AS uuid),
            statement_timestamp(), statement_timestamp(), statement_timestamp())
"""
_INSERT = Statement(f"INSERT INTO background_jobs {_MANY}")
_INSERT_ONE = Statement(f"INSERT INTO background_jobs {_ONE}")
_LOGGED = """
    WITH made AS (INSERT INTO background_jobs {rows} RETURNING id, kind, args, retry_of, reason)
    INSERT INTO events (at, name, actor_id, actor, via, job_id, reason, data)
    SELECT statement_timestamp(), 'job.requested', CAST(:actor_id AS uuid), :actor, :via, id, reason,
           jsonb_build_object('kind', kind, 'args', {shown}, 'retry_of', retry_of)
    FROM made
"""
#: The arguments without secrets: the audit log keeps them for longer than the job does.
_SHOWN = """(SELECT shown.args FROM unnest(CAST(:ids AS uuid[]), CAST(:shown AS jsonb[])) AS shown(id, args)
             WHERE shown.id = made.id)"""
_INSERT_LOGGED = Statement(_LOGGED.format(rows=_MANY, shown=_SHOWN))
_INSERT_ONE_LOGGED = Statement(_LOGGED.format(rows=_ONE, shown="CAST(:shown AS jsonb)"))


def _is_logged(actor: Actor) -> bool:
    """Tell whether the audit log has an event of the request; of the program's own requests the jobs' rows tell."""
    return actor.via != ENGINE.via


def request_task(
    session: Session, task: Task[Any], form: BaseModel, actor: Actor, options: JobOptions = AT_ONCE
) -> Accepted:
    """Queue a job without a state machine."""
    if options is not AT_ONCE:
        return request_tasks(session, task, [form], actor, options)[0]
    job = Accepted(new_id(), task.name)
    statement = _INSERT_ONE_LOGGED if _is_logged(actor) else _INSERT_ONE
    statement.run(session, _values_of_one(job, task, form, actor))
    tracing.note_request(job.id, task.name, task.queue)
    bus.changed(session, job_id=job.id)
    bus.wake(session, task.queue)
    return job


def request_task_now(engine: Engine, task: Task[Any], form: BaseModel, actor: Actor) -> Accepted:
    """Queue a job for a caller that has no transaction: one statement, and it is committed when this returns.

    Costs half of `request_task` in a session of its own. Raises SQLAlchemy's errors; after a broken connection it is
    unknown whether the job was queued, as after any commit.
    """
    job = Accepted(new_id(), task.name)
    statement = _INSERT_ONE_LOGGED if _is_logged(actor) else _INSERT_ONE
    statement.run_alone(engine, _values_of_one(job, task, form, actor))
    tracing.note_request(job.id, task.name, task.queue)
    bus.publish(bus.Changes(jobs={job.id}, wakeups={task.queue}))
    return job


def request_tasks(
    session: Session, task: Task[Any], forms: Sequence[BaseModel], actor: Actor, options: JobOptions = AT_ONCE
) -> list[Accepted]:
    """Queue one job of the task per form, all or none, in the order of the forms."""
    accepted = [Accepted(new_id(), task.name) for _ in forms]
    _insert(session, task, accepted, forms, [options.retry_of] * len(forms), actor, options)
    return accepted


def retry_tasks(
    session: Session, task: Task[Any], retries: Sequence[TaskRetry], actor: Actor, reason: str | None
) -> None:
    """Queue these retries of jobs of one task, all or none."""
    jobs, forms, of = zip(*((each.job, each.form, each.retry_of) for each in retries), strict=True)
    _insert(session, task, jobs, forms, of, actor, JobOptions(reason=reason))


def _insert(
    session: Session,
    task: Task[Any],
    accepted: Sequence[Accepted],
    forms: Sequence[BaseModel],
    retries: Sequence[UUID | None],
    actor: Actor,
    options: JobOptions,
) -> None:
    values = {
        "ids": [job.id for job in accepted],
        "args": [json.dumps(form.model_dump(mode="json")) for form in forms],
        "retries": list(retries),
        **_shared_values(task, actor, options),
    }
    if _is_logged(actor):
        _INSERT_LOGGED.run(session, values | {"shown": [_shown(form) for form in forms]})
    else:
        _INSERT.run(session, values)
    for job in accepted:
        tracing.note_request(job.id, task.name, task.queue)
        bus.changed(session, job_id=job.id)
    if options.is_soon:
        bus.wake(session, task.queue)


def _values_of_one(job: Accepted, task: Task[Any], form: BaseModel, actor: Actor) -> dict[str, Any]:
    logged = {"shown": _shown(form)} if _is_logged(actor) else {}
    return {
        **logged,
        "id": job.id,
        "kind": task.name,
        "queue": task.queue,
        "priority": task.priority,
        "max_attempts": task.max_attempts,
        "args": form.model_dump_json(),
        "actor_id": actor.id,
        "actor": actor.name,
        "via": actor.via,
    }


def _shown(form: BaseModel) -> str:
    return json.dumps(redacted(form.model_dump(mode="json")))


def _shared_values(task: Task[Any], actor: Actor, options: JobOptions) -> dict[str, Any]:
    return {
        "kind": task.name,
        "queue": task.queue,
        "priority": task.priority,
        "max_attempts": task.max_attempts,
        "run_at": options.run_at,
        "reason": options.reason,
        "schedule_id": options.schedule_id,
        "actor_id": actor.id,
        "actor": actor.name,
        "via": actor.via,
    }
