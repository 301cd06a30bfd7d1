"""Repairing what a manual change left: the last job ends as it should have, and its row says what that job proves."""

from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlmodel import Session, col, select

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.demo import rows
from core.errors import AlreadyActive, NotAllowed, NotFound
from core.jobs import finish
from core.jobs.failure import Failure, fingerprint
from core.jobs.proof import ending_of, is_by_hand, is_plan, proven_state, true_status
from core.jobs.request import active_job
from core.jobs.retry import RETRYABLE, retry
from core.jobs.subject import Subject, lock_job, lock_row
from core.models import TERMINAL, AttemptOutcome, BackgroundJob, JobStatus, PlatformConnection
from core.operation import Form, Machine, NoForm, Work
from core.operations import MACHINES, clean_up_of, operation_during, operations_on

_BY_HAND = "A person changed this job's status in the database; the repair ended it."


class RepairForm(Form):
    """What to do after the repair."""

    start_again: bool = Field(default=False, title="Start again", description="Request the same work again.")


@dataclass(frozen=True, slots=True)
class Repaired:
    """The row's state before and after, and the job that starts again, if that was the wish."""

    was: str
    now: str
    job_id: UUID | None = None


def repair(
    session: Session,
    table: type[Subject],
    row_id: UUID,
    actor: Actor,
    reason: str | None = None,
    *,
    start_again: bool = False,
) -> Repaired:
    """End a job that was changed by hand, delete what it left, and set its row's state to what the job proves.

    A transitional state of which no job tells becomes `failed`, from where one can retry or clean up. A planned job
    that has not begun stays as it is. Raises NotFound, AlreadyActive, or NotAllowed when nothing has drifted.
    """
    machines = [each for each in MACHINES if each.table is table]
    row = lock_row(session, table, row_id)
    if row is None:
        raise NotFound(f"There is no {machines[0].noun} with id {row_id}.")
    for machine in machines:
        if repaired := _repair(session, machine, row, actor, reason):
            job = _last_job(session, machine, row) if start_again else None
            if job and job.status in RETRYABLE:
                return replace(repaired, job_id=retry(session, job.id, actor, reason).id)
            return repaired
    raise NotAllowed(f"There is nothing to repair: this {machines[0].noun}'s state and data match the jobs.")


def _repair(session: Session, machine: Machine[Any], row: Subject, actor: Actor, reason: str | None) -> Repaired | None:
    plan = _plan_beside(session, machine, row)
    was, job = machine.state_of(row), _last_job(session, machine, row)
    is_settled = job is not None and _settle(session, job, actor, reason)
    proven = proven_state(job, ending_of(session, job) if job else None) or (plan and proven_state(plan, None))
    now = proven or (machine.failed if operation_during(machine, was) else was)
    machine.set_state(row, now)
    is_emptied = _empty(session, machine, row)
    if now == was and not is_settled and not is_emptied:
        return None
    if plan:
        plan.came_from = now.value  # it returns there if it is cancelled before it begins
    done = Repaired(was.value, now.value)
    job_id = job.id if job else None
    owner_id, connection_id = (row.user_id, row.id) if isinstance(row, PlatformConnection) else (row.id, None)
    ids: dict[str, Any] = {"user_id": owner_id, "connection_id": connection_id, "job_id": job_id}
    record(session, actor, f"{machine.repair}ed", **ids, reason=reason, was=done.was, now=done.now)
    bus.changed(session, user_id=owner_id)
    return done


def _plan_beside(session: Session, machine: Machine[Any], row: Subject) -> BackgroundJob | None:
    """Return the row's planned job that has not begun, if there is one. Raises AlreadyActive for another job."""
    active = active_job(session, operations_on(machine)[0], row.id)
    job = lock_job(session, active.id) if active else None
    if job is None or job.status in TERMINAL:
        return None
    if is_plan(job, machine.state_of(row)):
        return job
    raise AlreadyActive(
        f"{job.kind} is active for this {machine.noun} (job {job.id}); there is nothing to repair.", job.id
    )


def _last_job(session: Session, machine: Machine[Any], row: Subject) -> BackgroundJob | None:
    """Lock and return the user's newest job that is not planned for later."""
    jobs = select(BackgroundJob).where(
        col(BackgroundJob.machine) == machine.name,
        machine.id_column(BackgroundJob) == row.id,
        col(BackgroundJob.status).in_(TERMINAL),
    )
    newest = jobs.order_by(col(BackgroundJob.created_at).desc(), col(BackgroundJob.id).desc()).limit(1)
    return session.exec(newest.with_for_update().execution_options(populate_existing=True)).first()


def _settle(session: Session, job: BackgroundJob, actor: Actor, reason: str | None) -> bool:
    """End a job whose status a person wrote, as the program would have; return whether there was anything to do."""
    ending = ending_of(session, job)
    if not is_by_hand(job, ending):
        return False
    if ending is not None:
        job.status, job.finished_at = ending, job.finished_at or clock.db_now()
        session.flush()
        return True
    to = finish.cancelled(job, actor=actor, reason=reason)
    if (status := true_status(job, None)) is JobStatus.FAILED:
        failure = Failure("ChangedByHand", job.error_message or _BY_HAND, "", fingerprint("ChangedByHand", _BY_HAND))
        to = replace(to, status=status, outcome=AttemptOutcome.ERROR, event="job.failed", failure=failure)
    # It goes back to where it was and ends from there, so that attempt, event and counters are as of any other job.
    job.status = JobStatus.RUNNING if job.token else JobStatus.QUEUED
    session.flush()
    finish.settle(session, job, to)
    session.refresh(job)
    return True


def _empty(session: Session, machine: Machine[Any], row: Subject) -> bool:
    """Delete what a row at rest still has though it is off; return whether there was anything."""
    clean_up = clean_up_of(machine)
    if clean_up is None or machine.state_of(row) != clean_up.target:
        return False
    if not rows.count_interactions(session, row.id):
        return False
    clean_up.undo(Work(session, row, NoForm(), "", 0, session.exec(select(clock.db_now())).one()))
    return True
