"""Users who will stay as they are until a person does something, with when and why."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col

from core.database.statements import Query, Union, fetch
from core.diagnosis.again import Again, again_of_error
from core.diagnosis.situation import Situation
from core.diagnosis.user_situation import may_be_listed, user_situation
from core.models import DemoModeStatus, JobKind, Queue, User
from core.people.telling_job import OF_KIND, telling_job
from core.people.users import HELD_UP

_BECAUSE: Final = sa.bindparam("because", type_=sa.Text())
_SITUATION: Final = sa.bindparam("situation", type_=sa.Text())


@dataclass(frozen=True, slots=True)
class UserInNeed:
    """One user, and since when and why they need help."""

    id: UUID
    email: str
    status: DemoModeStatus
    situation: Situation
    #: When their latest job ended, or was requested if it has not ended; None: they have none.
    at: datetime | None
    #: The first line of that job's error, or else its kind; empty: there is no job.
    cause: str
    #: The queue of their active job, its paused kind after OF_KIND, or the fingerprint of its error: what others may
    #: be there for, too.
    because: str | None = None


@dataclass(frozen=True, slots=True)
class NeedGroup:
    """Users who are in one situation for the same reason."""

    #: The one whose job is the latest.
    latest: UserInNeed
    #: How many they are.
    number: int = 1
    #: Since when the first of them has been there; None: one has no job.
    since: datetime | None = None
    #: What another attempt at their failed jobs would come to.
    again: Again = field(default_factory=Again)
    #: When their queue or kind was paused, by whom and why; None: it is not, or they have none.
    paused_at: datetime | None = None
    paused_by: str | None = None
    paused_reason: str | None = None

    @property
    def paused(self) -> tuple[str, str]:
        """What is paused: a queue or a kind, and its name."""
        because = self.latest.because or ""
        return ("kind", because.removeprefix(OF_KIND)) if because.startswith(OF_KIND) else ("queue", because)


def need_groups(
    session: Session, most: int, situation: Situation | None = None, because: str | None = None
) -> list[NeedGroup]:
    """Return the first users in need, by why they are; the most urgent first, of each situation the most users.

    `situation`, `because`: only those who are in it, or are there for this reason; None: all.
    """
    rows = fetch(session, _groups(user_situation()), most=most, situation=situation, because=because)
    is_any_held = any(row.situation == Situation.HELD for row in rows)
    paused = {name: pause for name, *pause in fetch(session, _paused())} if is_any_held else {}
    groups = []
    for *user, number, since in rows:
        user_id, email, state, found, at, cause, reason = user
        latest = UserInNeed(user_id, email, state, Situation(found), at, cause, reason)
        pause = paused.get(_held_by(latest), ())
        groups.append(NeedGroup(latest, number, since, _again(session, latest), *pause))
    return groups


def need_group(session: Session, situation: Situation, because: str) -> NeedGroup | None:
    """Return the users who are in a situation for this reason; None: nobody is any more."""
    return next(iter(need_groups(session, 1, situation, because)), None)


def _again(session: Session, user: UserInNeed) -> Again:
    has_error = user.situation is Situation.FAILED and user.because
    return again_of_error(session, user.because or "") if has_error else Again()


def _held_by(user: UserInNeed) -> str:
    return (user.because or "") if user.situation is Situation.HELD else ""


@cache
def _paused() -> Union:
    """Select what is paused, by its name, with when, by whom and why."""
    queues, kinds = (
        sa.select(name, *(col(each) for each in (row.paused_at, row.paused_by, row.paused_reason))).where(
            col(row.paused_at).is_not(None)
        )
        for row, name in ((Queue, col(Queue.name)), (JobKind, sa.literal(OF_KIND) + col(JobKind.kind)))
    )
    return queues.union_all(kinds)


@cache
def _groups(situation: ColumnElement[str]) -> Query:
    """Select of each group the user with the latest job, how many they are, and since when the first has been there."""
    user: Any = _in_need(situation).subquery("user_in_need").c
    alike = user.situation, sa.func.coalesce(user.because, sa.cast(user.id, sa.Text))
    latest_first = user.at.desc().nulls_last(), user.id
    number = sa.func.count().over(partition_by=alike)
    # The first of a group may be one without a job, and then nobody knows since when.
    since = sa.case(
        (sa.func.count(user.at).over(partition_by=alike) == number, sa.func.min(user.at).over(partition_by=alike))
    )
    place = sa.func.row_number().over(partition_by=alike, order_by=latest_first)
    placed: Any = (
        sa.select(*user, number.label("number"), since.label("since"), place.label("place")).subquery("placed").c
    )
    urgency = sa.case({each.value: place for place, each in enumerate(HELD_UP)}, value=placed.situation)
    return (
        sa.select(*(each for each in placed if each.key != "place"))
        .where(placed.place == 1)
        .order_by(urgency, placed.number.desc(), placed.at.desc().nulls_last(), placed.id)
        .limit(sa.bindparam("most"))
    )


@cache
def _in_need(situation: ColumnElement[str]) -> Query:
    # Kept apart, or PostgreSQL would work out the situation once for each time that it is named.
    people = sa.select(User.id, User.email, User.demo_mode_status, situation.label("situation")).where(may_be_listed())  # type: ignore[call-overload]
    listed = people.cte("people").prefix_with("MATERIALIZED")
    latest = telling_job(listed.c.id)
    is_failed = listed.c.situation == Situation.FAILED.value
    because = sa.case((is_failed, latest.c.fingerprint), else_=latest.c.queue)
    return (
        sa.select(*listed.c, latest.c.at, sa.func.coalesce(latest.c.cause, "").label("cause"), because.label("because"))
        .outerjoin(latest, sa.true())
        .where(
            listed.c.situation.in_([each.value for each in HELD_UP]),
            sa.or_(_SITUATION.is_(None), listed.c.situation == _SITUATION),
            sa.or_(_BECAUSE.is_(None), because == _BECAUSE),
        )
    )
