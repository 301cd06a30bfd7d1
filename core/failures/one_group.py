"""One error: when its failures came, on which workers, whom they hit, and what was decided of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col, select

from core import clock
from core.analytics.recent import since_of
from core.database.statements import Query, fetch
from core.diagnosis.again import Again, again_of_error
from core.diagnosis.alike import FAILED
from core.diagnosis.situation import Situation
from core.diagnosis.user_situation import user_situation
from core.errors import NotFound
from core.failures.decision import Decision, Note, decision_of, notes_of
from core.failures.groups import (
    FINGERPRINT,
    SINCE,
    FailureGroup,
    failed,
    group_columns,
    group_of,
    is_open,
    with_parts,
)
from core.failures.places import PlaceCount, confined_to
from core.failures.told import Told, told_of
from core.models import BackgroundJob, User, Worker

#: Users and places of one group at most.
USERS, PLACES = 100, 10
#: Failures before the window of which each is looked at whether it is handled.
LOOKED_BACK = 100


@dataclass(frozen=True, slots=True)
class UserHit:
    """A user whom a group of failures has hit, and how it went on: unhandled, recovered, or handled but not well."""

    user_id: UUID
    email: str
    is_open: bool
    #: Their failure is handled, and nothing else is wrong, held up or under way for them.
    is_recovered: bool
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class FailureDetail:
    """One group of failures: when, where, whom, what people decided, and the traceback of the latest."""

    group: FailureGroup
    #: Unhandled failures of any time, those of the window among them: what Overview counts, and what Retry is for.
    unhandled: int
    #: Failures that finished before were not looked at: there are more than LOOKED_BACK before the window. None: all
    #: were, so that `unhandled` is exact.
    looked_back_to: datetime | None
    since: datetime
    #: Failures in each of PARTS equal parts of the window, the oldest first.
    parts: tuple[int, ...]
    #: Failures by the worker and version that ran the last attempt, the most first.
    places: Mapping[str, int]
    #: Where alone it fails, in a sentence; empty: not in one place alone, or not known.
    confined_to: str
    users: Sequence[UserHit]
    #: Users hit whose failure is unhandled.
    open_users: int
    decision: Decision
    #: The newest first.
    notes: Sequence[Note]
    latest_job: UUID
    traceback: str | None
    #: What another attempt at its jobs would come to.
    again: Again
    told: Told | None


def failure_detail(session: Session, fingerprint: str, hours: int) -> FailureDetail:
    """Return one group of the last hours. Raises NotFound if no job has failed so since then."""
    now: datetime = session.exec(select(clock.db_now())).one()
    since = since_of(now, hours)
    values = {"since": since, "fingerprint": fingerprint}
    if not is_known(session, fingerprint):
        raise NotFound("There is no such error.")
    rows = fetch(session, _group(), **values)
    if not rows:
        raise NotFound("No job has failed with this error in that time.")
    [group], latest = with_parts(session, [group_of(rows[0])], since), fetch(session, _latest(), **values)[0]
    places = [PlaceCount(*row) for row in fetch(session, _places(), **values)]
    users = fetch(session, _users(user_situation()), **values)
    still_open, looked_back_to = fetch(session, _older(), **values)[0]
    return FailureDetail(
        group=group,
        unhandled=group.open + still_open,
        looked_back_to=looked_back_to,
        since=since,
        parts=group.parts,
        places={each.name: each.number for each in places},
        confined_to=confined_to(session, group, places, since),
        users=[UserHit(*row[:-1]) for row in users],
        open_users=users[0][-1] if users else 0,
        decision=decision_of(session, fingerprint, group.state),
        notes=notes_of(session, fingerprint),
        latest_job=latest[0],
        traceback=latest[1],
        again=again_of_error(session, fingerprint),
        told=told_of(session, fingerprint, since),
    )


def is_known(session: Session, fingerprint: str) -> bool:
    """Tell whether a failed job on record has this error, of any time."""
    is_text = "\x00" not in fingerprint  # which PostgreSQL does not take
    return is_text and bool(fetch(session, _known(), fingerprint=fingerprint))


def is_this() -> sa.ColumnElement[bool]:
    """Return the condition for jobs with the error `fingerprint`."""
    return col(BackgroundJob.error_fingerprint) == FINGERPRINT


@cache
def _known() -> Query:
    return sa.select(sa.true()).where(col(BackgroundJob.status) == FAILED, is_this()).limit(1)


@cache
def _group() -> Query:
    return group_columns(is_this())


@cache
def _older() -> Query:
    """Select how many failures before the window are unhandled, and back to when if not all of them are looked at."""
    job = BackgroundJob
    is_older = col(job.status) == FAILED, col(job.finished_at) < SINCE
    last = sa.select(is_open().label("is_open"), col(job.finished_at)).where(*is_older, is_this())
    found: Any = last.order_by(col(job.finished_at).desc()).limit(LOOKED_BACK + 1).subquery("older").c
    place = sa.func.row_number().over(order_by=found.finished_at.desc()).label("place")
    placed: Any = sa.select(*found, place).subquery("placed").c
    is_looked_at = placed.place <= LOOKED_BACK
    oldest = sa.func.min(placed.finished_at).filter(is_looked_at)
    return sa.select(
        sa.func.count().filter(is_looked_at, placed.is_open), sa.case((sa.func.count() > LOOKED_BACK, oldest))
    )


@cache
def _latest() -> Query:
    job = BackgroundJob
    own = sa.select(col(job.id), col(job.error_traceback)).where(*failed(), is_this())
    return own.order_by(col(job.finished_at).desc(), col(job.id).desc()).limit(1)


@cache
def _places() -> Query:
    count: Any = sa.func.count()
    host, version = sa.func.left(col(Worker.host), 100), sa.func.left(col(Worker.version), 50)
    return (
        sa.select(host, version, count)
        .select_from(BackgroundJob)
        .join(Worker, col(Worker.id) == col(BackgroundJob.worker_id))
        .where(*failed(), is_this())
        .group_by(host, version)
        .order_by(count.desc(), host)
        .limit(PLACES)
    )


@cache
def _users(situation: sa.ColumnElement[str]) -> Query:
    hit: Any = users_hit().subquery("hit").c
    number = sa.func.count().filter(hit.is_open).over().label("number")
    first: Any = sa.select(*hit, number).order_by(*hit_first(hit)).limit(USERS).subquery("first").c
    shown = (first.id, first.email, first.is_open, is_recovered(first, situation), first.last, first.number)
    return sa.select(*shown).join(User, col(User.id) == first.id).order_by(*hit_first(first))


def is_recovered(hit: Any, situation: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return the condition that a user hit is well: a retry that runs, or another failure, is not that."""
    return sa.and_(sa.not_(hit.is_open), situation == Situation.FINE.value)


def users_hit() -> Query:
    """Select the users of the error's failures since `since`, whether one is unhandled, and when the last one was."""
    job, last = BackgroundJob, sa.func.max(col(BackgroundJob.finished_at))
    return (
        sa.select(
            col(User.id),
            sa.func.left(col(User.email), 320).label("email"),
            sa.func.bool_or(is_open()).label("is_open"),
            last.label("last"),
        )
        .select_from(job)
        .join(User, col(User.id) == col(job.user_id))
        .where(*failed(), is_this())
        .group_by(col(User.id), col(User.email))
    )


def hit_first(hit: Any) -> tuple[sa.ColumnElement[Any], ...]:
    """Return the order of users hit: those whose failure is unhandled, then those hit last."""
    return hit.is_open.desc(), hit.last.desc(), hit.id
