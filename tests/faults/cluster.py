"""Worker processes on servers that may be harmed, the promises' ledger, and the one end of every fault test."""

import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from uuid import UUID

from sqlalchemy import make_url, text
from sqlmodel import Session, col, func, select

from core import bus
from core.commands.gateway import CommandRequest, perform
from core.database.engine import connect, session_scope
from core.database.window import MOST
from core.diagnosis.invariants import violations
from core.job_list.attempts import job_attempts
from core.jobs.request import request_task
from core.models import TERMINAL, BackgroundJob, Interaction, JobStatus, User, Worker
from tasks.broker import make_broker
from tasks.redis_bus import RedisBus
from tests import driving
from tests.factories import SUPPORT, make_user
from tests.faults import forked, kinds
from tests.faults.servers import SECRET, Servers
from tests.loaded import Forked
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = (str(ROOT / "main.py"),)
#: The same program with the kinds of the fault tests.
WITH_KINDS = ("-m", "tests.faults.worker")
#: The smallest preset's interactions.
NANO = 60

#: Lease 2 s, as the promises say; everything else in proportion.
FAST = {
    "UNSTUCK_LEASE_SECONDS": "2",
    "UNSTUCK_HEARTBEAT_SECONDS": "0.5",
    "UNSTUCK_SWEEP_SECONDS": "0.5",
    "UNSTUCK_GRACE_SECONDS": "5",
    "UNSTUCK_BACKOFF_SECONDS": "0.1",
    "UNSTUCK_SECRET_KEY": SECRET,
}
Process = subprocess.Popen[bytes] | Forked


class Cluster:
    """Workers on one database; `acknowledged` holds every job id that was ever returned."""

    def __init__(self, servers: Servers, database_url: str) -> None:
        self.servers = servers
        self.database_url = database_url
        self.engine = connect(database_url)
        self.acknowledged: list[UUID] = []
        self.log = servers.data_dir / f"workers-{database_url[-40:].split('?')[0][-8:]}-{os.getpid()}.log"
        self._healthy: list[Process] = []
        self._started: list[Process] = []
        self._supervisors: list[Process] = []
        with session_scope(self.engine) as session:
            session.connection().execute(text(kinds.EFFECTS))

    def environment(self, **settings: object) -> dict[str, str]:
        """Return a child's environment: this cluster's servers, short times, and `settings`."""
        own = {"DATABASE_URL": self.database_url, "REDIS_URL": self.servers.redis_url, "PYTHONPATH": str(ROOT)}
        return {**os.environ, **FAST, **own, **{name: str(value) for name, value in settings.items()}}

    def spawn(self, command: Sequence[str], **settings: object) -> Process:
        """Start one of the program's commands; it ends with the test at the latest."""
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=self.environment(**settings), stdout=log, stderr=log
            )
        self._started.append(process)
        return process

    def fork_worker(self, *, knows_kinds: bool = False, threads: int = 4, **settings: object) -> Process:
        """Start `main.py worker` from a process that has loaded it; it ends with the test at the latest."""
        arguments = ["worker", "--threads", str(threads)]
        process = Forked(forked.be, arguments, self.environment(**settings), str(self.log), knows_kinds)
        self._started.append(process)
        return process

    def start_worker(self, *, knows_kinds: bool = False, threads: int = 4, **settings: object) -> Process:
        """Start a worker and wait until it is registered, or has ended."""
        return self.start_workers(1, knows_kinds=knows_kinds, threads=threads, **settings)[0]

    def start_workers(
        self, number: int, *, knows_kinds: bool = False, threads: int = 4, **settings: object
    ) -> list[Process]:
        """Start workers side by side, and wait until each is registered, or has ended."""
        processes = [self.fork_worker(knows_kinds=knows_kinds, threads=threads, **settings) for _ in range(number)]
        for process in processes:
            eventually(lambda process=process: process.poll() is not None or self.is_registered(process), within=60)
        if not settings:
            self._healthy += processes
        return processes

    def start_supervised(self, *, threads: int, **settings: object) -> Process:
        """Start a worker that is started again whenever it ends, and wait until it is registered."""
        supervisor = self.spawn(("-m", "tests.faults.supervised", str(threads)), **settings)
        before = self._workers()
        eventually(lambda: self._workers() > before, within=60)
        self._healthy.append(supervisor)
        self._supervisors.append(supervisor)
        return supervisor

    def _workers(self) -> int:
        return len(self.workers())

    def workers(self) -> list[Worker]:
        """Return every worker that has ever registered."""
        with Session(self.engine) as session:
            return list(session.exec(select(Worker)))

    def is_registered(self, process: Process) -> bool:
        """Return whether a worker process has registered."""
        with Session(self.engine) as session:
            return bool(session.exec(select(Worker.id).where(Worker.pid == process.pid)).first())

    def ask(self, users: int = 1, preset: str = "nano") -> list[tuple[User, BackgroundJob]]:
        """Request demo mode for new users through the gateway, as the console does."""
        return [(user, self.perform("demo.enable", user, preset=preset)) for user in self.make_users(users)]

    def make_users(self, number: int) -> list[User]:
        """Add creators."""
        with session_scope(self.engine) as session:
            return [make_user(session) for _ in range(number)]

    def perform(self, name: str, user: User, **form: object) -> BackgroundJob:
        """Start an operation on a user through the gateway, and note the id that it acknowledged."""
        answer = perform(self.engine, SUPPORT, CommandRequest(name=name, target=user.id, args=form))
        return self._note(UUID(answer["job_id"]))

    def ask_task(self, name: str, **form: object) -> BackgroundJob:
        """Request one of the fault tests' own kinds."""
        task = kinds.BY_FAULT[name]
        with session_scope(self.engine) as session:
            job_id = request_task(session, task, task.form(**form), SUPPORT).id
        return self._note(job_id)

    def _note(self, job_id: UUID) -> BackgroundJob:
        self.acknowledged.append(job_id)
        return self.job(job_id)

    def job(self, job: BackgroundJob | UUID) -> BackgroundJob:
        """Return a job as it is now."""
        return driving.job_row(self.engine, job if isinstance(job, UUID) else job.id)

    def has_ended(self, *jobs: BackgroundJob) -> bool:
        """Return whether these jobs have all ended."""
        return all(self.job(job).status in TERMINAL for job in jobs)

    def all_ended(self) -> bool:
        """Return whether no job is queued or running."""
        live = select(func.count()).select_from(BackgroundJob).where(col(BackgroundJob.status).not_in(TERMINAL))
        with Session(self.engine) as session:
            return not session.exec(live).one()

    def count(self, status: JobStatus) -> int:
        """Return the number of jobs in a status."""
        jobs = select(func.count()).select_from(BackgroundJob).where(col(BackgroundJob.status) == status)
        with Session(self.engine) as session:
            return session.exec(jobs).one()

    def outcomes(self, job: BackgroundJob) -> list[str]:
        """Return how each attempt of a job ended, the first one first."""
        with Session(self.engine) as session:
            return [attempt.outcome.value for attempt in job_attempts(session, job.id, MOST).turned()]

    def state_of(self, user: User) -> tuple[str, int]:
        """Return a user's demo mode, and how many demo interactions they have."""
        demo_rows = select(func.count()).select_from(Interaction)
        with Session(self.engine) as session:
            rows = session.exec(demo_rows.where(Interaction.user_id == user.id, col(Interaction.is_demo))).one()
            return session.get_one(User, user.id).demo_mode_status.value, rows

    def effects_of(self, job: BackgroundJob) -> list[int]:
        """Return the steps of one of the fault tests' own jobs that left an effect."""
        query = text("SELECT step FROM fault_effects WHERE job_id = :id ORDER BY step")
        with Session(self.engine) as session:
            return list(session.connection().execute(query, {"id": job.id}).scalars())

    def open_transactions(self) -> int:
        """Return how many sessions of workers sit in an open transaction and do nothing."""
        query = text(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND state = 'idle in transaction' AND now() - state_change > interval '0.1 s'"
        )
        with Session(self.engine) as session:
            return session.connection().execute(query).scalar_one()

    def is_silent(self) -> bool:
        """Return whether every worker has missed two heartbeats."""
        query = text(
            "SELECT bool_and(heartbeat_at < now() - interval '1.2 s') FROM workers "
            "WHERE stopped_at IS NULL AND lost_at IS NULL"
        )
        with Session(self.engine) as session:
            return session.connection().execute(query).scalar_one() is not False

    def now(self) -> datetime:
        """Return the database's time."""
        with Session(self.engine) as session:
            return session.connection().execute(text("SELECT now()")).scalar_one()

    def terminate_connections(self) -> int:
        """End every other connection to this cluster's database, and return how many there were."""
        query = text(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        with Session(self.engine) as session:
            return session.connection().execute(query).scalar_one()

    def kill_healthy(self) -> None:
        """Kill every worker that was started without settings of its own."""
        for process in self._healthy:
            process.kill()
            process.wait()

    @property
    def database_name(self) -> str:
        """The name of this cluster's database."""
        return make_url(self.database_url).database or ""

    def worker_of(self, job: BackgroundJob) -> Worker:
        """Return the worker that holds a job."""
        with Session(self.engine) as session:
            return session.get_one(Worker, self.job(job).worker_id)

    def begin(self, job: BackgroundJob, steps: int = 1) -> None:
        """Wait until a job has committed some of its work."""
        eventually(lambda: self.job(job).progress_done >= steps or self.has_ended(job), within=30)
        assert not self.has_ended(job), "the job ended before it could be harmed"

    @contextmanager
    def wakeup(self) -> Iterator[None]:
        """Let this process send wake-ups and announcements as the console does."""
        self._carrier = RedisBus(make_broker(self.servers.redis_url))
        bus.use(self._carrier)
        try:
            yield
        finally:
            bus.use(bus.NullBus())
            self._carrier.close()

    def wipe_broker(self) -> None:
        """Send every noted wake-up, and then empty the broker."""
        self._carrier.flush()
        with self.servers.broker() as client:
            client.flushall()

    def heal(self) -> None:
        """Repair servers and network, wake frozen workers, and make sure that a healthy worker lives."""
        self.servers.heal()
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
        if not any(process.poll() is None for process in self._healthy):
            self.start_worker(knows_kinds=True)

    def log_text(self) -> str:
        """Return what all processes of this cluster have logged."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def stop(self) -> None:
        """End every process that still lives."""
        for supervisor in self._supervisors:
            supervisor.terminate()
        for supervisor in self._supervisors:
            supervisor.wait(30)
        for process in self._started:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait()
        self.engine.dispose()


def heal_and_check(cluster: Cluster, within: float = 30) -> None:
    """Heal, drain in bounded time, hold every invariant, and compare the ledger with the table."""
    cluster.heal()
    eventually(cluster.all_ended, within=within)
    assert broken(cluster) == []


def broken(cluster: Cluster) -> list[str]:
    """Return a sentence for each broken promise; an empty list is good."""
    with Session(cluster.engine) as session:
        violated = [f"{violation.invariant.says}: {violation.rows}" for violation in violations(session)]
        jobs = {job.id: job for job in session.exec(select(BackgroundJob))}
        sets = Counter(session.exec(select(Interaction.user_id).where(col(Interaction.is_demo))))
        enabled = session.exec(select(User.id).where(User.demo_mode_status == "enabled", User.demo_preset == "nano"))
        violated += [f"user {user} has {sets[user]} interactions" for user in enabled if sets[user] != NANO]
        steps = session.connection().execute(
            text("SELECT job_id, array_agg(step ORDER BY step) FROM fault_effects GROUP BY 1")
        )
        left = {job_id: list(done) for job_id, done in steps}
    violated += [f"job {job_id} was lost" for job_id in cluster.acknowledged if job_id not in jobs]
    violated += [f"job {job.id} is stuck in {job.status}" for job in jobs.values() if job.status not in TERMINAL]
    for job in jobs.values():
        effects = left.get(job.id, [])
        if effects != list(range(job.progress_done)) and job.kind.startswith("fault."):
            violated.append(
                f"job {job.id} ({job.kind}, {job.status}) reports {job.progress_done} steps and left {effects}"
            )
        if job.kind == "fault.steps" and job.status is JobStatus.SUCCEEDED and len(effects) != job.args["steps"]:
            violated.append(f"job {job.id} succeeded and left {effects}")
    return violated
