"""Users who will stay as they are until a person does something, with when and why."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql.selectable import LateralFromClause
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.diagnosis.situation import SETTLING, Situation, is_settled
from core.diagnosis.user_situation import may_be_listed, user_situation
from core.models import BackgroundJob, DemoModeStatus, JobStatus, User
from core.people.users import HELD_UP

#: Characters of a cause that are shown.
LONGEST: Final = 200
#: Jobs of a user among which the one is that tells.
NEWEST: Final = 50


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
    latest = _telling_job(listed.c.id)
    urgency = sa.case({each.value: place for place, each in enumerate(HELD_UP)}, value=listed.c.situation)
    return (
        sa.select(*listed.c, latest.c.at, sa.func.coalesce(latest.c.cause, ""))
        .outerjoin(latest, sa.true())
        .where(listed.c.situation.in_([each.value for each in HELD_UP]))
        .order_by(urgency, latest.c.at.desc().nulls_last(), listed.c.id)
        .limit(sa.bindparam("most"))
    )


def _telling_job(user_id: ColumnElement[UUID]) -> LateralFromClause:
    """Select when and why a user is where they are: by their active job, or an open failure, or else their latest job.

    One that was cancelled explains nothing while there is another.
    """
    job = BackgroundJob
    shown = (job.status, job.kind, job.error_message)
    newest = (
        sa.select(*(col(each) for each in (*SETTLING, *shown)))
        .where(col(job.user_id) == user_id, col(job.machine).is_not(None))
        .order_by(col(job.created_at).desc(), col(job.id).desc())
        .limit(NEWEST)
        .correlate_except(job)
        .subquery("newest")
    )
    row: Any = newest.c
    is_live = row.status.in_((JobStatus.QUEUED, JobStatus.RUNNING))
    is_open = sa.and_(row.status == JobStatus.FAILED, sa.not_(is_settled(row)))
    error = sa.func.left(sa.func.split_part(row.error_message, "\n", 1), LONGEST)
    return (
        sa.select(
            sa.func.coalesce(row.finished_at, row.created_at).label("at"),
            sa.func.coalesce(error, row.kind).label("cause"),
        )
        .order_by(
            is_live.desc(), is_open.desc(), row.status == JobStatus.CANCELLED, row.created_at.desc(), row.id.desc()
        )
        .limit(1)
        .lateral()
    )
