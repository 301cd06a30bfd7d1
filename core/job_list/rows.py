"""Jobs for display: a flat row for lists, and all details for a job's page."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core.database.statements import Query, fetch
from core.database.truncate import truncate, truncated
from core.database.window import Window
from core.diagnosis.situation import job_situation
from core.errors import NotFound
from core.job_list.attempts import job_attempts
from core.job_list.sources import Job
from core.job_list.story import newest_job_events
from core.jobs.error_words import headline
from core.jobs.labels import label_column
from core.models import BackgroundJob, Event, JobAttempt, PlatformConnection, User, Worker
from core.oauth.providers import label_of
from core.settings import settings

#: A flat row: text, numbers and None; times in ISO 8601, UTC; ids as text.
Row = dict[str, Any]
#: Errors whose message is written for people: it is shown without their class.
_FOR_PEOPLE: Final = ("TryAgain", "GiveUp", "OnlyTheOwner", "WorkerLost")
#: Characters of an error shown in a list; the job's page shows the rest.
ERROR_SHOWN: Final = 300
#: Jobs shown of one chain of retries; a longer chain comes from a script in a loop.
CHAIN_SHOWN: Final = 100
_WORKER_NAME: Final = (truncate(col(Worker.host), ERROR_SHOWN) + ":" + sa.cast(col(Worker.pid), sa.Text)).label(
    "worker"
)
_WORKERS: Final = sa.select(col(Worker.id), _WORKER_NAME).where(
    col(Worker.id) == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid)))
)
#: How values of the database are written that JSON does not have.
_PLAIN: Final[Mapping[type, Callable[[Any], str]]] = {UUID: str, datetime: datetime.isoformat}
#: Attempts and events in a window of a job's page; an attempt may come with a long traceback.
ATTEMPTS_SHOWN: Final = 20
EVENTS_SHOWN: Final = 60


@dataclass(frozen=True, slots=True)
class Detail:
    """All details of one job, oldest attempt, event and retry first; `chain` includes the job itself.

    The windows of attempts and events are those of the newest.
    """

    row: Row
    job: BackgroundJob
    attempts: Window[JobAttempt]
    events: Window[Event]
    user: User | None
    #: What it is about, if it is about a connection; without its tokens.
    connection: str
    chain: list[Row]
    #: host:pid of the attempts' workers that are still known.
    workers: Mapping[UUID, str]


def rows_by_id(session: Session, ids: Sequence[UUID]) -> list[Row]:
    """Return the rows of these jobs, in the order of the ids; deleted jobs are left out."""
    if not ids:
        return []
    rows = fetch(session, _rows(settings().lease), ids=list(ids))
    names = rows[0]._fields if rows else ()  # a row makes them anew
    flat = {row.id: _flat(names, row) for row in rows}
    for row in flat.values():
        row["error"] = headline(row["error"]) if row["error"] else row["error"]
    return [flat[job_id] for job_id in ids if job_id in flat]


def detail(session: Session, job_id: UUID, attempts_from: int = 0, events_from: int = 0) -> Detail:
    """Return all details of one job; its windows leave out so many of the newest rows. Raises NotFound."""
    jobs = truncated(BackgroundJob)
    job = session.exec(select(jobs).where(col(jobs.id) == job_id)).first()
    if job is None:
        raise NotFound(f"There is no job {job_id}; finished jobs are deleted after a while")
    attempts = job_attempts(session, job_id, ATTEMPTS_SHOWN, attempts_from).turned()
    return Detail(
        row=rows_by_id(session, [job_id])[0],
        job=job,
        attempts=attempts,
        events=newest_job_events(session, job_id, EVENTS_SHOWN, events_from).turned(),
        user=session.get(User, job.user_id) if job.user_id else None,
        connection=_connection_of(session, job.connection_id) if job.connection_id else "",
        chain=_chain(session, job_id),
        workers=_workers(session, {each.worker_id for each in attempts if each.worker_id}),
    )


def _workers(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    return {row[0]: row[1] for row in fetch(session, _WORKERS, ids=list(ids))} if ids else {}


def _connection_of(session: Session, connection_id: UUID) -> str:
    """Return a connection in a few words: Sandbox @ana."""
    platform, handle = col(PlatformConnection.platform), truncate(col(PlatformConnection.handle), ERROR_SHOWN)
    rows = fetch(session, sa.select(platform, handle).where(col(PlatformConnection.id) == connection_id))
    if not rows:
        return ""
    [(name, of)] = rows
    return f"{label_of(name)} @{of.removeprefix('@')}" if of else label_of(name)


@cache  # for the lease that is in a job's label
def _rows(_lease: timedelta) -> Query:
    job, worker = Job, Worker
    first_line = sa.func.split_part(col(job.error_message), "\n", 1)
    shown_type = sa.case((col(job.error_type).in_(_FOR_PEOPLE), None), else_=job.error_type)
    first_columns = "id status kind queue user_id progress_done progress_total attempt max_attempts created_at"
    other_columns = "started_at finished_at run_at worker_id token updated_at retry_of"
    return (
        sa.select(
            *(getattr(job, name) for name in f"{first_columns} {other_columns}".split()),
            truncate(col(job.progress_message), ERROR_SHOWN).label("progress_message"),
            label_column().label("label"),
            job_situation().label("situation"),
            col(User.email).label("user_email"),
            _WORKER_NAME.label("worker"),
            sa.func.left(sa.func.concat_ws(": ", shown_type, first_line), ERROR_SHOWN).label("error"),
        )
        .select_from(job)
        .outerjoin(User, col(User.id) == col(job.user_id))
        .outerjoin(worker, col(worker.id) == col(job.worker_id))
        .where(col(job.id) == sa.any_(sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid()))))
    )


def _flat(names: Sequence[str], row: sa.Row[*tuple[Any, ...]]) -> Row:
    # A page of the list has thousands of values.
    return {
        name: value if (plain := _PLAIN.get(type(value))) is None else plain(value)
        for name, value in zip(names, row, strict=True)
    }


def _chain(session: Session, job_id: UUID) -> list[Row]:
    """Return the job, the jobs it retries, and the jobs that retry it, oldest first."""
    back = _follow(session, job_id, sa.select(col(Job.retry_of)), col(Job.id))
    root = back[-1] if back else job_id
    ids = [root, *_follow(session, root, sa.select(col(Job.id)), col(Job.retry_of))]
    return sorted(rows_by_id(session, ids), key=lambda row: (row["created_at"], row["id"]))


def _follow(session: Session, start: UUID, step: Query, match: sa.SQLColumnExpression[Any]) -> list[UUID]:
    """Walk from job to job in one direction, visiting no job twice."""
    reached_ids: dict[UUID, None] = {}
    edge = {start}
    while edge and len(reached_ids) < CHAIN_SHOWN:
        reached = {row[0] for row in fetch(session, step.where(match.in_(edge)))} - {None, start} - set(reached_ids)
        reached_ids |= dict.fromkeys(reached)
        edge = reached
    return list(reached_ids)
