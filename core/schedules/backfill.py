"""Backfill: the jobs of ticks that have passed without one, because no scheduler ran, or because of a pause.

One transaction writes the ticks and their jobs, under the lock of the schedule and by the primary key of its ticks:
whoever asks again, or at once, requests no job twice.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import Field
from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.clock import ZonedTime
from core.database.statement import Statement
from core.errors import Invalid, NotAllowed, NotFound
from core.jobs.request import JobOptions, request_tasks
from core.models import Schedule, ScheduleTick
from core.operation import Form, Operation, Task
from core.operations import known
from core.schedules import scheduling, timing
from core.settings import settings
from core.wording import counted

#: Ticks of one command at most: its transaction holds the schedule's lock, and its jobs come before all newer ones.
MOST: Final = 1_000

#: A tick that was missed or refused at its time has fired now.
_WRITE_TICKS = Statement("""
    INSERT INTO schedule_ticks (schedule_id, due_at, fired_at, outcome, job_id, detail)
    SELECT CAST(:schedule AS uuid), tick.due_at, statement_timestamp(), 'fired', tick.job_id, :detail
    FROM unnest(CAST(:due AS timestamptz[]), CAST(:jobs AS uuid[])) AS tick(due_at, job_id)
    ON CONFLICT (schedule_id, due_at) DO UPDATE
    SET fired_at = excluded.fired_at, outcome = excluded.outcome, job_id = excluded.job_id, detail = excluded.detail
""")


class BackfillForm(Form):
    """The time whose ticks are to run, both ends included."""

    since: ZonedTime
    until: ZonedTime
    at_most: int | None = Field(
        default=None,
        ge=0,
        le=MOST,
        description="Refuse to request more jobs than these: the number that the preview has said.",
    )


@dataclass(frozen=True, slots=True)
class Backfill:
    """The ticks of a time: those to run, the oldest first, and the number of those that have run."""

    due: tuple[datetime, ...]
    already: int

    def as_answer(self) -> dict[str, Any]:
        """Return it as a preview answers, with the first and the last of its ticks."""
        ends = {"first": self.due[0].isoformat(), "last": self.due[-1].isoformat()} if self.due else {}
        return {"count": len(self.due), "already": self.already, **ends}


def preview(session: Session, schedule_id: UUID, form: BackfillForm) -> Backfill:
    """Return what a backfill would request now. Raises as `backfill` does."""
    schedule = session.get(Schedule, schedule_id)
    if schedule is None:
        raise NotFound(f"There is no schedule with id {schedule_id}.")
    _task_of(schedule)
    return _planned(session, schedule, form)


def backfill(session: Session, schedule_id: UUID, form: BackfillForm, actor: Actor, reason: str | None) -> Backfill:
    """Request the job of each tick that has not run, the oldest first, also of a paused schedule, which stays paused.

    Raises NotFound, NotAllowed (a single time, an operation, an unusable row, more jobs than `at_most`), Invalid (a
    time that is not past, longer ago than ticks are kept, or with too many ticks).
    """
    schedule = scheduling.get(session, schedule_id)
    task = _task_of(schedule)
    plan = _planned(session, schedule, form)
    if form.at_most is not None and len(plan.due) > form.at_most:
        raise NotAllowed(f"It would request {counted(len(plan.due), 'job')} now, more than {form.at_most:,}.")
    if plan.due:
        arguments = scheduling.arguments_of(task, schedule.args)
        options = JobOptions(reason=reason or f"backfill of {schedule.name}", schedule_id=schedule.id)
        jobs = request_tasks(session, task, [arguments] * len(plan.due), actor, options)
        ticks = {"due": list(plan.due), "jobs": [job.id for job in jobs], "detail": f"backfilled by {actor.name}"}
        _WRITE_TICKS.run(session, {"schedule": schedule.id, **ticks})
        record(session, actor, "schedule.backfilled", reason=reason, name=schedule.name, **_logged(form, plan))
    return plan


def _task_of(schedule: Schedule) -> Task[Any]:
    """Return the task that a schedule's ticks request. Raises NotAllowed where there is nothing to backfill."""
    if schedule.cron is None:
        raise NotAllowed(f"{schedule.name} has a single time: use Run now.")
    if problem := scheduling.problem_of(schedule):
        raise NotAllowed(f"{schedule.name} cannot be backfilled. {problem}")
    kind = known(schedule.kind)
    if isinstance(kind, Operation):
        noun = kind.machine.noun
        raise NotAllowed(f"{schedule.name} changes the state of one {noun}, whose jobs never overlap: use Run now.")
    return kind


def _planned(session: Session, schedule: Schedule, form: BackfillForm) -> Backfill:
    now = session.exec(select(clock.db_now())).one()
    _check_range(form, now)
    ticks = _ticks(schedule, form)
    own = (col(ScheduleTick.schedule_id) == schedule.id, col(ScheduleTick.due_at).between(form.since, form.until))
    ran = set(session.exec(select(ScheduleTick.due_at).where(*own, col(ScheduleTick.outcome) == "fired")))
    due = tuple(tick for tick in ticks if tick not in ran)
    return Backfill(due, len(ticks) - len(due))


def _check_range(form: BackfillForm, now: datetime) -> None:
    if form.until > now:
        raise Invalid("Only times that have passed can be backfilled.", {"until": "Choose a time that has passed."})
    if form.since > form.until:
        raise Invalid("The time ends before it begins.", {"since": "Choose a time before the end."})
    days = settings().retention_days
    if form.since < now - timedelta(days=days):
        # What had run then is not known any more, and would run twice.
        message = f"Choose a time within the last {counted(days, 'day')}: runs are remembered for so long."
        raise Invalid("The time begins too long ago.", {"since": message})


def _ticks(schedule: Schedule, form: BackfillForm) -> list[datetime]:
    """Return all ticks of a time. Raises Invalid for too many, naming the time up to which they are few enough."""
    ticks: list[datetime] = []
    tick = timing.next_after(schedule, form.since - timedelta(seconds=1))
    while tick is not None and tick <= form.until:
        if len(ticks) == MOST:
            last = ticks[-1].isoformat().replace("+00:00", "Z")
            message = f"Choose {last} or an earlier time: {MOST:,} runs at once at most."
            raise Invalid(f"{schedule.name} has more than {MOST:,} runs in this time. {message}", {"until": message})
        if tick >= form.since:
            ticks.append(tick)
        tick = timing.next_after(schedule, tick)
    return ticks


def _logged(form: BackfillForm, plan: Backfill) -> dict[str, Any]:
    ends = {"since": form.since.isoformat(), "until": form.until.isoformat()}
    return {**ends, "requested": len(plan.due), "already": plan.already}
