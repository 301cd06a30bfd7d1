"""Reasons for which several users fail at the moment."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, fetch
from core.diagnosis.alike import DEPTH, FAILED, Crowd, users_with_error
from core.diagnosis.error_state import is_settled_error
from core.diagnosis.situation import SETTLING, is_settled
from core.models import BackgroundJob
from core.wording import NO_ERROR

#: So many users who failed with one error within so long are an incident; with fewer in it, it is over.
FEWEST: Final = 3
WITHIN: Final = timedelta(minutes=15)
#: The reasons that hit most users; the overview has all.
REASONS_SHOWN: Final = 2
#: Characters of an error in a sentence.
LONGEST: Final = 200


@dataclass(frozen=True, slots=True)
class FailingReason:
    """An error, as the newest job has it, and the users whose jobs failed with it and are not dealt with."""

    fingerprint: str
    message: str
    failed: Crowd


def failing_reasons(session: Session) -> tuple[FailingReason, ...]:
    """Return the errors that several users had lately, the most frequent first; not those ignored or resolved."""
    rows = fetch(session, _failing())
    return tuple(
        FailingReason(row.fingerprint, row.message or NO_ERROR, users_with_error(session, row.fingerprint).failed)
        for row in rows
    )


@cache
def _failing() -> Query:
    """Select the errors of WITHIN; of the failed jobs, the index of their requests shows the newest DEPTH."""
    row = newest_failures()
    users = sa.func.count(sa.distinct(row.user_id))
    return (
        sa.select(row.error_fingerprint.label("fingerprint"), latest_message(row).label("message"))
        .where(row.user_id.is_not(None), *is_open_since(row, WITHIN))
        .group_by(row.error_fingerprint)
        .having(users >= FEWEST, sa.not_(is_settled_error(row.error_fingerprint)))
        .order_by(users.desc(), row.error_fingerprint)
        .limit(REASONS_SHOWN)
    )


def newest_failures() -> Any:
    """Return the columns of the newest DEPTH failed jobs, as a subquery that the index of their requests answers."""
    job = BackgroundJob
    shown = (*SETTLING, job.kind, job.error_fingerprint, job.error_message)
    newest = (
        sa.select(*(col(each) for each in shown))
        .where(col(job.status) == FAILED)
        .order_by(col(job.created_at).desc(), col(job.id).desc())
        .limit(DEPTH)
        .subquery("newest")
    )
    return newest.c


def is_open_since(row: Any, within: timedelta) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions that a failure with an error is of the last while, and not dealt with."""
    span = sa.literal(within, sa.Interval())
    is_late = row.finished_at.between(clock.db_now() - span, clock.db_now() + span)  # no odd time far ahead
    return row.error_fingerprint.is_not(None), is_late, sa.not_(is_settled(row))


def latest_message(row: Any) -> Any:
    """Return the first line of a group's latest error."""
    line = sa.func.left(sa.func.split_part(row.error_message, "\n", 1), LONGEST)
    messages: Any = sa.func.array_agg(aggregate_order_by(line, row.finished_at.desc()), type_=sa.ARRAY(sa.Text))
    return messages[1]
