"""The work of a bulk action's job: rows by the chunk, each chunk in one transaction with what it did to them.

So a row has its outcome if, and only if, the command was done to it, wherever the worker dies.
"""

import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.bulk import control
from core.bulk.acts import starts_jobs
from core.bulk.ending import end
from core.bulk.words import sentence_of, stop_of
from core.commands.command import Command, Invocation, form_of
from core.commands.gateway import authorise
from core.commands.registry import COMMANDS
from core.database.transient import is_about_a_lock
from core.errors import GiveUp, LeaseLost, Refused
from core.jobs.cancel import cancel_waiting_tasks
from core.jobs.request import JobOptions
from core.jobs.retry import retry_many
from core.jobs.subject import wait_briefly
from core.models import TERMINAL, BackgroundJob, BulkAction, BulkRow, BulkStatus, JobStatus, Role, RowOutcome, User
from core.operation import Progress, Steps, TaskWork
from core.operations import bulk as declared
from core.wording import counted

log = logging.getLogger(__name__)

#: Rows of one transaction: few enough that who waits for one of them waits briefly.
CHUNK: Final = 200
#: A job that keeps to a rate gives its thread to others after so many seconds, and another one goes on.
TURN: Final = 20.0
#: Between two looks whether the jobs of the first rows have ended.
LOOK: Final = timedelta(seconds=2)
LOOK_AT_MOST: Final = timedelta(minutes=1)
#: So many rows of a chunk that somebody else has locked are left out; with more, the attempt ends, to be made again.
MOST_LOCKED: Final = 5

_WRITE = sa.text("""
    UPDATE bulk_rows r SET outcome = done.outcome, why = done.why, job_id = done.job_id
    FROM unnest(CAST(:positions AS int[]), CAST(:outcomes AS text[]), CAST(:whys AS text[]), CAST(:jobs AS uuid[]))
        AS done(position, outcome, why, job_id)
    WHERE r.bulk_id = :bulk AND r.position = done.position
""")


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row."""

    outcome: RowOutcome
    why: str = ""
    job_id: UUID | None = None


def run(work: TaskWork[declared.RunForm]) -> Steps:
    """Go through the rows without an outcome, in their order, until the end, an abort, or an unhealthy canary."""
    began = time.monotonic()
    while (bulk := _next(work.session, work.form.bulk, UUID(work.key))) is not None:
        if bulk.per_second and time.monotonic() - began > TURN:
            control.go_on(work.session, bulk)
            break
        started, size = time.monotonic(), min(CHUNK, bulk.per_second or CHUNK, _canary_left(bulk))
        applied = _do_chunk(work.session, bulk, size)
        yield Progress(bulk.looked_at, bulk.total, sentence_of(bulk))
        if bulk.per_second:  # a row that is skipped costs nobody anything
            time.sleep(max(0.0, applied / bulk.per_second - (time.monotonic() - started)))
    return {"bulk": str(work.form.bulk)}


def _next(session: Session, bulk_id: UUID, own: UUID) -> BulkAction | None:
    """Return a bulk action, locked, if its next rows are to be done now; else write its end, or what comes next."""
    wait_briefly(session)  # an abort waits for a chunk, and a chunk for each of its rows
    bulk = session.get(BulkAction, bulk_id, with_for_update=True, populate_existing=True)
    if bulk is None or bulk.status is not BulkStatus.RUNNING:
        return None
    if bulk.job_id != own:
        if control.is_at_work(session, bulk):
            return None  # another job runs it
        bulk.job_id = own  # somebody has retried its last one
    if bulk.command not in COMMANDS:
        raise GiveUp(f"This release has no command {bulk.command}: run a worker of the release that has it.")
    if _is_at_canary(bulk) and not _is_healthy(session, bulk):
        return None
    if bulk.looked_at >= bulk.total:
        end(session, bulk, BulkStatus.DONE)
        return None
    return bulk


def _is_at_canary(bulk: BulkAction) -> bool:
    """Tell whether its first jobs decide now what comes next; a row that was skipped is none of them."""
    is_last = bulk.looked_at >= bulk.total
    return bulk.canary is not None and (bulk.tried == bulk.canary or (is_last and 0 < bulk.tried < bulk.canary))


def _canary_left(bulk: BulkAction) -> int:
    left = (bulk.canary or 0) - bulk.tried
    return left if left > 0 else CHUNK


def _is_healthy(session: Session, bulk: BulkAction) -> bool:
    """Tell whether enough jobs of the first rows have succeeded; while some go on, look again later."""
    status = col(BackgroundJob.status)
    own = sa.select(status, sa.func.count()).join(BulkRow, col(BulkRow.job_id) == col(BackgroundJob.id))
    rows = session.execute(own.where(col(BulkRow.bulk_id) == bulk.id).group_by(status)).all()
    counts: dict[JobStatus, int] = {row[0]: row[1] for row in rows}
    if going := sum(number for each, number in counts.items() if each not in TERMINAL):
        _look_later(session, bulk, going)
        return False
    good, number = counts.get(JobStatus.SUCCEEDED, 0), sum(counts.values()) + bulk.failed
    if number and 100 * good >= bulk.canary_percent * number:
        bulk.note = ""
        return True
    end(session, bulk, BulkStatus.STOPPED, stop_of(bulk, counts))
    return False


def _look_later(session: Session, bulk: BulkAction, going: int) -> None:
    """Look again soon, and less and less often the longer the first jobs take: each look is a job of its own."""
    waited = session.exec(select(clock.db_now())).one() - (bulk.started_at or bulk.created_at)
    bulk.note = f"It waits for {counted(going, 'job')} of the first ones."
    control.go_on(session, bulk, JobOptions(run_at=clock.now() + min(max(LOOK, waited / 10), LOOK_AT_MOST)))


def _do_chunk(session: Session, bulk: BulkAction, size: int) -> int:
    """Go through the next rows, and return to how many the command was done."""
    rows = select(BulkRow).where(col(BulkRow.bulk_id) == bulk.id, col(BulkRow.position) > bulk.looked_at)
    chunk = session.exec(rows.order_by(col(BulkRow.position)).limit(size)).all()
    results = _results(session, bulk, [row.target for row in chunk])
    values = {
        "bulk": bulk.id,
        "positions": [row.position for row in chunk],
        "outcomes": [result.outcome.value for result in results],
        "whys": [result.why[:500] for result in results],
        "jobs": [result.job_id for result in results],
    }
    session.connection().execute(_WRITE, values)
    applied = sum(result.outcome is RowOutcome.APPLIED for result in results)
    bulk.applied += applied
    bulk.skipped += sum(result.outcome is RowOutcome.SKIPPED for result in results)
    bulk.failed += sum(result.outcome is RowOutcome.FAILED for result in results)
    session.flush()
    return applied


def _results(session: Session, bulk: BulkAction, targets: Sequence[UUID]) -> list[RowResult]:
    command, actor = COMMANDS[bulk.command], _actor(session, bulk)
    if bulk.command == "job.retry" and actor.may(command.role):
        try:
            with session.begin_nested():
                return [_result(outcome) for _, outcome in retry_many(session, targets, actor, bulk.reason)]
        except Exception as error:
            if not _is_of_a_row(error):
                raise
            # One row of them is odd: each by itself, so that the others are done.
    done = _cancelled_at_once(session, bulk, targets, actor) if actor.may(command.role) else set()
    others = _one_by_one(session, bulk, [each for each in targets if each not in done], command, actor)
    return [RowResult(RowOutcome.APPLIED) if target in done else next(others) for target in targets]


def _cancelled_at_once(session: Session, bulk: BulkAction, targets: Sequence[UUID], actor: Actor) -> set[UUID]:
    """Cancel the waiting tasks of a chunk, and return them; with another command there are none."""
    if bulk.command != "job.cancel":
        return set()
    try:
        with session.begin_nested():
            return cancel_waiting_tasks(session, targets, actor, bulk.reason)
    except Exception as error:
        if not _is_of_a_row(error):
            raise
        return set()


def _one_by_one(
    session: Session, bulk: BulkAction, targets: Sequence[UUID], command: Command, actor: Actor
) -> Iterator[RowResult]:
    form, locked = form_of(command, bulk.args), 0
    for target in targets:
        try:
            with session.begin_nested():
                authorise(session, actor, command, target)
                done = command.act(session, Invocation(actor, target, form, bulk.reason, None, of_many=True))
            yield RowResult(RowOutcome.APPLIED, job_id=_job_of(command, done))
        except Refused as refusal:
            yield RowResult(RowOutcome.SKIPPED, str(refusal))
        except Exception as error:
            locked += is_about_a_lock(error)
            if not _is_of_a_row(error) or locked > MOST_LOCKED:
                raise
            yield RowResult(RowOutcome.FAILED, _words_of(error))


def _is_of_a_row(error: Exception) -> bool:
    """Tell whether it is this row that went wrong, and not the database or what this process holds."""
    return is_about_a_lock(error) or not isinstance(error, (OperationalError, InterfaceError, LeaseLost))


def _words_of(error: Exception) -> str:
    if is_about_a_lock(error):
        return "Somebody else was changing it just then; try it again."
    if isinstance(error, DBAPIError):
        return str(error.orig).splitlines()[0]
    log.warning("a row of a bulk action failed", exc_info=error)
    return f"{type(error).__name__}: {error}".splitlines()[0]


def _job_of(command: Command, done: dict[str, Any]) -> UUID | None:
    """Return the job that a command has started; one that acts on a job names that one."""
    return UUID(done["job_id"]) if starts_jobs(command.name) and done.get("job_id") else None


def _result(outcome: Any) -> RowResult:
    if isinstance(outcome, Refused):
        return RowResult(RowOutcome.SKIPPED, str(outcome))
    return RowResult(RowOutcome.APPLIED, job_id=outcome.id)


def _actor(session: Session, bulk: BulkAction) -> Actor:
    """Return who wants it, with the rights that they have now; somebody at the command line has all."""
    if bulk.created_by is None:
        return Actor(None, bulk.actor, Role.ADMIN, bulk.via)
    person = session.get(User, bulk.created_by, populate_existing=True)
    is_here = person is not None and person.disabled_at is None
    return Actor(bulk.created_by, bulk.actor, person.role if person and is_here else Role.MEMBER, bulk.via)


def lend_work() -> None:
    """Let this process run bulk actions."""
    declared.lend(run)
