"""The real engine with one protection taken away, for the replay to find."""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest
from sqlmodel import Session

from core.database.statement import Statement
from core.errors import LeaseLost
from core.jobs import checkpoint, claim, fence, finish, request, run, subject, sweep, workers
from core.models import BackgroundJob, JobStatus
from tests.model import settings
from tests.model.state import Setting

Patch = Callable[[pytest.MonkeyPatch], None]

TOKEN = "AND token = :token"
STATUS = "AND coalesce(status, '') = 'running'"
UNLESS_CANCELLED = "AND (:status <> 'succeeded' OR cancel_requested_at IS NULL)"
UNLESS_NOTHING = UNLESS_CANCELLED.replace("'succeeded'", "''")


class EngineMutant(NamedTuple):
    """The missing protection, how it is removed, and the world in which its absence shows."""

    name: str
    patch: Patch
    setting: Setting = settings.ZOMBIES


def _sql(module: Any, name: str, old: str, new: str = "") -> Patch:
    """Return a function that replaces a part of a prepared statement, which must be there."""

    def patch(monkeypatch: pytest.MonkeyPatch) -> None:
        statement: Statement = getattr(module, name)
        assert old in statement.text, f"{name} has no {old!r} any more: this mutant needs a new place"
        monkeypatch.setattr(module, name, Statement(statement.text.replace(old, new)))

    return patch


def _instead(module: Any, name: str, other: Any) -> Patch:
    return lambda monkeypatch: monkeypatch.setattr(module, name, other)


def _held_by_anyone(session: Session, job_id: Any, token: int) -> BackgroundJob | None:
    """Lock a running job whatever its token, as its rightful holder would."""
    job = subject.lock_job(session, job_id)
    return job if job and job.status is JobStatus.RUNNING else None


def _deaf(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return an ending that ignores a requested cancel."""

    def ending(session: Session, job: BackgroundJob, *rest: Any, **more: Any) -> Any:
        with session.no_autoflush:
            job.cancel_requested_at = None
            return function(session, job, *rest, **more)

    return ending


def _hand_back_spent(session: Session, job: BackgroundJob) -> None:
    back = fence.Transition(status=JobStatus.QUEUED, outcome=finish.AttemptOutcome.HANDED_BACK, event="job.handed_back")
    fence.transition(session, job.id, job.token, JobStatus.RUNNING, back)


def _requeue_spent(real: Callable[..., fence.Transition]) -> Callable[..., fence.Transition]:
    return lambda job, orphan, **_: real(job, orphan, has_moved_on=False)


def _rest_without_origin(kind: Any, _job: BackgroundJob, status: JobStatus) -> Any:
    return kind.machine.failed if status is JobStatus.FAILED else kind.cancelled_state


def _commit_first(real: Callable[..., bool]) -> Callable[..., bool]:
    def torn(session: Session, *rest: Any) -> bool:
        session.commit()
        return real(session, *rest)

    return torn


def _begin_at_any_rate(session: Session, _held: Any, kind: Any, row: Any) -> None:
    kind.machine.set_state(row, kind.during)
    session.flush()


def _begin_deaf(session: Session, held: Any, kind: Any, row: Any) -> None:
    if subject.lock_held(session, held.id, held.token) is None:
        raise LeaseLost(str(held.id))
    _begin_at_any_rate(session, held, kind, row)


ENGINE_MUTANTS = (
    EngineMutant("checkpoint without token", _sql(checkpoint, "_CHECKPOINT", TOKEN)),
    EngineMutant(
        "finish deaf to cancel", _sql(fence, "_TRANSITION", UNLESS_CANCELLED, UNLESS_NOTHING), settings.RETRYING
    ),
    EngineMutant(
        "ending without its attempt", _sql(fence, "_TRANSITION", "WHERE :from_status = 'running'", "WHERE false")
    ),
    EngineMutant(
        "attempt that forgets its worker", _sql(fence, "_TRANSITION", fence._WORKER, "worker_id"), settings.RETRYING
    ),
    EngineMutant("claim without a new token", _sql(claim, "_CLAIM", "token = token + 1", "token = token")),
    EngineMutant("claim that counts no attempt", _sql(claim, "_CLAIM", "attempt = attempt + 1", "attempt = attempt")),
    EngineMutant(
        "claim of what is not due", _sql(claim, "_CLAIM", "AND run_at <= statement_timestamp()"), settings.RETRYING
    ),
    EngineMutant("rescue without token", _instead(sweep, "lock_held", _held_by_anyone), settings.LOOKING_ONCE),
    EngineMutant("sweep that sees the living", _sql(sweep, "_LOST_JOBS", "w.id IS NULL OR", "true OR")),
    EngineMutant(
        "sweep blind to late steps", _sql(sweep, "_LOST_JOBS", "OR j.deadline_at <", "OR NULL <"), settings.LATE
    ),
    EngineMutant(
        "loss that spends the attempt of a job that moved on",
        _instead(sweep, "_requeued", _requeue_spent(sweep._requeued)),
        settings.RETRYING,
    ),
    EngineMutant("checkpoint without status", _sql(checkpoint, "_CHECKPOINT", STATUS)),
    EngineMutant("work committed before its checkpoint", _instead(run, "checkpoint", _commit_first(run.checkpoint))),
    EngineMutant("endings without token", _instead(run, "lock_held", _held_by_anyone), settings.ERRING_ZOMBIES),
    EngineMutant("give back without token", _instead(workers, "lock_held", _held_by_anyone), settings.LOOKERS),
    EngineMutant("finish without token", _sql(fence, "_TRANSITION", TOKEN.replace("token =", "j.token ="))),
    EngineMutant("no undo", _instead(finish, "_undo", lambda _session, _job, _kind, _subject, to: to)),
    EngineMutant("user left behind", _instead(finish, "state_after", lambda kind, _job, _status: kind.during)),
    EngineMutant("came_from forgotten", _instead(finish, "state_after", _rest_without_origin), settings.STOPPING),
    EngineMutant(
        "error deaf to cancel", _instead(finish, "fail_or_retry", _deaf(finish.fail_or_retry)), settings.RETRYING
    ),
    EngineMutant("stop deaf to cancel", _instead(finish, "release", _deaf(finish.release)), settings.STOPPING),
    EngineMutant("stop that spends the attempt", _instead(finish, "release", _hand_back_spent), settings.STOPPING),
    EngineMutant("begin without lease", _instead(run, "_begin", _begin_at_any_rate), settings.PLANNED),
    EngineMutant("begin deaf to cancel", _instead(run, "_begin", _begin_deaf), settings.PLANNED),
    EngineMutant("undo of what has not begun", _instead(finish, "is_untouched", lambda *_: False), settings.PLANNED),
    EngineMutant("request beside a job", _instead(request, "check_start", lambda *_: None), settings.ASKING),
)
