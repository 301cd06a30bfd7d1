"""Users who will stay as they are until a person does something, with when and why."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col

from core.database.statements import Query, Union, fetch
from core.diagnosis.situation import Situation
from core.diagnosis.user_situation import may_be_listed, user_situation
from core.models import DemoModeStatus, JobKind, Queue, User
from core.people.telling_job import OF_KIND, telling_job
from core.people.users import HELD_UP

#: Users whose reasons are compared: more than an operator will look at, and few to read.
MOST_GROUPED: Final = 1_000
_BECAUSE: Final = sa.bindparam("because", type_=sa.Text())


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
    """Users who are in one situation for the same reason, the latest of them first."""

    users: tuple[UserInNeed, ...]
    #: When their queue or kind was paused, by whom and why; None: it is not, or they have none.
    paused_at: datetime | None = None
    paused_by: str | None = None
    paused_reason: str | None = None

    @property
    def paused(self) -> tuple[str, str]:
        """What is paused: a queue or a kind, and its name."""
        because = self.latest.because or ""
        return ("kind", because.removeprefix(OF_KIND)) if because.startswith(OF_KIND) else ("queue", because)

    @property
    def latest(self) -> UserInNeed:
        """The one whose job is the latest."""
        return self.users[0]

    @property
    def since(self) -> datetime | None:
        """Since when the first of them has been there; None: one has no job."""
        times = [user.at for user in self.users if user.at]
        return min(times) if len(times) == len(self.users) else None


def users_in_need(session: Session, most: int = MOST_GROUPED, because: str | None = None) -> list[UserInNeed]:
    """Return users in a situation of HELD_UP, the most urgent first, of each situation the latest first."""
    rows = fetch(session, _in_need(user_situation()), most=most, because=because)
    return [
        UserInNeed(user_id, email, state, Situation(situation), at, cause, reason)
        for user_id, email, state, situation, at, cause, reason in rows
    ]


def need_groups(session: Session, most: int) -> list[NeedGroup]:
    """Return the first users in need, MOST_GROUPED at most, by why they are; of each situation the most users first."""
    return _grouped(session, users_in_need(session))[:most]


def need_group(session: Session, situation: Situation, because: str) -> NeedGroup | None:
    """Return the users who are in a situation for this reason, MOST_GROUPED at most; None: nobody is any more."""
    users = users_in_need(session, because=because)
    return next(iter(_grouped(session, [user for user in users if user.situation is situation])), None)


def _grouped(session: Session, users: Iterable[UserInNeed]) -> list[NeedGroup]:
    by_reason: dict[tuple[Situation, object], list[UserInNeed]] = {}
    for user in users:
        by_reason.setdefault((user.situation, user.because or user.id), []).append(user)
    groups = sorted(by_reason.values(), key=lambda users: (HELD_UP.index(users[0].situation), -len(users)))
    is_any_held = any(users[0].situation is Situation.HELD for users in groups)
    paused = {name: pause for name, *pause in fetch(session, _paused())} if is_any_held else {}
    return [NeedGroup(tuple(users), *paused.get(_held_by(users[0]), ())) for users in groups]


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
def _in_need(situation: ColumnElement[str]) -> Query:
    # Kept apart, or PostgreSQL would work out the situation once for each time that it is named.
    people = sa.select(User.id, User.email, User.demo_mode_status, situation.label("situation")).where(may_be_listed())  # type: ignore[call-overload]
    listed = people.cte("people").prefix_with("MATERIALIZED")
    latest = telling_job(listed.c.id)
    is_failed = listed.c.situation == Situation.FAILED.value
    because = sa.case((is_failed, latest.c.fingerprint), else_=latest.c.queue)
    urgency = sa.case({each.value: place for place, each in enumerate(HELD_UP)}, value=listed.c.situation)
    return (
        sa.select(*listed.c, latest.c.at, sa.func.coalesce(latest.c.cause, ""), because)
        .outerjoin(latest, sa.true())
        .where(
            listed.c.situation.in_([each.value for each in HELD_UP]), sa.or_(_BECAUSE.is_(None), because == _BECAUSE)
        )
        .order_by(urgency, latest.c.at.desc().nulls_last(), listed.c.id)
        .limit(sa.bindparam("most"))
    )
