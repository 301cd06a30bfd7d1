"""What people call the ids in a filter: a user's e-mail address, a connection's handle, an error's own words."""

from collections.abc import Mapping
from typing import Final
from uuid import UUID

from sqlmodel import Session, col, select

from core.database.truncate import IN_LIST, truncated
from core.job_list.filters import JobFilter
from core.models import BackgroundJob, BulkAction, PlatformConnection, User
from core.models.bulk import noun_of
from core.wording import counted

#: The fields that hold ids.
NAMED: Final = ("user", "other_than", "error", "connection", "bulk", "from_bulk")


def names_in(session: Session, job_filter: JobFilter) -> Mapping[str, str]:
    """Return the name of what each field of a filter identifies; fields that hold words themselves are left out."""
    names = {
        "user": _email(session, job_filter.user) if job_filter.user else None,
        "other_than": _email(session, str(job_filter.other_than)) if job_filter.other_than else None,
        "error": _error(session, job_filter.error) if job_filter.error else None,
        "connection": _connection(session, job_filter.connection) if job_filter.connection else None,
        "bulk": _bulk(session, job_filter.bulk) if job_filter.bulk else None,
        "from_bulk": _bulk(session, job_filter.from_bulk) if job_filter.from_bulk else None,
    }
    return {field: name for field, name in names.items() if name}


def _email(session: Session, user: str) -> str | None:
    try:
        user_id = UUID(user)
    except ValueError:
        return None
    return session.exec(select(User.email).where(col(User.id) == user_id)).first()


def _error(session: Session, fingerprint: str) -> str | None:
    jobs = truncated(BackgroundJob, IN_LIST)
    query = select(jobs.error_type, jobs.error_message).where(col(jobs.error_fingerprint) == fingerprint)
    row = session.exec(query.limit(1)).first()
    return None if row is None else ": ".join(part for part in row if part).split("\n")[0]


def _connection(session: Session, connection_id: UUID) -> str | None:
    connections = truncated(PlatformConnection, IN_LIST)
    query = select(connections.platform, connections.handle).where(col(connections.id) == connection_id)
    row = session.exec(query).first()
    return None if row is None else " ".join(part for part in row if part)


def newest_bulk_actions(session: Session, limit: int) -> dict[str, str]:
    """Return the ids of the bulk actions that were started last, with what each did."""
    started = select(BulkAction).where(col(BulkAction.started_at).is_not(None))
    newest = started.order_by(col(BulkAction.created_at).desc(), col(BulkAction.id).desc()).limit(limit)
    return {str(bulk.id): _act(bulk) for bulk in session.exec(newest)}


def _bulk(session: Session, bulk_id: UUID) -> str | None:
    bulk = session.get(BulkAction, bulk_id)
    return None if bulk is None else _act(bulk)


def _act(bulk: BulkAction) -> str:
    """Return what a bulk action did: `retry of 31 jobs by ana@example.com`."""
    act = bulk.command.partition(".")[2].replace("_", " ")
    return f"{act} of {counted(bulk.total, noun_of(bulk.command))} by {bulk.actor}"
