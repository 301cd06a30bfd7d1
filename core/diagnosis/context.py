"""The facts that a diagnosis uses: a job, its worker, live workers, jobs ahead, controls."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.database.statements import Query, fetch
from core.database.truncate import IN_LIST, truncated
from core.diagnosis.alike import Alike, users_waiting, users_with_error
from core.diagnosis.capacity import Capacity, load_capacity
from core.diagnosis.latest import latest_job
from core.diagnosis.owners import about_of, owners_page_of
from core.diagnosis.place import AHEAD_LIMIT, JobPlace, load_place
from core.diagnosis.situation import JobFacts, Situation, is_settled, silent_after, situation_of
from core.jobs.failure import WORKER_GONE
from core.jobs.labels import Label, is_alive, label_of
from core.jobs.losses import Losses, losses_of
from core.jobs.proof import ending_of, is_by_hand
from core.jobs.subject import machine_of
from core.jobs.workers import runs_suspect
from core.models import TERMINAL, BackgroundJob, JobKind, JobStatus, Queue, Worker
from core.operation import Operation
from core.operations import BY_NAME
from core.wording import spoken


@dataclass(frozen=True, slots=True)
class Controls:
    """The operators' settings for a job's queue and kind; None: never set."""

    queue: Queue | None = None
    kind: JobKind | None = None
    #: Running jobs of the kind, by worker; counted only where the kind has limits.
    running: Mapping[UUID | None, int] = field(default_factory=dict)
    #: Due jobs of a paused queue, and of a paused kind, counted up to AHEAD_LIMIT.
    due_in_queue: int = 0
    due_of_kind: int = 0

    @property
    def hold(self) -> bool:
        """Whether an operator has stopped the queue or the kind: by a pause, or a limit of 0."""
        queue, kind = self.queue, self.kind
        return bool(
            (queue and queue.paused_at) or (kind and (kind.paused_at or 0 in (kind.max_running, kind.max_per_worker)))
        )


@dataclass(frozen=True, slots=True)
class JobContext:
    """A job and the facts around it, read in one transaction; `now` is the database's time."""

    now: datetime
    job: BackgroundJob
    worker: Worker | None
    capacity: Capacity
    place: JobPlace = field(default_factory=JobPlace)
    controls: Controls = field(default_factory=Controls)
    #: It failed, and a later job that was not cancelled, or another state, has come after it.
    is_settled: bool = False
    #: Which other users are in the same trouble; read only where a person has to act.
    alike: Alike = field(default_factory=Alike)
    #: How often it has lost its worker; loaded where that says what comes next, or what its attempts were.
    losses: Losses = field(default_factory=Losses)
    #: It is due, and a worker that runs a suspect of its queue keeps its free threads from others.
    is_kept_waiting: bool = False
    #: How the program ended an operation's job, as its event says; None: it did not, or the event is archived.
    ending: JobStatus | None = None
    #: No other job of its user or connection came after it; loaded where a person wrote its status.
    is_latest: bool = False
    #: The page on which its owner mends what only they can; empty: it did not fail of that.
    owners_page: str = ""
    #: Which of a user's rows of one kind it is about, in brackets; empty: there is one only.
    about: str = ""

    @property
    def facts(self) -> JobFacts:
        """The facts that the job's situation follows from."""
        job, worker = self.job, self.worker
        return JobFacts(
            status=job.status,
            is_due=job.run_at <= self.now,
            is_held=self.is_held,
            is_served=self.capacity.is_serving,
            is_known=job.kind in BY_NAME,
            is_settled=self.is_settled,
            has_live_worker=is_alive(worker, self.now),
            silent=self.now - (worker.heartbeat_at if worker else job.updated_at),
            quiet=self.now - job.updated_at,
        )

    @property
    def is_held(self) -> bool:
        """Whether a person has stopped the queue, the kind, or every worker of the queue."""
        return self.controls.hold or self.capacity.quiet is not None

    @property
    def situation(self) -> Situation:
        """The job's present situation."""
        return situation_of(self.facts)

    @property
    def label(self) -> Label:
        """The job's present label."""
        return label_of(self.job, self.worker, self.now)

    @property
    def is_by_hand(self) -> bool:
        """Whether a person wrote the status of an ended job into the database."""
        return self.job.status in TERMINAL and is_by_hand(self.job, self.ending)

    @property
    def end(self) -> str:
        """How and when an ended job did: "cancelled 3 min ago"."""
        if self.job.finished_at is None:
            return f"{self.label} directly in the database, at a time that is not recorded"
        return f"{self.label} {self.since(self.job.finished_at)} ago"

    def since(self, moment: datetime | None) -> str:
        """Return how long ago a moment was, in words."""
        return spoken(self.now - moment) if moment else "an unknown time"


def name_of(context: JobContext) -> str:
    """Return what a job does, in words: Enabling demo mode."""
    kind = BY_NAME.get(context.job.kind)
    if isinstance(kind, Operation):
        return f"{kind.doing.rstrip('…')}{context.about}"
    return kind.label if kind else context.job.kind


def requested_evidence(context: JobContext) -> tuple[str, ...]:
    """Return when a job was requested, as evidence."""
    return (f"Requested {context.since(context.job.created_at)} ago.",)


def load_context(session: Session, job: BackgroundJob) -> JobContext:
    """Load the facts around a job."""
    now, capacity = load_capacity(session, job.queue)
    worker = session.get(Worker, job.worker_id) if job.worker_id else None
    is_missed = job.status is JobStatus.RUNNING and not _is_heard(worker, now)
    place = load_place(session, job, now)
    controls = _load_controls(session, job) if is_missed or job.status is JobStatus.QUEUED else Controls()
    has_uncounted = job.status is JobStatus.FAILED and job.token > job.attempt
    may_be_suspect = job.status is JobStatus.QUEUED and job.error_fingerprint == WORKER_GONE.fingerprint
    losses = losses_of(session, job.id) if is_missed or has_uncounted or may_be_suspect else Losses()
    ending = ending_of(session, job) if job.status in TERMINAL and job.machine else None
    settled = _load_settled(session, job)
    context = JobContext(now, job, worker, capacity, place, controls, settled, losses=losses, ending=ending)
    latest = context.is_by_hand and _load_latest(session, job)
    is_kept = context.facts.is_due and job.status is JobStatus.QUEUED and runs_suspect(session, job.queue)
    context = replace(context, alike=_load_alike(session, context), is_latest=latest, is_kept_waiting=is_kept)
    return replace(context, owners_page=owners_page_of(session, job), about=about_of(session, job))


def _load_alike(session: Session, context: JobContext) -> Alike:
    job, situation = context.job, context.situation
    if job.user_id is None:
        return Alike()
    if situation is Situation.STUCK and context.capacity.workers == 0:
        return users_waiting(session, job.queue, job.user_id)
    pauses = situation is Situation.WAITING and context.label is Label.RETRYING
    if job.error_fingerprint and (pauses or situation is Situation.FAILED):
        return users_with_error(session, job.error_fingerprint, job.user_id)
    return Alike()


def _load_latest(session: Session, job: BackgroundJob) -> bool:
    machine = machine_of(job)
    row_id = machine.id_in(job.user_id, job.connection_id) if machine else None
    latest = latest_job(session, machine.name, row_id) if machine and row_id else None
    return latest is not None and latest.id == job.id


def _is_heard(worker: Worker | None, now: datetime) -> bool:
    """Tell whether a worker lives and is not late with its heartbeat."""
    return worker is not None and is_alive(worker, now) and now - worker.heartbeat_at <= silent_after()


def _load_settled(session: Session, job: BackgroundJob) -> bool:
    return job.status is JobStatus.FAILED and bool(fetch(session, _settled(), job_id=job.id)[0][0])


@cache
def _settled() -> Query:
    return sa.select(is_settled(BackgroundJob)).where(col(BackgroundJob.id) == sa.bindparam("job_id"))


def _load_controls(session: Session, job: BackgroundJob) -> Controls:
    queues, kinds = truncated(Queue, IN_LIST), truncated(JobKind, IN_LIST)
    queue = session.exec(select(queues).where(col(queues.name) == job.queue)).first()
    kind = session.exec(select(kinds).where(col(kinds.kind) == job.kind)).first()
    jobs = BackgroundJob
    in_queue = _due(session, col(jobs.queue) == job.queue) if queue and queue.paused_at else 0
    of_kind = _due(session, col(jobs.kind) == job.kind) if kind and kind.paused_at else 0
    if kind is None or (kind.max_running is None and kind.max_per_worker is None):
        return Controls(queue, kind, due_in_queue=in_queue, due_of_kind=of_kind)
    running = session.exec(
        select(jobs.worker_id).where(col(jobs.status) == JobStatus.RUNNING, col(jobs.kind) == job.kind)
    )
    return Controls(queue, kind, Counter(running), in_queue, of_kind)


def _due(session: Session, those: sa.ColumnElement[bool]) -> int:
    """Return how many of those jobs are queued and due, counted up to AHEAD_LIMIT."""
    is_due = sa.and_(col(BackgroundJob.status) == JobStatus.QUEUED, col(BackgroundJob.run_at) <= clock.db_now())
    some = sa.select(col(BackgroundJob.id)).where(is_due, those).limit(AHEAD_LIMIT).subquery()
    return int(fetch(session, sa.select(sa.func.count()).select_from(some))[0][0])
