"""Who else is in the same trouble: users whose jobs fail with the same error, or wait for a worker of the same queue.

It is read with the other facts of a diagnosis, by one statement, and only of users who fail or are stuck. The statement
looks at no more than DEPTH jobs, whatever the size of the history.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, fetch
from core.diagnosis.answer import CountedJobs
from core.diagnosis.situation import SETTLING, Situation, is_held, is_settled
from core.jobs.labels import Label
from core.models import BackgroundJob, JobStatus
from core.wording import clock_time

#: Users are counted up to here; beyond, a sentence says "more than 100".
MOST: Final = 100
#: How many of the newest jobs with an error, or of the due jobs of a queue, are looked at.
DEPTH: Final = 1_000
#: The period that failures are counted for.
WINDOW: Final = timedelta(hours=24)
#: Stored statuses as constants of a statement: a plan for any status could use no partial index.
FAILED: Final = sa.literal_column(f"'{JobStatus.FAILED}'", sa.Text())
_QUEUED: Final = sa.literal_column(f"'{JobStatus.QUEUED}'", sa.Text())
#: What a customer reads besides, who reads nothing of others.
NOT_ALONE: Final = "It does not concern you alone: our system shows the same problem for others."


@dataclass(frozen=True, slots=True)
class Crowd:
    """A number of users, and since when; with `is_more`, there are more of them, and it may have begun earlier."""

    users: int = 0
    since: datetime | None = None
    is_more: bool = False

    @property
    def is_one(self) -> bool:
        """Whether it is exactly one user."""
        return self.users == 1 and not self.is_more

    @property
    def number(self) -> str:
        """The number in words: 5, or more than 100."""
        if not self.is_more:
            return f"{self.users:,}"
        return f"more than {MOST:,}" if self.users > MOST else f"{self.users:,} or more"

    def beginning(self, now: datetime) -> str:
        """Return since when, in words."""
        if self.since is None:
            return ""
        return f" since {clock_time(self.since, now)}" + (" or earlier" if self.is_more else "")


@dataclass(frozen=True, slots=True)
class Alike:
    """The other users in the same trouble."""

    #: Their jobs failed with the same error, and nothing has come after.
    failed: Crowd = Crowd()
    #: Their jobs pause after the same error until the next attempt.
    retrying: Crowd = Crowd()
    #: Their due jobs are in the same queue, which no worker serves.
    waiting: Crowd = Crowd()


def users_with_error(session: Session, fingerprint: str, other_than: UUID | None = None) -> Alike:
    """Return the users whose jobs failed with this error within WINDOW or pause after it, but for one user."""
    row = fetch(session, _with_error(), fingerprint=fingerprint, other_than=other_than)[0]
    is_more = row.hits > MOST or row.read >= DEPTH
    return Alike(Crowd(row.failed, row.failed_since, is_more), Crowd(row.retrying, None, is_more))


def users_waiting(session: Session, queue: str, other_than: UUID) -> Alike:
    """Return the other users with due jobs in a queue that no worker serves."""
    row = fetch(session, _waiting(), queue=queue, other_than=other_than)[0]
    return Alike(waiting=Crowd(row.users, None, row.users > MOST or row.read >= DEPTH))


def facts_about(alike: Alike, job: BackgroundJob, now: datetime) -> tuple[CountedJobs, ...]:
    """Return a sentence about each crowd, with the filter that finds its jobs."""
    error = str(job.error_fingerprint)
    counted = (
        (alike.failed, f"failed for the same reason{alike.failed.beginning(now)}", failures_with(error, alike.failed)),
        (alike.retrying, f"{_wait(alike.retrying)} for another attempt after the same error", _retrying_with(error)),
        (alike.waiting, f"{_wait(alike.waiting)} for a worker of this queue", _stuck_in(job.queue)),
    )
    return tuple(
        CountedJobs(f"{_others(crowd)} {trouble}.", {**where, "other_than": str(job.user_id)})
        for crowd, trouble, where in counted
        if crowd.users
    )


def failures_with(fingerprint: str, crowd: Crowd) -> dict[str, str]:
    """Return the filter for the failed jobs of a crowd."""
    where = {"error": fingerprint, "situation": Situation.FAILED.value}
    return where if crowd.is_more or crowd.since is None else {**where, "finished_after": crowd.since.isoformat()}


def _retrying_with(fingerprint: str) -> dict[str, str]:
    return {"error": fingerprint, "label": Label.RETRYING.value}


def _stuck_in(queue: str) -> dict[str, str]:
    return {"queue": queue, "status": JobStatus.QUEUED.value, "situation": Situation.STUCK.value}


def _others(crowd: Crowd) -> str:
    number = crowd.number[0].upper() + crowd.number[1:]
    return f"{number} other {'user' if crowd.is_one else 'users'}"


def _wait(crowd: Crowd) -> str:
    return "waits" if crowd.is_one else "wait"


@cache
def _with_error() -> Query:
    """Select the users of the newest jobs with an error that are failed and open, or pause before another attempt."""
    job = BackgroundJob
    shown = (job.status, job.attempt, *SETTLING)
    newest = (
        sa.select(*(col(each) for each in shown))
        .where(col(job.error_fingerprint) == sa.bindparam("fingerprint"), _is_other(job))
        .order_by(col(job.created_at).desc(), col(job.id).desc())
        .limit(DEPTH)
        .cte("newest")
    )
    row: Any = newest.c
    in_time = row.finished_at >= clock.db_now() - sa.literal(WINDOW, sa.Interval())
    is_failed = sa.and_(row.status == FAILED, in_time, sa.not_(is_settled(row)))
    is_retrying = sa.and_(row.status == _QUEUED, row.attempt > 0)
    hit = sa.select(row.user_id, row.status, row.finished_at).where(sa.or_(is_retrying, is_failed))
    hits = hit.order_by(row.created_at.desc(), row.id.desc()).limit(MOST + 1).subquery("hits").c
    users, failed = sa.func.count(sa.distinct(hits.user_id)), hits.status == FAILED
    return sa.select(
        users.filter(failed).label("failed"),
        sa.func.min(hits.finished_at).filter(failed).label("failed_since"),
        users.filter(sa.not_(failed)).label("retrying"),
        sa.func.count().label("hits"),
        sa.select(sa.func.count()).select_from(newest).scalar_subquery().label("read"),
    )


@cache
def _waiting() -> Query:
    """Select the users of the due jobs of a queue, without those that people have stopped."""
    job = BackgroundJob
    is_due = sa.and_(col(job.status) == _QUEUED, col(job.run_at) <= clock.db_now())
    in_queue = sa.and_(col(job.queue) == sa.bindparam("queue"), is_due, _is_other(job))
    due = sa.select(col(job.user_id), col(job.queue), col(job.kind)).where(in_queue).limit(DEPTH).subquery("due")
    users = sa.func.count(sa.distinct(due.c.user_id)).filter(sa.not_(is_held(due.c)))
    return sa.select(users.label("users"), sa.func.count().label("read")).select_from(due)


def _is_other(job: Any) -> sa.ColumnElement[bool]:
    """Return the condition for jobs of users, but for one of them."""
    other_than = sa.bindparam("other_than", type_=sa.Uuid())
    return sa.and_(col(job.user_id).is_not(None), col(job.user_id).is_distinct_from(other_than))
