"""Errors that are new, or back after a quiet week: those of open failures within the last hour."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, fetch
from core.diagnosis.failing import is_open_since, latest_message, newest_failures
from core.models import Alert, BackgroundJob
from core.wording import NO_ERROR

RULE: Final = "new_error"
#: Without another failure for so long, an error is over.
WITHIN: Final = timedelta(hours=1)
#: An error counts as new for so long after its first failure, and as back if it was away for QUIET before that.
NEW_FOR: Final = timedelta(hours=24)
QUIET: Final = timedelta(days=7)
#: More new errors at once are one trouble, which the success rate tells.
MOST: Final = 10


@dataclass(frozen=True, slots=True)
class NewError:
    """One error, and its open failures of the last hour."""

    fingerprint: str
    #: What is new about it, as a sentence begins.
    news: str
    kind: str
    message: str
    jobs: int
    users: int
    began_at: datetime


def new_errors(session: Session) -> list[NewError]:
    """Return the errors that were not there in the week before, those of most jobs first."""
    return [
        NewError(
            row.error_fingerprint,
            "An error is back" if row.was_there else "New error",
            row.kind,
            row.message or NO_ERROR,
            row.jobs,
            row.users,
            row.began_at,
        )
        for row in fetch(session, _new_errors())
    ]


@cache
def _new_errors() -> Query:
    """Select errors of the newest failed jobs; the index of errors says whether they were there before."""
    error: Any = _errors().c
    is_told = sa.exists().where(
        col(Alert.rule) == RULE, col(Alert.subject) == error.error_fingerprint, col(Alert.over_at).is_(None)
    )
    start = clock.db_now() - sa.literal(NEW_FOR, sa.Interval())
    week_before = start - sa.literal(QUIET, sa.Interval())
    return (
        sa.select(error, _is_of(error, until=start).label("was_there"))
        .where(sa.or_(is_told, sa.not_(_is_of(error, until=start, since=week_before))))
        .order_by(error.jobs.desc(), error.error_fingerprint)
        .limit(MOST)
    )


def _errors() -> sa.Subquery:
    row = newest_failures()
    return (
        sa.select(
            row.error_fingerprint,
            sa.func.min(row.kind).label("kind"),
            latest_message(row).label("message"),
            sa.func.count().label("jobs"),
            sa.func.count(sa.distinct(row.user_id)).label("users"),
            sa.func.min(row.finished_at).label("began_at"),
        )
        .where(*is_open_since(row, WITHIN))
        .group_by(row.error_fingerprint)
        .subquery("of_error")
    )


def _is_of(error: Any, *, until: Any, since: Any = None) -> Any:
    """Return the condition that a job with this error was requested in a period."""
    earlier: Any = sa.orm.aliased(BackgroundJob)
    found = sa.exists().where(earlier.error_fingerprint == error.error_fingerprint, earlier.created_at < until)
    return found if since is None else found.where(earlier.created_at >= since)
