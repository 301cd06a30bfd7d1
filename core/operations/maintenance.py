"""Maintenance tasks: they delete old finished jobs and ended sessions."""

from typing import Literal

from pydantic import Field
from sqlalchemy import text

from core.models import Role
from core.operation import Form, NoForm, Progress, Steps, Task, TaskWork
from core.settings import settings

QUEUE = "maintenance"
#: Jobs deleted in one transaction: few enough that other transactions do not wait.
BATCH = 5_000
#: Days for which ended sessions and used keys stay available to support.
KEEP_DAYS = 7


class DeleteForm(Form):
    """Which finished jobs to delete."""

    days: int | None = Field(default=None, ge=1, le=3_650, description="Older than this; empty: as configured.")
    kind: str | None = Field(default=None, max_length=200, description="Only this kind.")
    status: Literal["succeeded", "failed", "cancelled"] | None = Field(
        default=None, description="Only with this status."
    )


_DELETE = text("""
    DELETE FROM background_jobs WHERE id IN (
        SELECT id FROM background_jobs
        WHERE status IN ('succeeded', 'failed', 'cancelled') AND finished_at IS NOT NULL
          AND created_at < statement_timestamp() - make_interval(days => :days)
          AND finished_at < statement_timestamp() - make_interval(days => :days)
          AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:status AS text) IS NULL OR status = :status)
        ORDER BY created_at LIMIT :batch FOR UPDATE SKIP LOCKED)
""")

_DELETE_SESSIONS = text("""
    DELETE FROM user_sessions
    WHERE least(expires_at, coalesce(revoked_at, expires_at)) < statement_timestamp() - make_interval(days => :days)
""")
_DELETE_LINKS = text(
    "DELETE FROM sign_in_links WHERE expires_at < statement_timestamp() - make_interval(days => :days)"
)
_DELETE_KEYS = text(
    "DELETE FROM idempotency_keys WHERE created_at < statement_timestamp() - make_interval(days => :days)"
)
#: Workers leave as late as the jobs they ran, whose pages name them.
_DELETE_WORKERS = text(
    "DELETE FROM workers WHERE coalesce(stopped_at, lost_at) < statement_timestamp() - make_interval(days => :days)"
)


def delete(work: TaskWork[DeleteForm]) -> Steps:
    """Delete old finished jobs in batches of limited size; unfinished jobs and the audit log stay."""
    form, done = work.form, work.done
    values = {"days": form.days or settings().retention_days, "kind": form.kind, "status": form.status, "batch": BATCH}
    while deleted := work.session.connection().execute(_DELETE, values).rowcount:
        done += deleted
        yield Progress(done, done, f"{done:,} old jobs deleted")
    return {"jobs_deleted": done}


def expire(work: TaskWork[NoForm]) -> Steps:
    """Delete expired sessions, sign-in links and idempotency keys, and workers that ended long ago."""
    days = {"days": max(KEEP_DAYS, settings().retention_days)}
    counts = {"workers": work.session.connection().execute(_DELETE_WORKERS, days).rowcount}
    for name, statement in (("sessions", _DELETE_SESSIONS), ("links", _DELETE_LINKS), ("keys", _DELETE_KEYS)):
        counts[name] = work.session.connection().execute(statement, {"days": KEEP_DAYS}).rowcount
    yield Progress(1, 1)
    return {f"{name}_deleted": count for name, count in counts.items()}


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
