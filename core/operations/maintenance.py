"""Maintenance tasks: they delete old finished jobs with their events, and archive old entries of the audit log."""

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import text

from core.models import Role
from core.operation import Form, NoForm, Progress, Steps, Task, TaskWork
from core.operations.expiry import expire
from core.settings import settings

QUEUE = "maintenance"
#: Jobs, or events, in one transaction: few enough that other transactions do not wait.
BATCH = 5_000


class DeleteForm(Form):
    """Which finished jobs to delete."""

    days: int | None = Field(default=None, ge=1, le=3_650, description="Older than this; empty: as configured.")
    kind: str | None = Field(default=None, max_length=200, description="Only this kind.")
    status: Literal["succeeded", "failed", "cancelled"] | None = Field(
        default=None, description="Only with this status."
    )

    @property
    def is_for_all(self) -> bool:
        """Tell whether jobs of all kinds and endings go."""
        return self.kind is None and self.status is None


_DELETE = text("""
    DELETE FROM background_jobs WHERE id IN (
        SELECT id FROM background_jobs
        WHERE status IN ('succeeded', 'failed', 'cancelled') AND finished_at IS NOT NULL
          AND created_at < statement_timestamp() - make_interval(days => :days)
          AND finished_at < statement_timestamp() - make_interval(days => :days)
          AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:status AS text) IS NULL OR status = :status)
        ORDER BY created_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id
""")
#: What people did with the job stays in the audit log.
_DELETE_EVENTS = text("DELETE FROM events WHERE job_id = ANY(:ids) AND via = 'engine'")
#: One page of the log in its order, which is nearly that of time. Events of jobs that are still there go with these.
_DELETE_REST = text("""
    WITH page AS (
        SELECT id, at, via, job_id FROM events WHERE id > :after ORDER BY id LIMIT :batch
    ), old AS (
        SELECT id, via, job_id FROM page WHERE at < statement_timestamp() - make_interval(days => :days)
    ), gone AS (
        DELETE FROM events WHERE id IN (
            SELECT id FROM old
            WHERE via = 'engine' AND NOT EXISTS (SELECT FROM background_jobs j WHERE j.id = old.job_id))
        RETURNING id
    )
    SELECT (SELECT max(id) FROM old) AS last, (SELECT count(*) FROM gone) AS deleted
""")
#: Up to where earlier runs have looked: nothing older than what they kept is looked at twice.
_LOOKED_UP_TO = text("""
    SELECT coalesce(max(CASE WHEN jsonb_typeof(result -> 'events_up_to') = 'number'
                             THEN CAST(result ->> 'events_up_to' AS numeric) END), 0)
    FROM background_jobs WHERE kind = 'maintenance.delete_old_jobs' AND status = 'succeeded'
""")


def delete(work: TaskWork[DeleteForm]) -> Steps:
    """Delete old finished jobs and engine events in batches of limited size; unfinished jobs and the audit log stay."""
    form, jobs, events = work.form, work.done, 0
    values = {"days": form.days or settings().retention_days, "kind": form.kind, "status": form.status, "batch": BATCH}
    while ids := list(work.session.connection().execute(_DELETE, values).scalars()):
        jobs += len(ids)
        events += work.session.connection().execute(_DELETE_EVENTS, {"ids": ids}).rowcount
        yield Progress(jobs, jobs, f"{jobs:,} old jobs deleted")
    result = {"jobs_deleted": jobs, "events_deleted": events}
    if not form.is_for_all:
        return result
    after = int(work.session.connection().execute(_LOOKED_UP_TO).scalar_one())
    while (page := _delete_rest(work, {**values, "after": after})).last is not None:
        after, events = page.last, events + page.deleted
        yield Progress(jobs, jobs, f"{jobs:,} old jobs and {events:,} events deleted")
    return {**result, "events_deleted": events, "events_up_to": after}


def _delete_rest(work: TaskWork[DeleteForm], values: dict[str, Any]) -> Any:
    """Delete old engine events without a job from one page of the log; `last` is None at its end."""
    return work.session.connection().execute(_DELETE_REST, values).one()


delete_old_jobs = Task(
    name="maintenance.delete_old_jobs",
    label="Delete old jobs",
    form=DeleteForm,
    run=delete,
    role=Role.ADMIN,
    queue=QUEUE,
    priority=10,
    needs_reason=True,
)

expire_sessions = Task(
    name="maintenance.expire_sessions",
    label="Delete ended sessions",
    form=NoForm,
    run=expire,
    role=Role.ADMIN,
    queue=QUEUE,
    priority=10,
)
