"""Searching users, listing those who need help, and loading everything about one user."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final, NamedTuple
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, func

from core.database.letters import contain_words
from core.database.statements import Query, fetch
from core.database.text import begins_with, ids_beginning, pasted, tidy
from core.database.truncate import IN_LIST, truncate, truncated
from core.database.window import Window, bounds, cut, read_prepared, windowed
from core.demo import rows
from core.diagnosis.answer import Diagnosis
from core.diagnosis.context import JobContext
from core.diagnosis.customer import last_preset
from core.diagnosis.situation import Situation
from core.diagnosis.user import context_of, diagnose_in
from core.diagnosis.user_situation import LISTED, may_be_listed, user_situation
from core.errors import Invalid, NotFound
from core.job_list.queries import jobs_of_user
from core.models import BackgroundJob, DemoModeStatus, Event, PlatformConnection, User
from core.people.connections import ConnectionState, states_of
from core.people.operator_list import admin_names
from core.people.telling_job import telling_job

#: Most users that one search returns; longer search text finds the others.
MOST: Final = 50
#: Characters of a job's id from which on a search finds its user; customers are told thirteen.
FEWEST_OF_JOB: Final = 9
#: Jobs and events on one user's page.
JOBS_SHOWN: Final = 20
EVENTS_SHOWN: Final = 60
CONNECTIONS_SHOWN: Final = 30

#: Users who will stay as they are until a person does something.
HELD_UP: Final = (Situation.STUCK, Situation.FAILED, Situation.HELD)
#: Situations that say more about a user than the state of their demo mode does.
SAY_MORE: Final = frozenset({Situation.STUCK, Situation.HELD, Situation.WAITING})


@dataclass(frozen=True, slots=True)
class UserLine:
    """One user in a list."""

    id: UUID
    email: str
    name: str | None
    role: str
    status: DemoModeStatus
    situation: Situation
    #: Of a situation of HELD_UP: since when they are in it, and why, as in UserInNeed.
    since: datetime | None = None
    cause: str = ""


@dataclass(frozen=True, slots=True)
class UserPage:
    """Everything on a user's page; events newest first."""

    user: User
    context: JobContext | None
    diagnosis: Diagnosis
    #: The creator whose data the user has, or who was last asked for and has not come.
    preset: str | None
    #: The names of the admins, where only they can change what the diagnosis names.
    admins: tuple[str, ...]
    connections: Window[PlatformConnection]
    connection_states: Mapping[UUID, ConnectionState]
    demo_interactions: int
    jobs: list[dict[str, Any]]
    events: Window[Event]


class UserQuery(NamedTuple):
    """What a list of users shows: a search, one situation or all, and from which row on."""

    search: str = ""
    situation: Situation | None = None
    start: int = 0
    #: Only those of a situation of HELD_UP whom this has in common, as in UserInNeed.
    because: str = ""


def find_users(
    session: Session, search: str, situation: Situation | None = None, start: int = 0, because: str = ""
) -> Window[UserLine]:
    """Return users by the start of e-mail address, name or id, ignoring case; if none starts so, by any part.

    The newest come first; in a situation of HELD_UP those who have been in it longest, of whom `because` are those in
    it for one reason. Raises Invalid for a reason without one of these situations.
    """
    if problem := problem_of(situation, because):
        raise Invalid(problem, {"because": problem})
    search, where = pasted(search), _Where(situation, tidy(because))
    if not search:
        query = _select_lines(where) if where.because else _newest(situation, user_situation())
        return _cut(fetch(session, query, **bounds(MOST, start)), start)
    lines = _lines(session, where, _begins(search), start)
    is_any = bool(lines) or (start > 0 and bool(_lines(session, where, _begins(search), 0)))
    if is_any:
        return lines
    return _lines(session, where, contain_words(session, search, User.email, User.name), start)


def problem_of(situation: Situation | None, because: str) -> str:
    """Return why no user is in a situation for a reason; empty: some may be."""
    if because and ("\x00" in because or not tidy(because)):
        return "No reason (because) has such characters, so that nobody is there for it."
    if not because or situation in HELD_UP:
        return ""
    named = " or ".join(sorted(HELD_UP))
    return f"A reason (because) needs the situation that it is the reason of: {named}."


def users_by_situation(session: Session) -> Mapping[Situation, int]:
    """Return how many users are in each situation of LISTED."""
    found = {row[0]: row[1] for row in fetch(session, _numbers(user_situation()))}
    return {each: found.get(each.value, 0) for each in LISTED}


@cache
def _numbers(situation: ColumnElement[str]) -> Query:
    return sa.select(situation, func.count()).select_from(User).where(may_be_listed()).group_by(situation)


def user_page(session: Session, user_id: UUID, connections_from: int = 0, events_from: int = 0) -> UserPage:
    """Return everything about one user, from places in two lists; raises NotFound."""
    user = session.execute(_one_user(), {"user_id": user_id}).scalar()
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    context = context_of(session, user)
    diagnosis = diagnose_in(session, user, context)
    connections = user_connections(session, user_id, CONNECTIONS_SHOWN, connections_from)
    return UserPage(
        user=user,
        context=context,
        diagnosis=diagnosis,
        admins=admin_names(session) if diagnosis.for_admins else (),
        preset=last_preset(session, user),
        connections=connections,
        connection_states=states_of(session, connections),
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


def _in(situation: Situation) -> list[ColumnElement[bool]]:
    is_in = user_situation() == situation.value
    return [is_in] if situation is Situation.FINE else [may_be_listed(), is_in]


def _begins(search: str) -> ColumnElement[bool]:
    fits = [begins_with(column, search) for column in (User.email, User.name)]
    return sa.or_(*fits, *_id_between(search))


def _id_between(search: str) -> list[ColumnElement[bool]]:
    """Return the range of ids that start with these digits, of the user or of a job of theirs; an index finds it."""
    if (ids := ids_beginning(search)) is None:
        return []
    of_jobs = sa.select(col(BackgroundJob.user_id)).where(col(BackgroundJob.id).between(*ids))
    by_job = [col(User.id).in_(of_jobs)] if len(search) >= FEWEST_OF_JOB else []
    return [col(User.id).between(*ids), *by_job]


class _Where(NamedTuple):
    situation: Situation | None
    because: str = ""


def _lines(session: Session, where: _Where, fits: ColumnElement[bool], start: int) -> Window[UserLine]:
    return _cut(fetch(session, _select_lines(where, fits), **bounds(MOST, start)), start)


@cache
def _newest(situation: Situation | None, _of_settings: ColumnElement[str]) -> Query:
    return _select_lines(_Where(situation))


def _select_lines(of: _Where, *fits: ColumnElement[bool]) -> Query:
    situation = of.situation
    own = (col(User.id), col(User.email), truncate(col(User.name)), col(User.role), col(User.demo_mode_status))
    where = (*(_in(situation) if situation else ()), *fits)
    if situation not in HELD_UP:
        newest = col(User.created_at).desc(), col(User.id)
        return windowed(sa.select(*own, user_situation()).where(*where).order_by(*newest))
    telling = telling_job(col(User.id))
    lines = sa.select(*own, user_situation(), telling.c.at, sa.func.coalesce(telling.c.cause, ""))
    longest = telling.c.at.asc().nulls_first(), col(User.id)
    reason = telling.c.fingerprint if situation is Situation.FAILED else telling.c.queue
    same = [reason == of.because] if of.because else []
    return windowed(lines.outerjoin(telling, sa.true()).where(*where, *same).order_by(*longest))


def _cut(found: Sequence[sa.Row[*tuple[Any, ...]]], start: int) -> Window[UserLine]:
    lines = [
        UserLine(user_id, email, name, role.value, status, Situation(situation), *since_and_cause)
        for user_id, email, name, role, status, situation, *since_and_cause in found
    ]
    return cut(lines, MOST, start)
