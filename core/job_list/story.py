"""A job's story: the events of its log, and what its row says without one.

Of a task's success, and of a request by the program itself, there is no event: a log that grows with every job would be
most of the database.
"""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import fetch
from core.database.truncate import IN_LIST, truncated
from core.database.window import Window, cut
from core.models import BackgroundJob, Event, JobStatus

#: Places in the order of ids: a request comes before all events of its job, and a success after them.
_FIRST: Final = 0
_LAST: Final = 2**63 - 1
_NAMES: Final = tuple(column.name for column in sa.inspect(Event).local_table.columns)


def job_events(session: Session, job_id: UUID, limit: int, start: int = 0) -> Window[Event]:
    """Return a job's story, oldest first."""
    return _read(session, job_id, limit, start, newest_first=False)


def newest_job_events(session: Session, job_id: UUID, limit: int, start: int = 0) -> Window[Event]:
    """Return a job's story, newest first."""
    return _read(session, job_id, limit, start, newest_first=True)


def _read(session: Session, job_id: UUID, limit: int, start: int, *, newest_first: bool) -> Window[Event]:
    story = sa.union_all(_logged(job_id), _requested(job_id), _succeeded(job_id)).subquery()
    order = story.c.id.desc() if newest_first else story.c.id
    rows = fetch(session, sa.select(story).order_by(order).limit(limit + 1).offset(start))
    return cut([_event(row) for row in rows], limit, start)


def _event(row: sa.Row[Any]) -> Event:
    values = dict(row._mapping)  # noqa: SLF001 - its public name
    return Event(**values | {"id": None if row.id in (_FIRST, _LAST) else row.id})


def _logged(job_id: UUID) -> Any:
    event = truncated(Event, IN_LIST)
    return sa.select(*(getattr(event, name) for name in _NAMES)).where(col(event.job_id) == job_id)


def _requested(job_id: UUID) -> Any:
    job = truncated(BackgroundJob, IN_LIST)
    data = sa.func.jsonb_build_object("kind", job.kind, "args", job.args, "retry_of", job.retry_of)
    return _derived(job, _FIRST, "job.requested", job.created_at, job.reason, data).where(
        col(job.id) == job_id, _not_logged(job_id, "job.requested")
    )


def _succeeded(job_id: UUID) -> Any:
    job = truncated(BackgroundJob, IN_LIST)
    return _derived(job, _LAST, "job.succeeded", job.finished_at, sa.null(), sa.func.jsonb_build_object()).where(
        col(job.id) == job_id, col(job.status) == JobStatus.SUCCEEDED, _not_logged(job_id, "job.succeeded")
    )


def _derived(job: Any, at_place: int, name: str, at: Any, reason: Any, data: Any) -> Any:
    """Select a line of the story from a job, with the columns of an event."""
    values: dict[str, Any] = {
        "id": sa.cast(at_place, sa.BigInteger),
        "at": at,
        "name": sa.cast(name, sa.Text),
        "actor_id": sa.cast(sa.null(), sa.Uuid),
        "actor": sa.cast("engine", sa.Text),
        "via": sa.cast("engine", sa.Text),
        "user_id": job.user_id,
        "connection_id": job.connection_id,
        "job_id": job.id,
        "reason": sa.cast(reason, sa.Text),
        "data": data,
        "txid": sa.cast(0, sa.BigInteger),
    }
    return sa.select(*(values[name].label(name) for name in _NAMES))


def _not_logged(job_id: UUID, name: str) -> Any:
    return ~sa.exists().where(col(Event.job_id) == job_id, col(Event.name) == name)
