"""Filters by people: whose a job is, and who requested it.

A text means the user with this id, or those whose address begins with it; if there is none, those with each of its
words in any part of their address or name.
"""

from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.letters import contain_words, has_letters, words_of
from core.database.statements import Query, fetch
from core.database.text import begins_with, pasted
from core.job_list.sources import FEW, NEWEST, Arm, Condition, Job, Source
from core.models import User
from core.models.background_job import FOR_OTHERS

#: Up to this many users, their jobs are merged in time order, with one index scan each; above, they are sorted.
FEW_USERS: Final = 200
_FOR_OTHERS: Final[Condition] = sa.literal_column(f"({FOR_OTHERS})", sa.Boolean())


def people(session: Session, text: str) -> sa.Subquery:
    """Select the ids of the users that a text means."""
    person: Query = sa.select(col(User.id).label("id"))
    try:
        return person.where(col(User.id) == UUID(text)).subquery("person")
    except ValueError:
        text = pasted(text)
    if not words_of(text):
        return person.where(sa.false()).subquery("person")
    starts = person.where(begins_with(col(User.email), text))
    if not any(map(has_letters, words_of(text))) or fetch(session, starts.limit(1)):
        return starts.subquery("person")
    return person.where(contain_words(session, text, col(User.email), col(User.name))).subquery("person")


def of_users(session: Session, text: str) -> Condition:
    """Return the condition that a job belongs to a user whom a text means."""
    return col(Job.user_id).in_(sa.select(people(session, text).c.id))


def by_users(session: Session, text: str) -> tuple[Condition, Source] | None:
    """Return the jobs of the users whom a text means; None without such a user."""
    if (found := _found(session, text)) is None:
        return None
    users, ids = found
    is_theirs, each, name = col(Job.user_id).in_(sa.select(users.c.id)), _each(users, ids), f"user {text}"
    if len(ids) == 1:
        return is_theirs, Source(name, (Arm((col(Job.user_id) == ids[0],)),), rank=6)
    arms = (Arm((col(Job.user_id) == each.c.id,), each),)
    if len(ids) <= FEW_USERS:
        return is_theirs, Source(name, arms, rank=6)
    return is_theirs, Source(name, arms, ordered=False, instead=NEWEST, rank=2)


def by_requesters(session: Session, text: str) -> tuple[Condition, Source] | None:
    """Return the jobs requested by the users whom a text means; None without such a user.

    What they requested for themselves is among their own jobs; an index holds what they requested for others.
    """
    if (found := _found(session, text)) is None:
        return None
    users, ids = found
    each = _each(users, ids)
    is_theirs = col(Job.requested_by) == each.c.id
    arms = Arm((_FOR_OTHERS, is_theirs), each), Arm((col(Job.user_id) == each.c.id, is_theirs), each)
    condition = col(Job.requested_by).in_(sa.select(users.c.id))
    return condition, Source(f"by {text}", arms, cap=FEW, rank=5)


def _found(session: Session, text: str) -> tuple[sa.Subquery, list[UUID]] | None:
    """Return the users and the ids of the first of them: one more than are few."""
    users = people(session, text)
    ids = [row.id for row in fetch(session, sa.select(users.c.id).limit(FEW_USERS + 1))]
    return (users, ids) if ids else None


def _each(users: sa.Subquery, ids: list[UUID]) -> Any:
    """Return the few users as values, which are looked at once; many stay a selection."""
    if len(ids) > FEW_USERS:
        return users
    return sa.values(sa.column("id", sa.Uuid()), name="person").data([(user_id,) for user_id in ids])
