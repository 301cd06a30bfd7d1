"""Users who will stay as they are until a person does something, with when and why."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.sql.selectable import LateralFromClause
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.diagnosis.situation import Situation, row_situation
from core.models import BackgroundJob, DemoModeStatus, JobStatus, User
from core.operations.demo import demo_mode
from core.people.users import HELD_UP, may_be_listed

#: Characters of a cause that are shown.
LONGEST: Final = 200


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
    rows = fetch(session, _in_need(row_situation(demo_mode)), most=most)
    return [
        UserInNeed(user_id, email, state, Situation(situation), at, cause)
        for user_id, email, state, situation, at, cause in rows
    ]


@cache
def _in_need(situation: ColumnElement[str]) -> Query:
    # Kept apart, or PostgreSQL would work out the situation once for each time that it is named.
    people = sa.select(User.id, User.email, User.demo_mode_status, situation.label("situation")).where(may_be_listed())  # type: ignore[call-overload]
    listed = people.cte("people").prefix_with("MATERIALIZED")
    latest = _latest_job(listed.c.id, listed.c.demo_mode_status == demo_mode.failed)
    urgency = sa.case({each.value: place for place, each in enumerate(HELD_UP)}, value=listed.c.situation)
    return (
        sa.select(*listed.c, latest.c.at, sa.func.coalesce(latest.c.cause, ""))
        .outerjoin(latest, sa.true())
        .where(listed.c.situation.in_([each.value for each in HELD_UP]))
        .order_by(urgency, latest.c.at.desc().nulls_last(), listed.c.id)
        .limit(sa.bindparam("most"))
    )


def _latest_job(user_id: ColumnElement[UUID], is_failed: ColumnElement[bool]) -> LateralFromClause:
    """Select when and why the active job of a user's demo mode, or else the latest one, is where it is.

    While it is failed, a job that was cancelled since explains nothing.
    """
    job = BackgroundJob
    explains_nothing = sa.and_(is_failed, col(job.status) == JobStatus.CANCELLED)
    is_live = col(job.status).in_((JobStatus.QUEUED, JobStatus.RUNNING))
    error = sa.func.left(sa.func.split_part(col(job.error_message), "\n", 1), LONGEST)
    return (
        sa.select(
            sa.func.coalesce(col(job.finished_at), col(job.created_at)).label("at"),
            sa.func.coalesce(error, col(job.kind)).label("cause"),
        )
        .where(col(job.user_id) == user_id, col(job.machine) == demo_mode.name)
        .order_by(is_live.desc(), explains_nothing, col(job.created_at).desc(), col(job.id).desc())
        .limit(1)
        .lateral()
    )
