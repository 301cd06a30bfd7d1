"""What a job is called on the screen: its status, or one of four finer words that follow from its row.

In order of precedence, the first that fits:

- *orphaned*: running, and its worker is silent for longer than the lease, stopped, lost or unknown. It comes first
  because whatever else was asked of the job, nobody is there to do it until the sweeper comes by.
- *stopping*: running, and someone asked it to cancel.
- *retrying*: queued after at least one attempt, also while it waits for its next one.
- *scheduled*: queued, never tried, and due later.
- else the stored status.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.orm import aliased
from sqlmodel import col

from core import clock
from core.models import BackgroundJob, JobStatus, Worker
from core.settings import settings


class Label(StrEnum):
    """Every word a job can be called."""

    QUEUED = "queued"
    SCHEDULED = "scheduled"
    RETRYING = "retrying"
    RUNNING = "running"
    STOPPING = "stopping"
    ORPHANED = "orphaned"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


#: The stored status that each word stands on.
STATUS_OF: Final[Mapping[Label, JobStatus]] = {
    **{Label(status.value): status for status in JobStatus},
    Label.SCHEDULED: JobStatus.QUEUED,
    Label.RETRYING: JobStatus.QUEUED,
    Label.STOPPING: JobStatus.RUNNING,
    Label.ORPHANED: JobStatus.RUNNING,
}

_Job = BackgroundJob


def label_of(job: BackgroundJob, worker: Worker | None, now: datetime) -> Label:
    """Return what a job is called at `now`; `worker` is the one its `worker_id` names, if that row exists."""
    if job.status == JobStatus.RUNNING:
        if not is_alive(worker, now):
            return Label.ORPHANED
        return Label.STOPPING if job.cancel_requested_at else Label.RUNNING
    if job.status == JobStatus.QUEUED:
        if job.attempt > 0:
            return Label.RETRYING
        return Label.SCHEDULED if job.run_at > now else Label.QUEUED
    return Label(job.status)


def is_alive(worker: Worker | None, now: datetime) -> bool:
    """Tell whether a worker has given a sign of life within the lease, and has not gone."""
    if worker is None or worker.lost_at or worker.stopped_at:
        return False
    return worker.heartbeat_at > now - settings().lease


def label_column() -> ColumnElement[str]:
    """Return the SQL expression for a job's label; needs no join."""
    job = _Job
    return sa.case(
        (sa.and_(col(job.status) == JobStatus.RUNNING, sa.not_(_worker_alive())), Label.ORPHANED.value),
        (sa.and_(col(job.status) == JobStatus.RUNNING, col(job.cancel_requested_at).is_not(None)), "stopping"),
        (sa.and_(col(job.status) == JobStatus.QUEUED, col(job.attempt) > 0), Label.RETRYING.value),
        (sa.and_(col(job.status) == JobStatus.QUEUED, col(job.run_at) > clock.db_now()), Label.SCHEDULED.value),
        else_=sa.cast(col(job.status), sa.Text),
    )


def has_label(label: Label) -> ColumnElement[bool]:
    """Return the SQL predicate for one label; it names the stored status, so that a partial index fits."""
    stored = col(_Job.status) == STATUS_OF[label]
    if label.value in TERMINAL_WORDS:
        return stored
    return sa.and_(stored, label_column() == label.value)


#: Words that say no more than the stored status does.
TERMINAL_WORDS: Final = frozenset({Label.SUCCEEDED, Label.FAILED, Label.CANCELLED})


def _worker_alive() -> ColumnElement[bool]:
    worker = aliased(Worker)
    silent_since = clock.db_now() - sa.literal(settings().lease, sa.Interval())
    alive = sa.exists().where(
        col(worker.id) == col(_Job.worker_id),
        col(worker.lost_at).is_(None),
        col(worker.stopped_at).is_(None),
        col(worker.heartbeat_at) > silent_since,
    )
    return alive.correlate(_Job)
