"""Jobs that have ended, of random kinds, times and outcomes, and the figures of Analytics as their rows say."""

import math
import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core.analytics import rolling
from core.analytics.buckets import floor
from core.database.engine import session_scope
from core.models import WORKER_LOST, BackgroundJob, Grain, JobRollup, JobStatus, Worker
from core.models.columns import new_id

KINDS = ("demo.enable", "demo.disable", "connection.refresh")


def db_now(engine: Engine) -> datetime:
    with engine.connect() as connection:
        now: datetime = connection.execute(text("SELECT now()")).scalar_one()
        return now


def add_jobs(engine: Engine, dice: random.Random, number: int, of: Callable[[], timedelta]) -> None:
    """Add jobs that ended `of` before now, run by workers of two versions or by none."""
    now = db_now(engine)
    with session_scope(engine) as session:
        workers = [Worker(host="vm", pid=1, threads=8, version=version) for version in ("1.4", "1.5")]
        session.add_all(workers)
        session.flush()
        ids = [worker.id for worker in workers]
        session.add_all([a_job(dice, now - of(), dice.choice([*ids, None])) for _ in range(number)])


def a_job(dice: random.Random, finished_at: datetime, worker: Any = None) -> BackgroundJob:
    status = dice.choices((JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELLED), (80, 15, 5))[0]
    ran, waited = (timedelta(seconds=dice.lognormvariate(mean, 2)) for mean in (3, -2))
    job = BackgroundJob(kind=dice.choice(KINDS), queue=dice.choice(("demo", "other")), status=status, worker_id=worker)
    job.attempt, job.finished_at = dice.choice((1, 1, 1, 2)), finished_at
    job.started_at = None if status is JobStatus.CANCELLED and dice.random() < 0.5 else finished_at - ran
    job.run_at = job.created_at = finished_at - ran - waited
    if job.attempt > 1:  # due anew since
        job.run_at = finished_at - ran / 2
    if status is JobStatus.FAILED:
        job.error_type = dice.choice((WORKER_LOST, "TryAgain"))
    if dice.random() < 0.2:
        job.retry_of = new_id()
    return job


def roll_up(engine: Engine, since: datetime | None = None) -> list[bool]:
    """Write all buckets, each stretch in its own transaction, as the task does."""
    with session_scope(engine) as session:
        stretches = list(rolling.stretches(session, since))
    written = []
    for stretch in stretches:
        with session_scope(engine) as session:
            written.append(rolling.write(session, stretch))
    return written


def buckets(engine: Engine) -> list[tuple[Any, ...]]:
    """Return every bucket as its row says, in order."""
    with Session(engine) as session:
        rows = session.exec(select(JobRollup)).all()
        return sorted(tuple(getattr(row, name) for name in JobRollup.model_fields) for row in rows)


def ended_between(engine: Engine, start: datetime, stop: datetime) -> Sequence[BackgroundJob]:
    with Session(engine) as session:
        ended = select(BackgroundJob).where(
            col(BackgroundJob.finished_at) >= start, col(BackgroundJob.finished_at) < stop
        )
        return session.exec(ended).all()


def exact(values: list[float], share: float) -> float | None:
    """Return a percentile by its definition: the smallest value that this share does not exceed."""
    return sorted(values)[max(math.ceil(share * len(values) - 1e-9), 1) - 1] if values else None


def is_near(measured: float | None, true: float | None) -> bool:
    """Tell whether a percentile is within five per cent of the exact one, or a millisecond."""
    if measured is None or true is None:
        return measured is true
    return abs(measured - true) <= max(0.05 * true, 0.001)


def waits(jobs: Sequence[BackgroundJob]) -> list[float]:
    return [
        (job.started_at - job.run_at).total_seconds() for job in jobs if job.started_at and job.run_at <= job.started_at
    ]


def runs(jobs: Sequence[BackgroundJob]) -> list[float]:
    return [
        (job.finished_at - job.started_at).total_seconds()
        for job in jobs
        if job.status is JobStatus.SUCCEEDED and job.started_at and job.finished_at
    ]


def hour_of(at: datetime) -> datetime:
    return floor(at, Grain.HOUR)
