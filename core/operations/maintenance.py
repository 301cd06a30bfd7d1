"""Maintenance tasks: they delete old finished jobs with their events, and archive old entries of the audit log."""

import errno
from datetime import timedelta
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal

from pydantic import Field
from sqlalchemy import text
from sqlmodel import Session, select

from core import clock
from core.analytics import rolling
from core.audit.chain.archive import archive_next
from core.audit.chain.keys import chain_keys
from core.errors import GiveUp, Unusable
from core.models import JobStatus, Role
from core.models.bulk import NEVER_STARTED, UNSTARTED_KEPT
from core.operation import Form, NoForm, Progress, Steps, Task, TaskWork
from core.operations.expiry import caution, expire, seconds_ahead
from core.settings import settings

QUEUE = "maintenance"
#: Minutes after which a failed archive is tried again: at first, doubled by each failure, and at most.
FIRST_PAUSE, LONGEST_PAUSE = 5, 60
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
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
          AND created_at < :before AND finished_at < :before
          AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:status AS text) IS NULL OR status = :status)
        ORDER BY created_at LIMIT :batch FOR UPDATE SKIP LOCKED)
    RETURNING id
""")
# With the rows of their sets, however many. One that runs or is halted has not ended, however long ago it was started.
_DELETE_BULK = text(f"""
    WITH gone AS (
        DELETE FROM bulk_actions
        WHERE status NOT IN ('ready', 'running')
          AND coalesce(finished_at, created_at) < statement_timestamp() - make_interval(days => :days, secs => :ahead)
           OR {NEVER_STARTED}
          AND created_at < statement_timestamp() - :unstarted - make_interval(secs => :ahead)
        RETURNING id
    )
    DELETE FROM bulk_rows WHERE bulk_id IN (SELECT id FROM gone)
""")  # noqa: S608 - our own constant
#: What people did with the job stays in the audit log.
_DELETE_EVENTS = text("DELETE FROM events WHERE job_id = ANY(:ids) AND via = 'engine'")
#: One page of the log in its order, which is nearly that of time. Events of jobs that are still there go with these.
_DELETE_REST = text("""
    WITH page AS (
        SELECT id, at, via, job_id FROM events WHERE id > :after ORDER BY id LIMIT :batch
    ), old AS (
        SELECT id, via, job_id FROM page
        WHERE at < statement_timestamp() - make_interval(days => :days, secs => :ahead)
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
# Six are enough for the longest pause.
_LAST_ENDINGS = text(f"""
    SELECT status FROM background_jobs
    WHERE kind = :kind AND queue = '{QUEUE}' AND status IN ('succeeded', 'failed')
    ORDER BY created_at DESC, id DESC LIMIT 6
""")  # noqa: S608 - our own constant
_RUN_SOON = text("""
    UPDATE schedules SET next_due_at = least(next_due_at, statement_timestamp() + make_interval(mins => :minutes))
    WHERE kind = :kind AND cron IS NOT NULL AND paused_at IS NULL
""")


def delete(work: TaskWork[DeleteForm]) -> Steps:
    """Delete old finished jobs and engine events in batches of limited size; unfinished jobs and the audit log stay."""
    form, jobs, events = work.form, work.done, 0
    ahead, days = seconds_ahead(work.session), form.days or settings().retention_days
    before = work.session.exec(select(clock.db_now())).one() - timedelta(days=days, seconds=ahead)
    values: dict[str, Any] = {"days": days, "ahead": ahead, "kind": form.kind, "status": form.status, "batch": BATCH}
    values["before"] = before
    yield from _add_up(work)
    while ids := list(work.session.connection().execute(_DELETE, values).scalars()):
        rolling.protect(work.session, before)
        jobs += len(ids)
        events += work.session.connection().execute(_DELETE_EVENTS, {"ids": ids}).rowcount
        yield Progress(jobs, jobs, f"{jobs:,} old jobs deleted")
    result = {"jobs_deleted": jobs, "events_deleted": events, **caution(ahead)}
    if not form.is_for_all:
        return result
    work.session.connection().execute(_DELETE_BULK, {"days": days, "ahead": ahead, "unstarted": UNSTARTED_KEPT})
    after = int(work.session.connection().execute(_LOOKED_UP_TO).scalar_one())
    while (page := _delete_rest(work, {**values, "after": after})).last is not None:
        after, events = page.last, events + page.deleted
        yield Progress(jobs, jobs, f"{jobs:,} old jobs and {events:,} events deleted")
    return {**result, "events_deleted": events, "events_up_to": after}


def _add_up(work: TaskWork[DeleteForm]) -> Steps:
    """Add up finished jobs in the figures that outlive them."""
    for stretch in rolling.stretches(work.session):
        rolling.write(work.session, stretch)
        yield Progress(work.done, work.done, "Finished jobs are added up in the figures first")
    return None


def _delete_rest(work: TaskWork[DeleteForm], values: dict[str, Any]) -> Any:
    """Delete old engine events without a job from one page of the log; `last` is None at its end."""
    return work.session.connection().execute(_DELETE_REST, values).one()


def archive(work: TaskWork[NoForm]) -> Steps:
    """Move old entries of the audit log to files, one in each step; without a folder, they stay where they are."""
    folder, done = settings().audit_archive_dir, work.done
    if folder is None:
        return {"entries_archived": 0, "detail": "UNSTUCK_AUDIT_ARCHIVE_DIR is not set: all entries stay here."}
    file, keys = None, chain_keys()
    try:
        while moved := archive_next(work.session, keys, folder, settings().audit_retention_days):
            file, done = moved.file, done + moved.entries
            yield Progress(done, done, f"{done:,} entries archived")
    except (OSError, Unusable, GiveUp) as error:
        work.session.rollback()
        minutes = _try_again_soon(work.session)
        yield Progress(done, done)
        raise GiveUp(f"{_sentence_of(error, folder)} The next try of its schedule is in {minutes} min.") from None
    return {"entries_archived": done, "last_file": file}


def _try_again_soon(session: Session) -> int:
    """Let schedules that archive run again long before their time; return the minutes until then."""
    kind = {"kind": archive_audit_log.name}
    endings = session.connection().execute(_LAST_ENDINGS, kind).scalars()
    failures = len(list(takewhile(lambda ending: ending == JobStatus.FAILED, endings)))
    minutes: int = min(FIRST_PAUSE * 2**failures, LONGEST_PAUSE)
    session.connection().execute(_RUN_SOON, {**kind, "minutes": minutes})
    return minutes


def _sentence_of(error: Exception, folder: Path) -> str:
    if not isinstance(error, OSError):
        return str(error).removesuffix(".") + "."
    remedy = "free space there" if error.errno in _FULL else "mount it, or let the worker's account write there"
    cause = error.strerror or type(error).__name__
    return f"The archive folder {folder} cannot be used: {cause}. Nothing was deleted: {remedy}."


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

archive_audit_log = Task(
    name="maintenance.archive_audit_log",
    label="Archive the audit log",
    form=NoForm,
    run=archive,
    role=Role.ADMIN,
    queue=QUEUE,
    priority=10,
)
