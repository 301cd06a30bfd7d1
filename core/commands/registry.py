"""The table of all commands: the declared operations and tasks, and commands on jobs, queues and people."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from sqlmodel import Session, select

from core import clock
from core.actor import Actor
from core.commands.alerts import ALERTS
from core.commands.bulk import bulk_commands
from core.commands.command import Command, Invocation, check_time, job_answer, self_owned, target_of
from core.commands.connections import CONNECTIONS, owner_of, refuse_without_consent
from core.commands.failures import FAILURES
from core.commands.messages import MESSAGES
from core.commands.people import PEOPLE
from core.commands.schedules import SCHEDULES
from core.commands.undo import undo_command
from core.commands.views import VIEWS
from core.commands.workers import WORKERS
from core.jobs.cancel import cancel
from core.jobs.edit_and_retry import EditForm, edit_and_retry
from core.jobs.repair import RepairForm, repair
from core.jobs.request import JobOptions, request, request_task
from core.jobs.reschedule import RescheduleForm, reschedule
from core.jobs.retry import retry
from core.jobs.reveal import reveal
from core.jobs.start_now import start_now
from core.jobs.subject import Subject, lock_job
from core.models import BackgroundJob, JobStatus, PlatformConnection, Role
from core.operation import NoForm, Operation, Task
from core.operations import BY_NAME, MACHINES, OPERATIONS, TASKS
from core.queues import controls


def _start(operation: Operation[Any, Any], session: Session, call: Invocation) -> dict[str, Any]:
    job = request(session, operation, target_of(call), call.form, call.actor, JobOptions(call.run_at, call.reason))
    return job_answer(job)


def _start_task(task: Task[Any], session: Session, call: Invocation) -> dict[str, Any]:
    return job_answer(request_task(session, task, call.form, call.actor, JobOptions(call.run_at, call.reason)))


def _retry(session: Session, call: Invocation) -> dict[str, Any]:
    return job_answer(retry(session, target_of(call), call.actor, call.reason, once=call.of_many))


def _edit_and_retry(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, EditForm)
    args, once = call.form.args, call.of_many
    return job_answer(edit_and_retry(session, target_of(call), args, call.actor, call.reason, once=once))


def _cancel(session: Session, call: Invocation) -> dict[str, Any]:
    before = lock_job(session, target_of(call))
    was_asked = before is not None and before.cancel_requested_at is not None
    job = cancel(session, target_of(call), call.actor, call.reason)
    return {**job_answer(job), "stopping": job.status is JobStatus.RUNNING, "already": was_asked}


def _reveal(session: Session, call: Invocation) -> dict[str, Any]:
    return {"args": reveal(session, target_of(call), call.actor, call.reason)}


def _repair(table: type[Subject], session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, RepairForm)
    again = call.form.start_again
    done = repair(session, table, target_of(call), call.actor, call.reason, start_again=again)
    return {"was": done.was, "now": done.now, "job_id": done.job_id and str(done.job_id)}


def _start_now(session: Session, call: Invocation) -> dict[str, Any]:
    before = lock_job(session, target_of(call))
    was_due = before is not None and before.run_at <= session.exec(select(clock.db_now())).one()
    return {**job_answer(start_now(session, target_of(call), call.actor, call.reason)), "already": was_due}


def _reschedule(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, RescheduleForm)
    check_time(call.form.at, "at")
    job = reschedule(session, target_of(call), call.form.at, call.actor, call.reason)
    return {**job_answer(job), "run_at": job.run_at.isoformat()}


def _control(
    act: Callable[[Session, str, Actor, str | None], None], session: Session, call: Invocation
) -> dict[str, Any]:
    assert isinstance(call.form, controls.Named)
    act(session, call.form.name, call.actor, call.reason)
    return {"name": call.form.name}


def _limit_kind(session: Session, call: Invocation) -> dict[str, Any]:
    assert isinstance(call.form, controls.Limits)
    controls.limit_kind(session, call.form, call.actor, call.reason)
    return call.form.model_dump()


def _owner_of_job(session: Session, job_id: UUID) -> UUID | None:
    job = session.get(BackgroundJob, job_id)
    kind = BY_NAME.get(job.kind) if job else None
    return job.user_id if job and isinstance(kind, Operation) and kind.self_service else None


def _of_operation(operation: Operation[Any, Any]) -> Command:
    owner = owner_of if issubclass(operation.machine.table, PlatformConnection) else self_owned
    return Command(
        name=operation.name,
        label=operation.label,
        role=operation.role,
        form=NoForm if operation.needs_consent else operation.form,
        act=partial(refuse_without_consent if operation.needs_consent else _start, operation),
        own=owner if operation.self_service else None,
        needs_reason=operation.needs_reason,
        can_be_planned=not operation.needs_consent,
    )


def _of_task(task: Task[Any]) -> Command:
    return Command(
        name=task.name,
        label=task.label,
        role=task.role,
        form=task.form,
        act=partial(_start_task, task),
        needs_reason=task.needs_reason,
        can_be_planned=True,
    )


_ALL = (
    *map(_of_operation, OPERATIONS),
    *map(_of_task, TASKS),
    Command(name="job.retry", label="Retry", role=Role.SUPPORT, form=NoForm, act=_retry, own=_owner_of_job),
    Command(name="job.edit_and_retry", label="Edit and retry", role=Role.SUPPORT, form=EditForm, act=_edit_and_retry),
    Command(name="job.cancel", label="Cancel", role=Role.SUPPORT, form=NoForm, act=_cancel, own=_owner_of_job),
    Command(name="job.reveal", label="Reveal arguments", role=Role.ADMIN, form=NoForm, act=_reveal),
    Command(name="job.start_now", label="Start now", role=Role.SUPPORT, form=NoForm, act=_start_now, own=_owner_of_job),
    Command(name="job.reschedule", label="Reschedule", role=Role.SUPPORT, form=RescheduleForm, act=_reschedule),
    *(
        Command(
            name=machine.repair, label="Repair", role=Role.SUPPORT, form=RepairForm, act=partial(_repair, machine.table)
        )
        for machine in MACHINES
    ),
    *(
        Command(
            name=name, label=label, role=Role.ADMIN, form=controls.Named, act=partial(_control, act), needs_reason=stops
        )
        for name, label, act, stops in (
            ("queue.pause", "Pause queue", controls.pause_queue, True),
            ("queue.resume", "Resume queue", controls.resume_queue, False),
            ("kind.pause", "Pause kind", controls.pause_kind, True),
            ("kind.resume", "Resume kind", controls.resume_kind, False),
        )
    ),
    Command(name="kind.limit", label="Limit kind", role=Role.ADMIN, form=controls.Limits, act=_limit_kind),
    *ALERTS,
    *CONNECTIONS,
    *FAILURES,
    *MESSAGES,
    *PEOPLE,
    *SCHEDULES,
    *VIEWS,
    *WORKERS,
)

_ON_MANY_JOBS = ("job.retry", "job.edit_and_retry", "job.cancel", "job.start_now", "job.reschedule")
#: What can be done to many at once: to jobs, and each operation that no consent has to start.
BULK_ACTS = {
    each.name: each
    for each in _ALL
    if each.name in _ON_MANY_JOBS or (isinstance(kind := BY_NAME.get(each.name), Operation) and not kind.needs_consent)
}
_BY_NAME = {command.name: command for command in (*_ALL, *bulk_commands(BULK_ACTS))}
COMMANDS = {**_BY_NAME, "event.undo": undo_command(_BY_NAME)}
