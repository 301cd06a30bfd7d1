"""Labels of jobs on the screen: the stored status, or one of four more precise labels derived from the job's row.

The first match wins:

- *stopping*: running, with a requested cancel. It comes first because it is what happens to the job, whether its worker
  lives or not: of a lost worker's job, the next sweep is the end.
- *orphaned*: running, but its worker is lost, stopped, unknown, or silent for longer than the lease.
- *retrying*: queued after at least one attempt, including the wait for the next one.
- *scheduled*: queued, never attempted, and due later.
- otherwise the stored status.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col

from core import clock
from core.models import BackgroundJob, JobStatus, Worker
from core.models.columns import unknown_state
from core.settings import settings


class Label(StrEnum):
    """All labels of a job."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    RETRYING = "retrying"
    RUNNING = "running"
    STOPPING = "stopping"
    ORPHANED = "orphaned"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: The stored status of each label.
STATUS_OF: Final[Mapping[Label, JobStatus]] = {
    **{Label(status.value): status for status in JobStatus},
    Label.SCHEDULED: JobStatus.QUEUED,
    Label.RETRYING: JobStatus.QUEUED,
    Label.STOPPING: JobStatus.RUNNING,
    Label.ORPHANED: JobStatus.RUNNING,
}

#: Labels of jobs that a worker has in hand.
AT_WORK: Final = frozenset({Label.RUNNING, Label.STOPPING})

_Job = BackgroundJob
_STATUSES: Final = frozenset(JobStatus)


def label_of(job: BackgroundJob, worker: Worker | None, now: datetime) -> Label:
    """Return a job's label at `now`; `worker` is the row of its `worker_id`, if that exists."""
    if job.status == JobStatus.RUNNING:
        if job.cancel_requested_at:
            return Label.STOPPING
        return Label.RUNNING if is_alive(worker, now) else Label.ORPHANED
    if job.status == JobStatus.QUEUED:
        if job.attempt > 0:
            return Label.RETRYING
        return Label.SCHEDULED if job.run_at > now else Label.QUEUED
    return Label(job.status) if job.status in _STATUSES else unknown_state(Label, str(job.status))


def is_alive(worker: Worker | None, now: datetime) -> bool:
    """Return whether a worker has sent a heartbeat within the lease and is neither stopped nor lost."""
    if worker is None or worker.lost_at or worker.stopped_at:
        return False
    return worker.heartbeat_at > now - settings().lease


def label_column() -> ColumnElement[str]:
    """Return the SQL expression of a job's label; it needs no join."""
    return _label_column(settings().lease)


@cache  # making it anew takes longer than most of the queries that use it
def _label_column(lease: timedelta) -> ColumnElement[str]:
    job = _Job
    return sa.case(
        (sa.and_(col(job.status) == JobStatus.RUNNING, col(job.cancel_requested_at).is_not(None)), "stopping"),
        (sa.and_(col(job.status) == JobStatus.RUNNING, sa.not_(_worker_alive(lease))), Label.ORPHANED.value),
        (sa.and_(col(job.status) == JobStatus.QUEUED, col(job.attempt) > 0), Label.RETRYING.value),
        (sa.and_(col(job.status) == JobStatus.QUEUED, col(job.run_at) > clock.db_now()), Label.SCHEDULED.value),
        else_=sa.cast(col(job.status), sa.Text),
    )


def has_label(label: Label) -> ColumnElement[bool]:
    """Return the SQL condition for one label; it includes the stored status, so that a partial index can be used."""
    stored = col(_Job.status) == STATUS_OF[label]
    if label.value in TERMINAL_WORDS:
        return stored
    return sa.and_(stored, label_column() == label.value)


#: Labels that equal the stored status.
TERMINAL_WORDS: Final = frozenset({Label.SUCCEEDED, Label.FAILED, Label.CANCELLED})


def _worker_alive(lease: timedelta) -> ColumnElement[bool]:
    worker = aliased(Worker)
    silent_since = clock.db_now() - sa.literal(lease, sa.Interval())
    alive = sa.exists().where(
        col(worker.id) == col(_Job.worker_id),
        col(worker.lost_at).is_(None),
        col(worker.stopped_at).is_(None),
        col(worker.heartbeat_at) > silent_since,
    )
    return alive.correlate(_Job)
