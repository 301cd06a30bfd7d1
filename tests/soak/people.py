"""Operators who request, cancel, retry and dismiss at random while everything breaks, and remember each answer."""

import threading
from collections.abc import Callable
from random import Random
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select

from core.commands.gateway import CommandRequest, perform
from core.database.engine import session_scope
from core.errors import Refused
from core.models import TERMINAL, BackgroundJob, JobStatus, User
from tests.factories import SUPPORT
from tests.faults import kinds
from tests.faults.cluster import Cluster

#: Creators whose demo mode is switched on and off.
USERS = 40
#: Seconds between two commands of one operator.
PAUSE = (0.02, 0.4)


class Operator(threading.Thread):
    """One person at the console; their acknowledged jobs go into the ledger."""

    def __init__(self, cluster: Cluster, users: list[User], random: Random) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._users = users
        self._random = random
        self._enough = threading.Event()
        self.acknowledged: list[UUID] = []
        #: Jobs whose cancel was accepted: none of them may succeed.
        self.cancelled: set[UUID] = set()
        #: Jobs that were seen to have ended, and how: none of them may change.
        self.ended: dict[UUID, tuple[JobStatus, object]] = {}
        self.error: BaseException | None = None
        self._wishes: dict[Callable[[], None], int] = {
            self._enable: 30,
            self._disable: 20,
            self._dismiss: 10,
            self._task: 15,
            self._cancel: 12,
            self._retry: 10,
            self._look: 3,
        }

    def run(self) -> None:
        """Run one command after the other; refusals and an unreachable database are part of the day."""
        try:
            while not self._enough.wait(self._random.uniform(*PAUSE)):
                [act] = self._random.choices(list(self._wishes), list(self._wishes.values()))
                try:
                    act()
                except (Refused, SQLAlchemyError):
                    continue
        except BaseException as error:  # noqa: BLE001 - told in the end, by the thread that joins
            self.error = error

    def stop(self) -> None:
        """Stop."""
        self._enough.set()
        self.join(60)

    def _enable(self) -> None:
        self._ask("demo.enable", self._anyone(), preset="nano")

    def _disable(self) -> None:
        self._ask("demo.disable", self._anyone())

    def _dismiss(self) -> None:
        self._ask("demo.dismiss", self._anyone())

    def _task(self) -> None:
        self.acknowledged.append(self._cluster.ask_task("fault.steps", steps=4, seconds=0.1).id)

    def _cancel(self) -> None:
        if job := self._any_job(JobStatus.QUEUED, JobStatus.RUNNING):
            perform(self._cluster.engine, SUPPORT, CommandRequest(name="job.cancel", target=job, reason="soak"))
            self.cancelled.add(job)

    def _retry(self) -> None:
        if job := self._any_job(JobStatus.FAILED, JobStatus.CANCELLED):
            answer = perform(self._cluster.engine, SUPPORT, CommandRequest(name="job.retry", target=job, reason="soak"))
            self.acknowledged.append(UUID(answer["job_id"]))

    def _look(self) -> None:
        """Note how the newest jobs ended."""
        newest = select(BackgroundJob).where(col(BackgroundJob.status).in_(TERMINAL))
        with session_scope(self._cluster.engine) as session:
            for job in session.exec(newest.order_by(col(BackgroundJob.updated_at).desc()).limit(100)):
                self.ended.setdefault(job.id, (job.status, job.finished_at))

    def _ask(self, name: str, user: UUID, **form: object) -> None:
        answer = perform(self._cluster.engine, SUPPORT, CommandRequest(name=name, target=user, args=form))
        self.acknowledged.append(UUID(answer["job_id"]))

    def _anyone(self) -> UUID:
        return self._random.choice(self._users).id

    def _any_job(self, *statuses: JobStatus) -> UUID | None:
        candidates = select(BackgroundJob.id).where(
            col(BackgroundJob.status).in_(statuses), col(BackgroundJob.queue) != kinds.FLOODED
        )
        with Session(self._cluster.engine) as session:
            return session.exec(candidates.order_by(func.random()).limit(1)).first()
