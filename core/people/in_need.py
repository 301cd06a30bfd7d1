"""Users who will stay as they are until a person does something, with when and why."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session

from core.database.statements import Query, fetch
from core.diagnosis.situation import Situation
from core.diagnosis.user_situation import may_be_listed, user_situation
from core.models import DemoModeStatus, User
from core.people.telling_job import telling_job
from core.people.users import HELD_UP


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


def users_in_need(session: Session, most: int) -> list[UserInNeed]:
    """Return users in a situation of HELD_UP, the most urgent first, of each situation the latest first."""
    rows = fetch(session, _in_need(user_situation()), most=most)
    return [
        UserInNeed(user_id, email, state, Situation(situation), at, cause)
        for user_id, email, state, situation, at, cause in rows
    ]


@cache
def _in_need(situation: ColumnElement[str]) -> Query:
    # Kept apart, or PostgreSQL would work out the situation once for each time that it is named.
    people = sa.select(User.id, User.email, User.demo_mode_status, situation.label("situation")).where(may_be_listed())  # type: ignore[call-overload]
    listed = people.cte("people").prefix_with("MATERIALIZED")
    latest = telling_job(listed.c.id)
    urgency = sa.case({each.value: place for place, each in enumerate(HELD_UP)}, value=listed.c.situation)
    return (
        sa.select(*listed.c, latest.c.at, sa.func.coalesce(latest.c.cause, ""))
        .outerjoin(latest, sa.true())
        .where(listed.c.situation.in_([each.value for each in HELD_UP]))
        .order_by(urgency, latest.c.at.desc().nulls_last(), listed.c.id)
        .limit(sa.bindparam("most"))
    )
