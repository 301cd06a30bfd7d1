"""The situation of a job and of a user: does it move, wait, is it held, stuck, failed, or dealt with?

Written as SQL, for lists and counts, and as a function, for sentences; a property test holds them together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col

from core import clock
from core.models import BackgroundJob, JobKind, JobStatus, Queue, Worker
from core.operation import Machine
from core.operations import BY_NAME, MACHINES, transitional_states
from core.settings import settings

#: A running job without a checkpoint for this long counts as stuck; steps take seconds.
QUIET: Final = timedelta(seconds=60)
#: Sweeps after which a lost worker's job should have another one.
SWEEPS: Final = 5


class Situation(StrEnum):
    """From the least to the most urgent, but for `handled`: failed, and something has come after it."""

    FINE = "fine"
    MOVING = "moving"
    #: It goes on by itself: scheduled, between attempts, behind others, at a limit; or its worker was just lost.
    WAITING = "waiting"
    #: A person stopped it: its queue or kind is paused, or limited to 0, or all workers of its queue are quiet.
    HELD = "held"
    #: Nothing will move it by itself: no worker, none that knows its kind, no progress, or a state without a job.
    STUCK = "stuck"
    FAILED = "failed"
    HANDLED = "handled"


#: The stored statuses of jobs in each situation.
STATUSES_OF: Final[Mapping[Situation, frozenset[JobStatus]]] = {
    Situation.FINE: frozenset({JobStatus.SUCCEEDED, JobStatus.CANCELLED}),
    Situation.MOVING: frozenset({JobStatus.RUNNING}),
    Situation.WAITING: frozenset({JobStatus.QUEUED, JobStatus.RUNNING}),
    Situation.HELD: frozenset({JobStatus.QUEUED}),
    Situation.STUCK: frozenset({JobStatus.QUEUED, JobStatus.RUNNING}),
    Situation.FAILED: frozenset({JobStatus.FAILED}),
    Situation.HANDLED: frozenset({JobStatus.FAILED}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFacts:
    """What a job's situation follows from; times and ages are of the database's clock."""

    status: str
    is_due: bool = True
    #: Its queue or kind is paused, its kind limited to 0, or its queue served by quiet workers only.
    is_held: bool = False
    #: A live worker serves its queue.
    is_served: bool = True
    #: This release, and so each of its workers, knows its kind.
    is_known: bool = True
    #: Failed, and a later job that was not cancelled, or another state, has come after it.
    is_settled: bool = False
    has_live_worker: bool = True
    #: Since its worker's last heartbeat, and since its own last change.
    silent: timedelta = timedelta(0)
    quiet: timedelta = timedelta(0)


def situation_of(facts: JobFacts) -> Situation:
    """Return the situation of a job."""
    if facts.status in (JobStatus.SUCCEEDED, JobStatus.CANCELLED):
        return Situation.FINE
    if facts.status == JobStatus.FAILED:
        return Situation.HANDLED if facts.is_settled else Situation.FAILED
    if facts.status == JobStatus.RUNNING:
        return _of_running(facts)
    if facts.status != JobStatus.QUEUED:
        return Situation.STUCK  # another release wrote it, and no worker of this one runs it
    if not facts.is_due:
        return Situation.WAITING
    if facts.is_held:
        return Situation.HELD
    return Situation.WAITING if facts.is_served and facts.is_known else Situation.STUCK


def _of_running(facts: JobFacts) -> Situation:
    if not facts.has_live_worker:
        return Situation.WAITING if facts.is_served and facts.silent <= neglected_after() else Situation.STUCK
    if facts.silent > silent_after():
        return Situation.WAITING
    return Situation.STUCK if facts.quiet > QUIET else Situation.MOVING


def silent_after() -> timedelta:
    """Return the age of a heartbeat at which a worker may be lost; after a lease, it is."""
    return min(2 * settings().heartbeat, settings().lease)


def neglected_after() -> timedelta:
    """Return the age of a lost worker's heartbeat at which another one should have taken its job over."""
    return settings().lease + SWEEPS * timedelta(seconds=settings().sweep_seconds)


def situation_of_row(row: Any, active: Situation | None, machine: Machine[Any]) -> Situation:
    """Return the situation of a machine's row; `active`: of its active job, if there is one."""
    if active is not None:
        return active
    if (state := machine.state_of(row)) in transitional_states(machine):
        return Situation.STUCK
    if state != machine.failed:
        return Situation.FINE
    return Situation.WAITING if machine.goes_on and getattr(row, machine.goes_on) else Situation.FAILED


def job_situation() -> ColumnElement[str]:
    """Return the SQL expression of a job's situation; it needs no join."""
    return _job_situation(BackgroundJob, settings().lease, silent_after(), neglected_after())


def row_situation(machine: Machine[Any]) -> ColumnElement[str]:
    """Return the SQL expression of the situation of a machine's row."""
    return _row_situation(machine.name, settings().lease, silent_after(), neglected_after())


def is_unsettled_failure() -> ColumnElement[bool]:
    """Return the SQL condition for failed jobs that nothing has come after."""
    return sa.and_(col(BackgroundJob.status) == JobStatus.FAILED, sa.not_(is_settled(BackgroundJob)))


#: What `is_settled` and a look at its time need of a job, where it stands in a subquery.
SETTLING: Final = (
    BackgroundJob.id,
    BackgroundJob.user_id,
    BackgroundJob.connection_id,
    BackgroundJob.machine,
    BackgroundJob.token,
    BackgroundJob.created_at,
    BackgroundJob.started_at,
    BackgroundJob.finished_at,
)


def is_settled(job: Any) -> ColumnElement[bool]:
    """Return the SQL condition that a failed job was requested again, or that its row has gone on.

    A later job that was cancelled is as if it had not been: a row that it has moved has gone on by that.
    """
    later = aliased(BackgroundJob)
    retried = sa.exists().where(col(later.retry_of) == col(job.id), _counts(later))
    return sa.or_(retried, *(_has_gone_on(job, machine) for machine in MACHINES))


def _has_gone_on(job: Any, machine: Machine[Any]) -> ColumnElement[bool]:
    later, row = aliased(BackgroundJob), aliased(machine.table)
    row_id, later_id = machine.id_column(job), machine.id_column(later)
    came_later = sa.tuple_(col(later.created_at), col(later.id)) > sa.tuple_(col(job.created_at), col(job.id))
    has_later = sa.exists().where(later_id == row_id, col(later.machine) == machine.name, came_later, _counts(later))
    still_failed = sa.exists().where(col(row.id) == row_id, getattr(row, machine.column) == machine.failed)
    # One that never began has left its row as it was: that says nothing.
    has_begun = sa.or_(col(job.token) == 0, col(job.started_at).is_not(None))
    has_moved = sa.and_(sa.not_(still_failed), has_begun)
    is_of_machine = col(job.machine).is_not_distinct_from(machine.name)  # false of a task, not NULL
    return sa.and_(is_of_machine, sa.or_(has_moved, has_later))


def _counts(later: Any) -> ColumnElement[bool]:
    return col(later.status) != JobStatus.CANCELLED


@cache  # making it anew takes longer than most of the queries that use it
def _job_situation(job: Any, lease: timedelta, silent: timedelta, neglected: timedelta) -> ColumnElement[str]:
    status, due = col(job.status), col(job.run_at) <= clock.db_now()
    served = _is_among(job, col(Worker.queues), lease)
    is_stopped = sa.or_(is_held(job), sa.and_(sa.not_(served), _is_among(job, col(Worker.quiet_queues), lease)))
    heartbeat = sa.func.coalesce(_heartbeat(job), col(job.updated_at))
    is_running, is_queued = status == JobStatus.RUNNING, status == JobStatus.QUEUED
    is_lost = sa.and_(is_running, sa.not_(_has_live_worker(job, lease)))
    return sa.case(
        (status.in_((JobStatus.SUCCEEDED, JobStatus.CANCELLED)), Situation.FINE.value),
        (sa.and_(status == JobStatus.FAILED, is_settled(job)), Situation.HANDLED.value),
        (status == JobStatus.FAILED, Situation.FAILED.value),
        (sa.and_(is_lost, served, heartbeat >= _ago(neglected)), Situation.WAITING.value),
        (is_lost, Situation.STUCK.value),
        (sa.and_(is_running, heartbeat < _ago(silent)), Situation.WAITING.value),
        (sa.and_(is_running, col(job.updated_at) < _ago(QUIET)), Situation.STUCK.value),
        (is_running, Situation.MOVING.value),
        (sa.and_(is_queued, sa.not_(due)), Situation.WAITING.value),
        (sa.and_(is_queued, is_stopped), Situation.HELD.value),
        (sa.and_(is_queued, served, _is_known(job)), Situation.WAITING.value),
        else_=Situation.STUCK.value,
    )


@cache
def _row_situation(machine_name: str, lease: timedelta, silent: timedelta, neglected: timedelta) -> ColumnElement[str]:
    machine = next(each for each in MACHINES if each.name == machine_name)
    job, state = aliased(BackgroundJob), getattr(machine.table, machine.column)
    active = (
        sa.select(_job_situation(job, lease, silent, neglected))
        .where(
            col(job.machine) == machine.name,
            sa.func.coalesce(col(job.connection_id), col(job.user_id)) == col(machine.table.id),
            col(job.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        )
        .correlate(machine.table)
        .scalar_subquery()
    )
    at_rest = sa.case(
        (state.in_(transitional_states(machine)), Situation.STUCK.value),
        (state != machine.failed, Situation.FINE.value),
        (getattr(machine.table, machine.goes_on) if machine.goes_on else sa.false(), Situation.WAITING.value),
        else_=Situation.FAILED.value,
    )
    return sa.func.coalesce(active, at_rest)


def is_held(job: Any) -> ColumnElement[bool]:
    """Return the SQL condition that a job's queue or kind is paused, or its kind limited to 0."""
    paused_queues = sa.select(col(Queue.name)).where(col(Queue.paused_at).is_not(None))
    stops = sa.or_(col(JobKind.paused_at).is_not(None), col(JobKind.max_running) == 0, col(JobKind.max_per_worker) == 0)
    return sa.or_(col(job.queue).in_(paused_queues), col(job.kind).in_(sa.select(col(JobKind.kind)).where(stops)))


def _is_known(job: Any) -> ColumnElement[bool]:
    # Read for each execution: a statement is made once, perhaps before the last kind is declared.
    known = sa.bindparam("known", callable_=lambda: list(BY_NAME), type_=sa.ARRAY(sa.Text()), unique=True)
    return col(job.kind) == sa.any_(known)


def _ago(span: timedelta) -> ColumnElement[datetime]:
    moment: ColumnElement[datetime] = clock.db_now() - sa.literal(span, sa.Interval())
    return moment


def _alive(worker: Any, lease: timedelta) -> list[ColumnElement[bool]]:
    return [col(worker.stopped_at).is_(None), col(worker.lost_at).is_(None), col(worker.heartbeat_at) > _ago(lease)]


def _is_among(job: Any, queues: Any, lease: timedelta) -> ColumnElement[bool]:
    return col(job.queue).in_(sa.select(sa.func.unnest(queues)).where(*_alive(Worker, lease)))


def _has_live_worker(job: Any, lease: timedelta) -> ColumnElement[bool]:
    worker = aliased(Worker)
    return sa.exists().where(col(worker.id) == col(job.worker_id), *_alive(worker, lease)).correlate(job)


def _heartbeat(job: Any) -> ColumnElement[datetime]:
    worker = aliased(Worker)
    beat = sa.select(col(worker.heartbeat_at)).where(col(worker.id) == col(job.worker_id))
    moment: ColumnElement[datetime] = beat.correlate(job).scalar_subquery()
    return moment
