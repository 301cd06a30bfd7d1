"""Real worker processes on real servers, for tests that harm them."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from core.db import session_scope
from core.models import BackgroundJob, Interaction, JobStatus, User, Worker
from tests import driving
from tests.factories import make_user
from tests.waiting import eventually

MAIN = Path(__file__).parents[2] / "main.py"
LIVE = (JobStatus.QUEUED, JobStatus.RUNNING)

#: Lease 2 s, as the promises say; steps slow enough that there is a middle to harm.
FAST = {
    "UNSTUCK_LEASE_SECONDS": "2",
    "UNSTUCK_HEARTBEAT_SECONDS": "0.5",
    "UNSTUCK_SWEEP_SECONDS": "0.5",
    "UNSTUCK_GRACE_SECONDS": "5",
    "UNSTUCK_BACKOFF_SECONDS": "0.1",
}


class Cluster:
    """Worker processes on this test's database and broker."""

    def __init__(self, engine: Engine, database_url: str, redis_url: str) -> None:
        self.engine = engine
        self.redis_url = redis_url
        self._environment = {
            **os.environ,
            **FAST,
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "UNSTUCK_SECRET_KEY": "a-secret-for-tests-and-for-nothing-else",
        }
        self._started: list[subprocess.Popen[bytes]] = []

    def start_worker(self, **settings: object) -> subprocess.Popen[bytes]:
        """Start a worker and wait until it is registered."""
        before = self._workers()
        extra = {name: str(value) for name, value in settings.items()}
        command = [sys.executable, str(MAIN), "worker", "--threads", "4"]
        with Path(os.environ.get("UNSTUCK_TEST_LOG", os.devnull)).open("ab") as log:
            process = subprocess.Popen(command, env={**self._environment, **extra}, stdout=log, stderr=log)
        self._started.append(process)
        eventually(lambda: self._workers() > before or process.poll() is not None, within=30)
        return process

    def ask(self, users: int = 1, preset: str = "nano") -> list[tuple[User, BackgroundJob]]:
        """Request demo mode for new users, and ring as the console would."""
        asked = []
        for _ in range(users):
            with session_scope(self.engine) as session:
                user = make_user(session)
            job_id = driving.ask(self.engine, driving.BY_NAME["demo.enable"], user.id, {"preset": preset})
            asked.append((user, driving.job_row(self.engine, job_id)))
        return asked

    def all_ended(self) -> bool:
        """Tell whether no job is queued or running."""
        with Session(self.engine) as session:
            return not session.exec(
                select(func.count()).select_from(BackgroundJob).where(col(BackgroundJob.status).in_(LIVE))
            ).one()

    def progress_of(self, job: BackgroundJob) -> int:
        """Return how many units of a job are committed."""
        return driving.job_row(self.engine, job.id).progress_done

    def sets_of(self, user: User) -> int:
        """Return how many demo interactions a user has."""
        with Session(self.engine) as session:
            mine = select(func.count()).select_from(Interaction)
            return session.exec(mine.where(Interaction.user_id == user.id, col(Interaction.is_demo))).one()

    def stop(self) -> None:
        """End every worker that still lives."""
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()

    def _workers(self) -> int:
        with Session(self.engine) as session:
            return session.exec(select(func.count()).select_from(Worker)).one()


@pytest.fixture
def cluster(engine: Engine, database_url: str, redis_url: str) -> Iterator[Cluster]:
    """Return a cluster without workers."""
    cluster = Cluster(engine, database_url, redis_url)
    yield cluster
    cluster.stop()


@pytest.fixture
def wipe_broker(redis_url: str) -> Callable[[], None]:
    """Return what empties Valkey, as FLUSHALL by hand does."""

    def wipe() -> None:
        with redis.Redis.from_url(redis_url) as client:
            client.flushall()

    return wipe
