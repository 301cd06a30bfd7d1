"""One situation: SQL and function agree on every job and user, whatever the facts."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.database.truncate import truncated
from core.diagnosis.context import load_context
from core.diagnosis.job import explain
from core.diagnosis.latest import latest_job
from core.diagnosis.row import diagnose
from core.diagnosis.situation import Situation, is_unsettled_failure, job_situation
from core.diagnosis.user_situation import user_situation, worst
from core.models import (
    BackgroundJob,
    ConnectionStatus,
    DemoModeStatus,
    JobKind,
    JobStatus,
    PlatformConnection,
    Queue,
    User,
    Worker,
)
from core.operation import Machine
from core.operations.connection import connection
from core.operations.demo import demo_mode
from core.settings import settings
from tests.factories import make_user

QUEUES = ("open", "paused", "unserved", "quiet")
KINDS = ("demo.enable", "demo.disable", "demo.switch", "demo.unknown", "maintenance.expire_sessions")
LIVE = (JobStatus.QUEUED, JobStatus.RUNNING)
#: Seconds before now, half a minute from every limit, so that the time between two statements changes nothing.
PAST = (0, 130, 300, 650, 4000, 90_000)
AGES = (-7200, -300, *PAST)


class World:
    """Workers, queues, kinds, users and jobs at random."""

    def __init__(self, session: Session, seed: int) -> None:
        self._session, self._chance = session, random.Random(seed)
        self._now: datetime = session.exec(select(clock.db_now())).one()
        self._workers = self._make_workers()
        self._control()
        for _ in range(40):
            self._make_user_with_jobs()
        session.flush()

    def _ago(self, *ages: int) -> datetime:
        return self._now - timedelta(seconds=self._chance.choice(ages or AGES))

    def _make_workers(self) -> list[UUID]:
        workers = [self._worker(queues) for queues in (["open", "paused"], ["open"], ["unserved"]) for _ in range(3)]
        # In some worlds, no queue has a worker.
        is_empty = self._chance.random() < 0.2
        for worker in workers:
            if is_empty or worker.queues == ["unserved"]:
                worker.lost_at = self._now
        # All workers of one queue are quiet, and in some worlds of the others, too.
        quiet = [self._worker(["quiet"]) for _ in range(2)]
        for worker in quiet + workers * (self._chance.random() < 0.2):
            worker.queues, worker.quiet_queues, worker.quiet_at = [], worker.queues, self._now
            worker.quiet_by = "Ana"
        workers += quiet
        self._session.add_all(workers)
        return [worker.id for worker in workers]

    def _worker(self, queues: list[str]) -> Worker:
        beat, ended = self._ago(0, 0, 300, 650, 4000), self._chance.choice((None, None, None, self._now))
        return Worker(host="w", pid=1, threads=2, queues=queues, heartbeat_at=beat, lost_at=ended)

    def _control(self) -> None:
        self._session.add(Queue(name="paused", paused_at=self._now, paused_by="Ana"))
        limits = ({}, {"paused_at": self._now, "paused_by": "Ana"}, {"max_running": 0}, {"max_per_worker": 0})
        for kind in self._chance.sample(KINDS, 2):
            self._session.add(JobKind(kind=kind, **self._chance.choice(limits)))

    def _make_user_with_jobs(self) -> None:
        user = make_user(self._session, demo_mode_status=self._chance.choice(list(DemoModeStatus)))
        self._session.flush()
        self._unsettle_connection(user)
        has_active, last = False, None
        for _ in range(self._chance.randrange(4)):
            job = self._job(user, last)
            has_active |= job.machine is not None and job.status in LIVE
            if has_active and job.machine is not None and job.status not in LIVE:
                continue  # what has ended came before what is under way
            self._session.add(job)
            self._session.flush()
            last = job
            if has_active and job.machine is not None:
                return

    def _unsettle_connection(self, user: User) -> None:
        own = self._session.exec(select(PlatformConnection).where(PlatformConnection.user_id == user.id)).one()
        own.connection_status = self._chance.choice(list(ConnectionStatus))
        own.access_token = self._chance.choice([None, "sealed", "sealed"])
        own.token_expires_at = self._chance.choice(
            [None, *(self._now + timedelta(hours=hours) for hours in (-1, 1, 2))]
        )
        own.refresh_at, own.withdrawn_at = (
            self._chance.choice(each) for each in ([self._now] * 3 + [None], [None] * 3 + [self._now])
        )
        for job in [self._job(user, None) for _ in range(self._chance.randrange(3))]:
            kind = self._chance.choice(["connection.refresh", "connection.disconnect"])
            job.sqlmodel_update({"kind": kind, "machine": connection.name, "connection_id": own.id})
            self._session.add(job)
            self._session.flush()
            if job.status in LIVE:
                break

    def _job(self, user: User, last: BackgroundJob | None) -> BackgroundJob:
        kind, status = self._chance.choice(KINDS), self._chance.choice(list(JobStatus))
        is_repeat = last is not None and last.status is JobStatus.FAILED and self._chance.random() < 0.5
        if is_repeat and self._chance.random() < 0.3:
            status = JobStatus.CANCELLED
        is_running, has_ended = status is JobStatus.RUNNING, status not in LIVE
        started = is_running or has_ended
        return BackgroundJob(
            kind=kind,
            queue=self._chance.choice(QUEUES),
            machine=demo_mode.name if kind.startswith("demo.") else None,
            user_id=user.id,
            status=status,
            attempt=self._chance.choice((0, 1)) if not started else 1,
            token=1 if started else 0,
            worker_id=self._chance.choice([*self._workers, UUID(int=5)]) if is_running else None,
            retry_of=last.id if last and is_repeat else None,
            cancel_requested_at=self._now if is_running and self._chance.random() < 0.3 else None,
            created_at=self._ago(*PAST),
            run_at=self._ago(),
            updated_at=self._ago(-60, -60, 130, 650, 4000),
            finished_at=self._now if has_ended else None,
        )


def jobs_by_sql(session: Session) -> dict[UUID, str]:
    return dict(session.connection().execute(sa.select(col(BackgroundJob.id), job_situation())).all())


def row_of(job: BackgroundJob) -> UUID | None:
    return job.connection_id or job.user_id


def open_by_rule(session: Session) -> set[UUID]:
    """Return the failures that no other work has come after, by the rule itself, job by job."""
    jobs = list(session.exec(select(BackgroundJob)))
    counting = [each for each in jobs if each.status is not JobStatus.CANCELLED]
    states = dict(session.connection().execute(sa.select(col(User.id), col(User.demo_mode_status))).all())
    of_connections = sa.select(col(PlatformConnection.id), col(PlatformConnection.connection_status))
    states |= dict(session.connection().execute(of_connections).all())

    def is_settled(job: BackgroundJob) -> bool:
        if any(each.retry_of == job.id for each in counting):
            return True
        if job.machine is None:
            return False
        row_id = row_of(job)
        has_moved = states[row_id] != demo_mode.failed and (job.token == 0 or job.started_at is not None)
        place, of_row = (job.created_at, job.id), (job.machine, row_id)
        later = ((each.machine, row_of(each)) == of_row and (each.created_at, each.id) > place for each in counting)
        return has_moved or any(later)

    return {job.id for job in jobs if job.status is JobStatus.FAILED and not is_settled(job)}


def cancelled_since(session: Session) -> set[UUID]:
    """Return the failures whose retry was cancelled."""
    retries = sa.select(col(BackgroundJob.retry_of)).where(col(BackgroundJob.status) == JobStatus.CANCELLED)
    return set(session.connection().scalars(retries)) - {None}


def open_failures(session: Session) -> set[UUID]:
    return set(session.connection().scalars(sa.select(col(BackgroundJob.id)).where(is_unsettled_failure())))


def users_by_sql(session: Session) -> dict[UUID, str]:
    return dict(session.connection().execute(sa.select(col(User.id), user_situation())).all())


def jobs_by_function(session: Session) -> dict[UUID, str]:
    jobs = truncated(BackgroundJob)
    return {job.id: explain(load_context(session, job)).situation for job in session.exec(select(jobs))}


def users_by_function(session: Session) -> dict[UUID, str]:
    found: dict[UUID, str] = {}
    for user in session.exec(select(User)):
        own = session.exec(select(PlatformConnection).where(PlatformConnection.user_id == user.id))
        found[user.id] = worst(
            situation_in(session, machine, row)
            for machine, row in [(demo_mode, user), *((connection, row) for row in own)]
        )
    return found


def situation_in(session: Session, machine: Machine[Any], row: Any) -> Situation:
    job = latest_job(session, machine.name, row.id)
    return diagnose(machine, row, load_context(session, job) if job else None).situation


@pytest.fixture(autouse=True)
def _limits_far_apart(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Quiet after 60 s, silent after 200, lost after 400, neglected after 900."""
    for name, seconds in (("HEARTBEAT", 100), ("LEASE", 400), ("SWEEP", 100)):
        monkeypatch.setenv(f"UNSTUCK_{name}_SECONDS", str(seconds))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.parametrize("seeds", [range(4), pytest.param(range(4, 103), marks=pytest.mark.slow)], ids=["few", "many"])
def test_lists_and_sentences_agree_on_every_job_and_user(session: Session, seeds: range) -> None:
    seen: Counter[str] = Counter()
    reopened = 0
    for seed in seeds:
        World(session, seed)
        by_sql = jobs_by_sql(session)
        assert by_sql == jobs_by_function(session), seed
        assert open_failures(session) == {job for job, each in by_sql.items() if each == Situation.FAILED}, seed
        assert open_failures(session) == open_by_rule(session), seed
        reopened += len(open_failures(session) & cancelled_since(session))
        assert users_by_sql(session) == users_by_function(session), seed
        seen.update(by_sql.values())
        session.rollback()
    assert set(seen) == set(Situation), "every situation was met"
    assert reopened, "failures were met whose retry was cancelled"
