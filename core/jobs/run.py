"""Running a claimed job: its steps one by one, a checkpoint after each, and one of the endings."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any, cast

from sqlalchemy import Engine
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlmodel import Session

from core import bus
from core.crash import crash_point
from core.database.engine import NoConnection
from core.database.statement import Statement
from core.errors import GiveUp, LeaseLost
from core.jobs import finish
from core.jobs.batch import Ended
from core.jobs.checkpoint import checkpoint
from core.jobs.claim import Claimed
from core.jobs.failure import failure_of
from core.jobs.request import request_by_name
from core.jobs.result import MOST_BROKEN, UNSENDABLE, as_text, has_broken, is_about_the_job
from core.jobs.subject import lock_held, lock_subject, work_of
from core.models import AttemptOutcome, BackgroundJob, JobStatus
from core.operation import Operation, Steps, Task, TaskWork
from core.operations import BY_NAME
from core.outside import Unwanted

#: Writes the success, with the job's result.
_Succeed = Callable[[dict[str, Any] | None], None]
#: Takes a success over, to write it with those of others, or to give it to `end_alone`.
EndWell = Callable[[Ended], None]


# PostgreSQL gives a transaction an id with its first write or row lock.
_HAS_WRITTEN = Statement("SELECT pg_current_xact_id_if_assigned() IS NOT NULL AS has_written")


class _CancelRequested(Exception):
    """An operator asked the job to stop, and it has reached a checkpoint."""


class _StopRequested(Exception):
    """The worker is stopping, and the job has reached a checkpoint."""


class _EndingUnknown(Exception):
    """The database did not say whether the ending was written. If it was not, the job is still held."""


class Interrupted(BaseException):
    """Raised into a job's thread from outside: its step took too long, or it ignored a cancel."""

    def __str__(self) -> str:
        return "The job reached no checkpoint within its time limit and was interrupted."


def run(
    engine: Engine,
    held: Claimed,
    step_limit: timedelta,
    stopping: Callable[[], bool],
    end_well: EndWell | None = None,
) -> AttemptOutcome:
    """Run one claimed job to the end of this attempt and return how it ended.

    A task whose last step left nothing to commit may share the transaction of its success with others: then `end_well`
    takes it over, and the job is held until that is written.

    Never raises for what the job does; raises only what stops the ending itself from being written, such as a database
    that is away. Then nothing is lost: the job is still held, and is released or swept.
    """
    return _settled(engine, held, lambda session: _attempt(session, held, step_limit, stopping, end_well))


def end_alone(engine: Engine, held: Claimed, ended: Ended) -> AttemptOutcome:
    """Write the success of a task that could not be written with others, or settle the job as `run` does.

    It was refused because of one of them, or it came too late: the job is no longer held, or a cancel was accepted.
    """
    return _settled(engine, held, lambda session: _write_alone(session, held, ended))


def _settled(engine: Engine, held: Claimed, attempt: Callable[[Session], AttemptOutcome]) -> AttemptOutcome:
    session = Session(engine, expire_on_commit=False)
    try:
        return attempt(session)
    except LeaseLost:
        session.rollback()
        return _after_loss(session, held)
    except _EndingUnknown as unknown:
        raise cast(SQLAlchemyError, unknown.__cause__) from None
    except (_CancelRequested, Unwanted):
        return _end(session, held, AttemptOutcome.CANCELLED, _settle_cancelled)
    except _StopRequested:
        return _end(session, held, AttemptOutcome.HANDED_BACK, finish.release)
    except BaseException as error:  # the job's own failure becomes data, also SystemExit
        if isinstance(error, NoConnection) and error.engine is engine:
            raise  # our database is away or full: the job did nothing wrong, and spends no attempt
        session.rollback()
        return _end(session, held, AttemptOutcome.ERROR, partial(finish.fail_or_retry, failure=failure_of(error)))
    finally:
        if session.in_transaction():  # most tasks use none: closing costs as much as all else here
            session.close()


def _attempt(
    session: Session,
    held: Claimed,
    step_limit: timedelta,
    stopping: Callable[[], bool],
    end_well: EndWell | None,
) -> AttemptOutcome:
    is_task = isinstance(BY_NAME.get(held.kind), Task)
    steps, succeed = _task(session, held) if is_task else _operation(session, held)
    result = _drive(session, held, steps, step_limit, stopping)
    result_text = as_text(result)
    crash_point("before_finish")
    # An operation always has its subject's state to commit, with its success or not at all.
    if end_well and is_task and not _has_written(session):
        if session.in_transaction():
            session.commit()  # of a transaction that has only read
        end_well(Ended(held.id, held.token, result_text))
    else:
        succeed(result)
        session.commit()
        crash_point("after_finish")
    return AttemptOutcome.SUCCEEDED


def _has_written(session: Session) -> bool:
    """Tell whether the last step left anything in the session's transaction that its success must be committed with."""
    if not session.in_transaction():
        return False
    session.flush()
    return bool(_HAS_WRITTEN.run(session, {}).has_written)


def _write_alone(session: Session, held: Claimed, ended: Ended) -> AttemptOutcome:
    """Write a success. A job does not fail for a database that is away, only for a refused result.

    One that the process has lost is not sent again.
    """
    if ended.broken >= MOST_BROKEN:
        raise GiveUp(UNSENDABLE)
    is_sent = False
    try:
        if lock_held(session, held.id, held.token) is None:
            raise LeaseLost(f"job {held.id} is no longer held under token {held.token}")
        session.rollback()  # the row is not locked for as long as the result takes to be sent
        is_sent = True
        finish.succeed_task(session, held.id, held.token, None if ended.result is None else json.loads(ended.result))
        session.commit()
    except (OperationalError, InterfaceError) as error:
        if is_about_the_job(error):
            raise
        ended.broken += is_sent and has_broken(error)
        raise _EndingUnknown from error
    crash_point("after_finish")
    return AttemptOutcome.SUCCEEDED


def _task(session: Session, held: Claimed) -> tuple[Steps, _Succeed]:
    """Prepare a task from what the claim returned: every write of it is fenced, so nothing needs to be loaded."""
    task: Task[Any] = cast(Task[Any], BY_NAME[held.kind])
    by_name = partial(request_by_name, session)
    steps = task.run(TaskWork(session, task.form(**held.args), str(held.id), held.done, held.began_at, by_name))
    return steps, lambda result: finish.succeed_task(session, held.id, held.token, result)


def _operation(session: Session, held: Claimed) -> tuple[Steps, _Succeed]:
    job = session.get(BackgroundJob, held.id, populate_existing=True)
    if job is None or job.token != held.token:
        raise LeaseLost(f"job {held.id} is no longer held under token {held.token}")
    kind = BY_NAME.get(held.kind)
    if not isinstance(kind, Operation):
        raise GiveUp(f"{held.kind} is not a kind of job that this version of the program knows.")
    subject = lock_subject(session, job)
    if subject is None:
        raise GiveUp("The user or connection that this job was for has been deleted.")
    if kind.machine.state_of(subject) != kind.during:
        _begin(session, held, kind, subject)
    steps = kind.run(replace(work_of(session, job, kind, subject), request=partial(request_by_name, session)))
    session.commit()  # no transaction stays open while the first step waits for the outside
    return steps, lambda result: finish.succeed(session, job, held.token, result)


def _begin(session: Session, held: Claimed, kind: Operation[Any, Any], subject: Any) -> None:
    """Move the locked subject of a planned job to its transitional state: it had been left alone until now.

    Raises LeaseLost: who lost the job must not move what others have moved on. A job that was asked to stop meanwhile
    does not begin.
    """
    job = lock_held(session, held.id, held.token)
    if job is None:
        raise LeaseLost(f"job {held.id} is no longer held under token {held.token}")
    if job.cancel_requested_at:
        raise _CancelRequested
    kind.machine.set_state(subject, kind.during)
    session.flush()
    bus.changed(session, job_id=held.id, user_id=getattr(subject, "user_id", subject.id))


def _drive(
    session: Session, held: Claimed, steps: Steps, step_limit: timedelta, stopping: Callable[[], bool]
) -> dict[str, Any] | None:
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            result: dict[str, Any] | None = end.value
            return result
        if checkpoint(session, held, progress, step_limit):
            raise _CancelRequested
        if stopping():
            raise _StopRequested


def _end(
    session: Session,
    held: Claimed,
    outcome: AttemptOutcome,
    ending: Callable[[Session, BackgroundJob], None],
) -> AttemptOutcome:
    session.rollback()
    job = lock_held(session, held.id, held.token)
    if job is None:
        return _fate_of(session, held)
    crash_point("before_finish")
    ending(session, job)
    session.commit()
    crash_point("after_finish")
    return outcome


def _after_loss(session: Session, held: Claimed) -> AttemptOutcome:
    """Tell a lost lease from a success that came after an accepted cancel: such a job settles as cancelled."""
    job = lock_held(session, held.id, held.token)
    if job is None or not job.cancel_requested_at:
        return _fate_of(session, held)
    return _end(session, held, AttemptOutcome.CANCELLED, _settle_cancelled)


def _fate_of(session: Session, held: Claimed) -> AttemptOutcome:
    """Return what became of a job that is not held any more: its success may be written, and the answer was lost."""
    job = session.get(BackgroundJob, held.id, populate_existing=True)
    is_own = job is not None and (job.token, job.status) == (held.token, JobStatus.SUCCEEDED)
    session.rollback()
    return AttemptOutcome.SUCCEEDED if is_own else AttemptOutcome.LOST


def _settle_cancelled(session: Session, job: BackgroundJob) -> None:
    finish.settle(session, job, finish.cancelled(job))
