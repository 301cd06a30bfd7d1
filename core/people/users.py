"""Searching users, listing those who need help, and loading everything about one user."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func

from core import clock
from core.database.statements import Query, fetch
from core.database.text import begins_with, contains, pasted
from core.database.truncate import IN_LIST, truncate, truncated
from core.database.window import Window, bounds, cut, read_prepared, windowed
from core.demo import rows
from core.diagnosis.context import Diagnosis, JobContext, latest_job, load_context
from core.diagnosis.user import diagnose
from core.errors import NotFound
from core.job_list.queries import jobs_of_user
from core.jobs.labels import Label, has_label
from core.models import BackgroundJob, DemoModeStatus, Event, JobStatus, PlatformConnection, User
from core.operations import transitional_states
from core.operations.demo import demo_mode
from core.settings import settings

#: Most users that one search returns; longer search text finds the others.
MOST: Final = 50
#: Jobs and events on one user's page.
JOBS_SHOWN: Final = 20
EVENTS_SHOWN: Final = 60
CONNECTIONS_SHOWN: Final = 30
#: Seconds after which an unclaimed due job, or a running one without a checkpoint, counts as stuck.
OVERDUE: Final = 60

#: States in which a job must be active for the user.
_TRANSITIONAL: Final = transitional_states(demo_mode)


class Need(StrEnum):
    """Lists of users by whether they need help."""

    STUCK = "stuck"
    FAILED = "failed"
    MOVING = "moving"


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user in a list."""

    id: UUID
    email: str
    name: str | None
    role: str
    status: DemoModeStatus
    is_stuck: bool


@dataclass(frozen=True, slots=True)
class UserPage:
    """Everything on a user's page; events newest first."""

    user: User
    context: JobContext | None
    diagnosis: Diagnosis
    connections: Window[PlatformConnection]
    demo_interactions: int
    jobs: list[dict[str, Any]]
    events: Window[Event]


def find_users(session: Session, search: str, need: Need | None = None, start: int = 0) -> Window[UserLine]:
    """Return users by the start of e-mail address, name or id, ignoring case; if none starts so, by any part.

    An empty search returns the newest users, or with `need` the newest of that list.
    """
    search = pasted(search)
    if not search:
        return _cut(fetch(session, _newest(need, settings().lease), **bounds(MOST, start)), start)
    conditions = [_needs(need)] if need else []
    lines = _lines(session, [*conditions, _begins(search)], start)
    is_any = bool(lines) or (start > 0 and bool(_lines(session, [*conditions, _begins(search)], 0)))
    return lines if is_any else _lines(session, [*conditions, _contains(search)], start)


def users_in_need(session: Session) -> Mapping[Need, int]:
    """Return how many users are stuck, how many failed, and how many are moving normally."""
    return dict(zip(Need, fetch(session, _numbers_in_need(settings().lease))[0], strict=True))


@cache
def _numbers_in_need(lease: timedelta) -> Query:
    stuck = _is_stuck(lease)
    return (
        sa.select(
            func.count().filter(stuck),
            func.count().filter(col(User.demo_mode_status) == demo_mode.failed),
            func.count().filter(col(User.demo_mode_status).in_(_TRANSITIONAL), sa.not_(stuck)),
        )
        .select_from(User)
        .where(col(User.demo_mode_status).in_((*_TRANSITIONAL, demo_mode.failed)))
    )


def user_page(session: Session, user_id: UUID, connections_from: int = 0, events_from: int = 0) -> UserPage:
    """Return everything about one user, from places in two lists; raises NotFound."""
    user = session.execute(_one_user(), {"user_id": user_id}).scalar()
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    job = latest_job(session, user_id)
    context = load_context(session, job) if job else None
    return UserPage(
        user=user,
        context=context,
        diagnosis=diagnose(user, context),
        connections=user_connections(session, user_id, CONNECTIONS_SHOWN, connections_from),
        demo_interactions=rows.count_interactions(session, user_id),
        jobs=jobs_of_user(session, user_id, JOBS_SHOWN),
        events=user_events(session, user_id, EVENTS_SHOWN, events_from),
    )


def user_connections(session: Session, user_id: UUID, limit: int, start: int = 0) -> Window[PlatformConnection]:
    """Return a user's connections, oldest first."""
    return read_prepared(session, _connections_of_user(), limit, start, user_id=user_id)


def user_events(session: Session, user_id: UUID, limit: int, start: int = 0) -> Window[Event]:
    """Return a user's events, newest first."""
    return read_prepared(session, _events_of_user(), limit, start, user_id=user_id)


@cache
def _one_user() -> Query:
    people = truncated(User, IN_LIST)
    return sa.select(people).where(col(people.id) == sa.bindparam("user_id"))


@cache
def _connections_of_user() -> Query:
    links = truncated(PlatformConnection, IN_LIST)
    own = sa.select(links).where(col(links.user_id) == sa.bindparam("user_id"))
    return windowed(own.order_by(col(links.created_at), col(links.id)))


@cache
def _events_of_user() -> Query:
    happened = truncated(Event, IN_LIST)
    own = sa.select(happened).where(col(happened.user_id) == sa.bindparam("user_id"))
    return windowed(own.order_by(col(happened.id).desc()))


def is_stuck() -> ColumnElement[bool]:
    """Return the condition for users in a transitional state whose job will not move them out of it in time."""
    return _is_stuck(settings().lease)


@cache  # as the labels of jobs that it is made of
def _is_stuck(_lease: timedelta) -> ColumnElement[bool]:
    job = BackgroundJob
    late = clock.db_now() - sa.literal(timedelta(seconds=OVERDUE), sa.Interval())
    will_move = sa.or_(
        sa.and_(col(job.status) == JobStatus.QUEUED, col(job.run_at) > late),
        has_label(Label.RUNNING),
        has_label(Label.STOPPING),
    )
    has_moving_job = sa.exists().where(
        col(job.machine) == demo_mode.name,
        func.coalesce(col(job.connection_id), col(job.user_id)) == col(User.id),
        col(job.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
        will_move,
    )
    return sa.and_(col(User.demo_mode_status).in_(_TRANSITIONAL), sa.not_(has_moving_job))


def _needs(need: Need) -> ColumnElement[bool]:
    if need is Need.STUCK:
        return is_stuck()
    if need is Need.FAILED:
        return col(User.demo_mode_status) == demo_mode.failed
    return sa.and_(col(User.demo_mode_status).in_(_TRANSITIONAL), sa.not_(is_stuck()))


def _begins(search: str) -> ColumnElement[bool]:
    fits = [begins_with(column, search) for column in (User.email, User.name)]
    return sa.or_(*fits, *_id_between(search))


def _contains(search: str) -> ColumnElement[bool]:
    """Return the condition for each word, in any order: Lee, Kim finds Kim Lee."""
    words = [word for word in re.split(r"[,\s]+", search) if word]
    return sa.and_(*(sa.or_(*(contains(column, word) for column in (User.email, User.name))) for word in words))


def _id_between(search: str) -> list[ColumnElement[bool]]:
    """Return the range of ids that start with these hexadecimal digits, if any; an index finds a range."""
    digits = search.lower().replace("-", "")
    if not 4 <= len(digits) <= 32 or not set(digits) <= set("0123456789abcdef"):
        return []
    return [col(User.id).between(UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f")))]


def _lines(session: Session, conditions: list[ColumnElement[bool]], start: int) -> Window[UserLine]:
    return _cut(fetch(session, _select_lines(conditions), **bounds(MOST, start)), start)


@cache
def _newest(need: Need | None, _lease: timedelta) -> Query:
    return _select_lines([_needs(need)] if need else [])


def _select_lines(conditions: list[ColumnElement[bool]]) -> Query:
    shown = (col(User.id), col(User.email), truncate(col(User.name)), col(User.role), col(User.demo_mode_status))
    newest = sa.select(*shown, is_stuck()).where(*conditions).order_by(col(User.created_at).desc(), col(User.id))
    return windowed(newest)


def _cut(found: Sequence[sa.Row[*tuple[Any, ...]]], start: int) -> Window[UserLine]:
    lines = [UserLine(user_id, email, name, role.value, *rest) for user_id, email, name, role, *rest in found]
    return cut(lines, MOST, start)
