"""Failures by their cause: failed jobs with the same fingerprint, how many are open, whom they hit, and where."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, col, select

from core import clock
from core.database.statements import Query, fetch
from core.diagnosis.situation import is_settled
from core.errors import NotFound
from core.models import BackgroundJob, JobAttempt, JobStatus, User, Worker

#: Hours that people can look back, and what they see first.
WINDOWS: Final = (24, 24 * 7, 24 * 30)
#: Groups in a list, and users and places of one group, at most.
GROUPS, USERS, PLACES = 100, 100, 10
#: The parts of a window whose failures are counted apart.
PARTS: Final = 24
#: The class and first line of a message, as lists show it.
_LONGEST: Final = 200

_SINCE: Final = sa.bindparam("since", type_=sa.DateTime(timezone=True))
_FINGERPRINT: Final = sa.bindparam("fingerprint", type_=sa.Text)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed jobs with the same fingerprint: `open` of them nobody has dealt with."""

    fingerprint: str
    #: By name.
    kinds: tuple[str, ...]
    #: Of the latest one, as `last_seen` is.
    message: str
    count: int
    open: int
    #: Users whom these jobs were for.
    users: int
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class UserHit:
    """A user whom a group of failures has hit, and whether their failure is still open."""

    user_id: UUID
    email: str
    is_open: bool
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class FailureDetail:
    """One group of failures: when, where, whom, and the traceback of the latest."""

    group: FailureGroup
    since: datetime
    #: Failures in each of PARTS equal parts of the window, the oldest first.
    parts: tuple[int, ...]
    #: Failures by the worker and version that ran the last attempt, the most first.
    places: Mapping[str, int]
    users: Sequence[UserHit]
    latest_job: UUID
    traceback: str | None


def failure_groups(session: Session, since: datetime, limit: int = GROUPS) -> list[FailureGroup]:
    """Return the groups of jobs that have failed since then, those with the most open ones first."""
    rows = fetch(session, _groups(limit), since=since)
    return [_group(row) for row in rows]


def groups_of_hours(session: Session, hours: int) -> list[FailureGroup]:
    """Return the groups of the last hours, by the database's clock."""
    now: datetime = session.exec(select(clock.db_now())).one()
    return failure_groups(session, now - timedelta(hours=hours))


def open_groups(session: Session, since: datetime, limit: int) -> list[FailureGroup]:
    """Return the groups of failures since then that nobody has dealt with, of which alone they consist."""
    return [_group(row) for row in fetch(session, _groups(limit, only_open=True), since=since)]


def failure_detail(session: Session, fingerprint: str, hours: int) -> FailureDetail:
    """Return one group of the last hours. Raises NotFound if none of its jobs has failed since then."""
    now: datetime = session.exec(select(clock.db_now())).one()
    since = now - timedelta(hours=hours)
    values = {"since": since, "fingerprint": fingerprint}
    is_text = "\x00" not in fingerprint  # which PostgreSQL does not take
    rows = fetch(session, _groups(1, only_one=True), **values) if is_text else []
    if not rows:
        raise NotFound("No job has failed with this error in that time.")
    latest = fetch(session, _latest(), **values)[0]
    counts = {row[0]: row[1] for row in fetch(session, _parts(), **values, part=(now - since) / PARTS)}
    return FailureDetail(
        group=_group(rows[0]),
        since=since,
        parts=tuple(counts.get(number, 0) for number in range(PARTS)),
        places={f"{row[0]} · {row[1]}" if row[1] else row[0]: row[2] for row in fetch(session, _places(), **values)},
        users=[UserHit(*row) for row in fetch(session, _users(), **values)],
        latest_job=latest[0],
        traceback=latest[1],
    )


def _group(row: Any) -> FailureGroup:
    fingerprint, kinds, *others = row
    return FailureGroup(fingerprint, tuple(sorted(kinds)), *others)


def _failed() -> tuple[sa.ColumnElement[bool], ...]:
    job = BackgroundJob
    return (
        col(job.status) == JobStatus.FAILED,
        col(job.error_fingerprint).is_not(None),
        col(job.finished_at) >= _SINCE,
    )


def _is_this() -> sa.ColumnElement[bool]:
    return col(BackgroundJob.error_fingerprint) == _FINGERPRINT


def _is_open() -> sa.ColumnElement[bool]:
    return sa.not_(is_settled(BackgroundJob))


@cache
def _groups(limit: int, *, only_open: bool = False, only_one: bool = False) -> Query:
    job = BackgroundJob
    message = sa.func.left(sa.func.split_part(col(job.error_message), "\n", 1), _LONGEST)
    newest_first = postgresql.aggregate_order_by(message, col(job.finished_at).desc(), col(job.id).desc())
    count = sa.func.count()
    open_ones = count if only_open else sa.func.count().filter(_is_open())
    return (
        sa.select(
            col(job.error_fingerprint),
            sa.func.array_agg(sa.distinct(col(job.kind))),
            sa.func.array_agg(newest_first, type_=postgresql.ARRAY(sa.Text))[1],
            count,
            open_ones,
            sa.func.count(sa.distinct(col(job.user_id))),
            sa.func.min(col(job.finished_at)),
            sa.func.max(col(job.finished_at)),
        )
        .where(*_failed(), *([_is_open()] if only_open else []), *([_is_this()] if only_one else []))
        .group_by(col(job.error_fingerprint))
        .order_by(open_ones.desc(), count.desc(), col(job.error_fingerprint))
        .limit(limit)
    )


@cache
def _latest() -> Query:
    job = BackgroundJob
    own = sa.select(col(job.id), col(job.error_traceback)).where(*_failed(), _is_this())
    return own.order_by(col(job.finished_at).desc(), col(job.id).desc()).limit(1)


@cache
def _parts() -> Query:
    job = BackgroundJob
    part = sa.bindparam("part", type_=sa.Interval())
    seconds = sa.extract("epoch", col(job.finished_at) - _SINCE) / sa.extract("epoch", part)
    number = sa.func.least(sa.cast(sa.func.floor(seconds), sa.Integer), PARTS - 1)
    return sa.select(number, sa.func.count()).where(*_failed(), _is_this()).group_by(number)


@cache
def _places() -> Query:
    job, attempt, count = BackgroundJob, JobAttempt, sa.func.count()
    last = sa.and_(col(attempt.job_id) == col(job.id), col(attempt.token) == col(job.token))
    host, version = sa.func.left(col(Worker.host), 100), sa.func.left(col(Worker.version), 50)
    return (
        sa.select(host, version, count)
        .select_from(job)
        .join(attempt, last)
        .join(Worker, col(Worker.id) == col(attempt.worker_id))
        .where(*_failed(), _is_this())
        .group_by(host, version)
        .order_by(count.desc(), host)
        .limit(PLACES)
    )


@cache
def _users() -> Query:
    job, last = BackgroundJob, sa.func.max(col(BackgroundJob.finished_at))
    is_open = sa.func.bool_or(_is_open())
    return (
        sa.select(col(User.id), sa.func.left(col(User.email), 320), is_open, last)
        .select_from(job)
        .join(User, col(User.id) == col(job.user_id))
        .where(*_failed(), _is_this())
        .group_by(col(User.id), col(User.email))
        .order_by(is_open.desc(), last.desc())
        .limit(USERS)
    )
