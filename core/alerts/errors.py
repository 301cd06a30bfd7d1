"""Errors that are new, back after a quiet week, or back after they were resolved: open failures of the last hour.

What is ignored or resolved is not among them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, fetch
from core.diagnosis.alike import DEPTH, FAILED
from core.diagnosis.error_state import SETTLED, ErrorState, error_state
from core.diagnosis.failing import is_open_since, latest_message
from core.diagnosis.situation import SETTLING
from core.errors import OnlyTheOwner
from core.models import BackgroundJob
from core.wording import NO_ERROR

#: Without another failure for so long, an error is over.
WITHIN: Final = timedelta(hours=1)
#: An error counts as new for so long after its first failure, and as back if it was away for QUIET before that.
NEW_FOR: Final = timedelta(hours=24)
QUIET: Final = timedelta(days=7)
#: Failures of the last while that are looked at.
LOOKED_AT: Final = 5_000
#: More new errors at once are one trouble, which the success rate tells.
MOST: Final = 10
_SHOWN: Final = (*SETTLING, BackgroundJob.kind, BackgroundJob.error_fingerprint, BackgroundJob.error_message)


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


def new_errors(session: Session, known: list[str]) -> list[NewError]:
    """Return the errors that were not there in the week before, or were resolved, and `known` ones still there.

    Those of most jobs come first. What is known is new for as long as it goes on.
    """
    found = {row.error_fingerprint: row for row in fetch(session, _new_errors())}
    missing = [each for each in known if each not in found]
    rows = [*found.values(), *(fetch(session, _still_there(), fingerprints=missing) if missing else ())]
    return [
        NewError(
            row.error_fingerprint,
            _news(row),
            row.kind,
            row.message or NO_ERROR,
            row.jobs,
            row.users,
            row.began_at,
        )
        for row in rows
    ]


@cache
def _new_errors() -> Query:
    """Select errors of the last failures; the index of errors says whether they were there before."""
    error: Any = _by_error(_latest_failures()).c
    start = clock.db_now() - sa.literal(NEW_FOR, sa.Interval())
    week_before = start - sa.literal(QUIET, sa.Interval())
    return (
        sa.select(error, _was_there(error, until=start).label("was_there"))
        .where(
            sa.or_(_is_back(error), sa.not_(_was_there(error, until=start, since=week_before))), _is_unsettled(error)
        )
        .order_by(error.jobs.desc(), error.error_fingerprint)
        .limit(MOST)
    )


@cache
def _still_there() -> Query:
    """Select the errors of `fingerprints` that are there still."""
    named = (
        sa.func.unnest(sa.bindparam("fingerprints", type_=sa.ARRAY(sa.Text)))
        .table_valued("fingerprint")
        .render_derived()
    )
    rows = _newest_of(named.c.fingerprint).lateral("of_one")
    some = sa.select(rows).select_from(named.join(rows, sa.true())).where(rows.c.status == FAILED).subquery("known").c
    error: Any = _by_error(some).c
    start = clock.db_now() - sa.literal(NEW_FOR, sa.Interval())
    return sa.select(error, _was_there(error, until=start).label("was_there")).where(_is_unsettled(error))


def _news(row: Any) -> str:
    if row.state == ErrorState.REGRESSION:
        return "A resolved error is back"
    return "An error is back" if row.was_there else "New error"


def _is_back(error: Any) -> Any:
    return error.state == ErrorState.REGRESSION.value


def _is_unsettled(error: Any) -> Any:
    return error.state.not_in([each.value for each in SETTLED])


def _latest_failures() -> Any:
    """Return the columns of the failed jobs of the last while, the latest first."""
    job = BackgroundJob
    now, span = clock.db_now(), sa.literal(WITHIN, sa.Interval())
    return (
        sa.select(*(col(each) for each in _SHOWN))
        .where(col(job.status) == FAILED, col(job.finished_at).between(now - span, now), _is_ours(job))
        .order_by(col(job.finished_at).desc())
        .limit(LOOKED_AT)
        .subquery("latest")
        .c
    )


def _is_ours(job: Any) -> Any:
    """Return the condition that somebody here can mend the error: not that a customer has withdrawn access."""
    return col(job.error_type).is_distinct_from(OnlyTheOwner.__name__)


def _newest_of(fingerprint: Any) -> Any:
    """Return the newest jobs with an error, as the index of errors has them."""
    job: Any = sa.orm.aliased(BackgroundJob)
    shown = (getattr(job, _name(each)) for each in (*_SHOWN, BackgroundJob.status))
    newest = sa.select(*shown).where(job.error_fingerprint == fingerprint)
    return newest.order_by(job.created_at.desc(), job.id.desc()).limit(DEPTH)


def _name(column: Any) -> str:
    return str(column.key)


def _by_error(row: Any) -> sa.Subquery:
    return (
        sa.select(
            row.error_fingerprint,
            sa.func.min(row.kind).label("kind"),
            latest_message(row).label("message"),
            sa.func.count().label("jobs"),
            sa.func.count(sa.distinct(row.user_id)).label("users"),
            sa.func.min(row.finished_at).label("began_at"),
            error_state(row.error_fingerprint).label("state"),
        )
        .where(*is_open_since(row, WITHIN))
        .group_by(row.error_fingerprint)
        .subquery("of_error")
    )


def _was_there(error: Any, *, until: Any, since: Any = None) -> Any:
    """Return the condition that a job with this error was requested, or ended, in a period."""
    job: Any = sa.orm.aliased(BackgroundJob)
    ended = _newest_of(error.error_fingerprint).correlate(error.error_fingerprint.table).subquery("before")
    requested_then, ended_then = [job.created_at < until], [ended.c.finished_at < until]
    if since is not None:
        requested_then, ended_then = (
            [*requested_then, job.created_at >= since],
            [*ended_then, ended.c.finished_at >= since],
        )
    requested = sa.exists().where(job.error_fingerprint == error.error_fingerprint, *requested_then)
    return sa.or_(requested, sa.select(1).select_from(ended).where(*ended_then).exists())
