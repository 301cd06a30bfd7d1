"""Prepared targets of the commands: users, jobs, queues, schedules in the state that it starts from."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID, uuid4

from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core import clock
from core.bulk.frozen import BulkForm, freeze
from core.database.engine import session_scope
from core.jobs.request import JobOptions, request
from core.jobs.reschedule import reschedule
from core.messages.outbox import Message, put
from core.models import (
    Alert,
    AlertSnooze,
    BackgroundJob,
    BulkRow,
    BulkStatus,
    ConnectionStatus,
    DemoModeStatus,
    Event,
    FailureDecision,
    FailureState,
    JobKind,
    JobStatus,
    PersonalToken,
    PlatformConnection,
    Queue,
    SavedView,
    Schedule,
    SecondFactor,
    User,
    UserSession,
    Worker,
)
from core.operations import demo
from core.operations.demo import EnableForm
from tests.factories import SUPPORT


@dataclass(frozen=True)
class Target:
    """The target of a command, by each of its names."""

    id: UUID | None = None
    email: str = ""
    name: str = ""
    #: Another time for it.
    time: str = ""

    def fill(self, template: str) -> str:
        """Put the names into a route, an argument or a command line."""
        named = {"{id}": str(self.id), "{email}": self.email, "{name}": self.name, "{time}": self.time}
        for name, value in named.items():
            template = template.replace(name, value)
        return template


def ready(engine: Engine, stage_name: str, owner: UUID) -> Target:
    """Prepare a command's target, owned by `owner` where targets have an owner."""
    with session_scope(engine) as session:
        return STAGES[stage_name](session, session.get_one(User, owner))


def _user(state: DemoModeStatus) -> Callable[[Session, User], Target]:
    def stage(session: Session, user: User) -> Target:
        user.demo_mode_status = state
        return Target(user.id, user.email)

    return stage


def _queued(session: Session, user: User) -> Target:
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    return Target(job.id)


def _planned(session: Session, user: User) -> Target:
    now = clock.now()
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT, JobOptions(run_at=now + timedelta(hours=3)))
    return Target(job.id, time=(now + timedelta(hours=5)).isoformat())


def _failed(session: Session, user: User) -> Target:
    job = request(session, demo.enable, user.id, EnableForm(), SUPPORT)
    job.status, job.finished_at, job.error_type = JobStatus.FAILED, clock.now(), "GiveUp"
    user.demo_mode_status = DemoModeStatus.FAILED
    return Target(job.id)


def _rescheduled(session: Session, user: User) -> Target:
    job = session.get_one(BackgroundJob, _planned(session, user).id)
    reschedule(session, job.id, clock.now() + timedelta(hours=9), SUPPORT)
    session.flush()
    entry = session.exec(select(Event.id).where(col(Event.job_id) == job.id).order_by(col(Event.id).desc())).first()
    return Target(job.id, user.email, str(entry))


def _error(*, ignored: bool) -> Callable[[Session, User], Target]:
    def stage(session: Session, user: User) -> Target:
        job_id, name = _failed(session, user).id, f"error-{uuid4().hex[:8]}"
        session.get_one(BackgroundJob, job_id).error_fingerprint = name
        if ignored:
            session.add(FailureState(fingerprint=name, decision=FailureDecision.IGNORED, decided_by="somebody"))
        return Target(name=name)

    return stage


def _with_controls(table: type[Queue] | type[JobKind], key: str, *, paused: bool) -> Callable[[Session, User], Target]:
    def stage(session: Session, _: User) -> Target:
        row = session.get(table, key) or table(**{"name" if table is Queue else "kind": key})
        row.paused_at, row.paused_by = (clock.now(), "somebody") if paused else (None, None)
        session.add(row)
        return Target(name=key)

    return stage


def _schedule(*, paused: bool) -> Callable[[Session, User], Target]:
    def stage(session: Session, _: User) -> Target:
        # One run of a schedule at a time, so the job of an earlier run would be in the way.
        session.connection().execute(text("DELETE FROM background_jobs WHERE kind = 'maintenance.expire_sessions'"))
        name = f"nightly-{uuid4().hex[:8]}"
        row = Schedule(name=name, kind="maintenance.expire_sessions", cron="0 3 * * *", created_by="a test")
        row.next_due_at = clock.now()
        row.paused_at = clock.now() if paused else None
        session.add(row)
        session.flush()
        tick = (clock.now() - timedelta(days=2)).replace(hour=3, minute=0, second=0, microsecond=0)
        return Target(row.id, name=name, time=tick.isoformat())

    return stage


def _session(*, of_person: bool) -> Callable[[Session, User], Target]:
    def stage(session: Session, user: User) -> Target:
        row = UserSession(user_id=user.id, token_hash=uuid4().hex, expires_at=clock.now() + timedelta(hours=1))
        session.add(row)
        return Target(user.id if of_person else row.id)

    return stage


def _token(session: Session, user: User) -> Target:
    later = clock.now() + timedelta(days=1)
    row = PersonalToken(user_id=user.id, name="a script", token_hash=uuid4().hex, scope="read", expires_at=later)
    session.add(row)
    return Target(row.id)


def _factor(session: Session, user: User) -> Target:
    session.add(SecondFactor(user_id=user.id, secret="sealed"))
    return Target(user.id)


def _connection_in(status: ConnectionStatus) -> Callable[[Session, User], Target]:
    def prepare(session: Session, user: User) -> Target:
        row = PlatformConnection(user_id=user.id, platform="sandbox", connection_status=status)
        session.add(row)
        session.flush()
        return Target(row.id)

    return prepare


def _shut_out(session: Session, _: User) -> Target:
    user = User(email=f"{uuid4().hex[:12]}@example.com", disabled_at=clock.now())
    session.add(user)
    return Target(user.id, user.email)


def _alert(*, snoozed: bool) -> Callable[[Session, User], Target]:
    def prepare(session: Session, _: User) -> Target:
        subject, now = uuid4().hex[:12], clock.now()
        row = Alert(rule="long_wait", subject=subject, sentence="Jobs wait", href="/jobs", since=now, raised_at=now)
        session.add(row)
        if snoozed:
            until = now + timedelta(hours=1)
            session.add(AlertSnooze(rule="long_wait", subject=subject, until=until, snoozed_by="somebody"))
        session.flush()
        return Target(row.id)

    return prepare


def _message(session: Session, user: User) -> Target:
    return Target(put(session, Message(template="demo_ready", user_id=user.id)))


def _bulk(*, is_over: bool, ended: JobStatus = JobStatus.FAILED) -> Callable[[Session, User], Target]:
    def prepare(session: Session, user: User) -> Target:
        job_id = _failed(session, user).id
        assert job_id is not None
        session.flush()
        bulk = freeze(session, BulkForm(action="job.retry", ids=[job_id]), SUPPORT, None)
        if is_over:
            new = BackgroundJob(kind="demo.enable", queue="demo", status=ended, finished_at=clock.now())
            session.add(new)
            session.flush()
            bulk.status, bulk.applied = BulkStatus.DONE, 1
            session.get_one(BulkRow, (bulk.id, 1)).sqlmodel_update({"outcome": "applied", "job_id": new.id})
        return Target(bulk.id)

    return prepare


def _worker(*, quiet: bool) -> Callable[[Session, User], Target]:
    def prepare(session: Session, _: User) -> Target:
        row = Worker(host="mill", pid=1, threads=1, queues=["no such"])
        if quiet:
            row.queues, row.quiet_queues, row.quiet_at, row.quiet_by = [], row.queues, clock.now(), "somebody"
        session.add(row)
        session.flush()
        return Target(row.id)

    return prepare


def _view(session: Session, _: User) -> Target:
    row = SavedView(name=uuid4().hex[:8], filter="status:failed")
    session.add(row)
    session.flush()
    return Target(row.id)


STAGES: dict[str, Callable[[Session, User], Target]] = {
    "nothing": lambda *_: Target(),
    "new name": lambda *_: Target(name=f"new-{uuid4().hex[:8]}"),
    "view shared": _view,
    "worker alive": _worker(quiet=False),
    "worker quiet": _worker(quiet=True),
    "user disabled": _user(DemoModeStatus.DISABLED),
    "user enabled": _user(DemoModeStatus.ENABLED),
    "user failed": _user(DemoModeStatus.FAILED),
    "user adrift": _user(DemoModeStatus.ENABLING),
    "job queued": _queued,
    "job planned": _planned,
    "entry of a rescheduled job": _rescheduled,
    "job failed": _failed,
    "queue open": _with_controls(Queue, "demo", paused=False),
    "queue paused": _with_controls(Queue, "demo", paused=True),
    "kind open": _with_controls(JobKind, "demo.enable", paused=False),
    "kind paused": _with_controls(JobKind, "demo.enable", paused=True),
    "session": _session(of_person=False),
    "person with a session": _session(of_person=True),
    "token": _token,
    "factor": _factor,
    "connection": _connection_in(ConnectionStatus.CONNECTED),
    "connection adrift": _connection_in(ConnectionStatus.REFRESHING),
    "person shut out": _shut_out,
    "message": _message,
    "bulk ready": _bulk(is_over=False),
    "bulk over": _bulk(is_over=True),
    "bulk whose jobs wait": _bulk(is_over=True, ended=JobStatus.QUEUED),
    "error": _error(ignored=False),
    "error ignored": _error(ignored=True),
    "alert": _alert(snoozed=False),
    "alert snoozed": _alert(snoozed=True),
    "schedule open": _schedule(paused=False),
    "schedule paused": _schedule(paused=True),
}
