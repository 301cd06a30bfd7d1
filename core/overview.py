"""The overview page: users who need help, recent failures, and the success rate of the last day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.diagnosis.alike import WINDOW
from core.diagnosis.done_again import is_done_again
from core.diagnosis.situation import Situation, is_unsettled_failure
from core.health import health_summary
from core.models import BackgroundJob, JobStatus
from core.people.users import HELD_UP, UserLine, find_users

#: The success rate that the product promises: more than 95 %.
TARGET: Final = 0.95
GROUPS_SHOWN: Final = 8
USERS_SHOWN: Final = 8
_SINCE: Final = sa.bindparam("since", type_=sa.DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed jobs with the same fingerprint that nothing has come after."""

    fingerprint: str
    kind: str
    message: str
    count: int
    users: int
    last_seen: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """Users who need help now, and the figures of the last 24 hours.

    Cancelled jobs count as neither outcome, nor do failures whose work a later job did again: that one counts. A
    failure that was dismissed or repaired counts.
    """

    users: Mapping[Situation, int]
    held_up: list[UserLine]
    failures: list[FailureGroup]
    #: Work that people and schedules asked for: jobs that succeeded, or failed for good.
    ended: int
    succeeded: int
    #: Failures besides, whose work another job did again.
    mended: int
    waiting: int
    oldest_wait: timedelta | None
    #: Where the last 24 hours began: what is counted has ended after it.
    since: datetime


def overview(session: Session) -> Overview:
    """Return the data of the overview page."""
    now = health_summary(session)
    since = now.at - WINDOW
    succeeded, failed, mended = fetch(session, _numbers_of_endings(), since=since)[0]
    people = [line for situation in HELD_UP for line in find_users(session, "", situation)]
    return Overview(
        users=now.users,
        held_up=people[:USERS_SHOWN],
        failures=_failures(session, since),
        ended=succeeded + failed,
        succeeded=succeeded,
        mended=mended,
        waiting=now.queue_depth,
        oldest_wait=timedelta(seconds=now.oldest_wait_seconds) if now.oldest_wait_seconds is not None else None,
        since=since,
    )


@cache
def _numbers_of_endings() -> Query:
    job = BackgroundJob
    done = sa.func.count().filter(col(job.status) == JobStatus.SUCCEEDED)
    mended = sa.func.count().filter(is_done_again())
    failed = sa.func.count().filter(col(job.status) == JobStatus.FAILED) - mended
    return sa.select(done, failed, mended).where(col(job.finished_at) >= _SINCE)


def _failures(session: Session, since: datetime) -> list[FailureGroup]:
    return [FailureGroup(*row) for row in fetch(session, _groups_of_failures(), since=since)]


@cache
def _groups_of_failures() -> Query:
    job = BackgroundJob
    count = sa.func.count()
    return (
        sa.select(
            col(job.error_fingerprint),
            sa.func.max(col(job.kind)),
            sa.func.left(sa.func.split_part(sa.func.max(col(job.error_message)), "\n", 1), 200),
            count,
            sa.func.count(sa.distinct(col(job.user_id))),
            sa.func.max(col(job.finished_at)),
        )
        .where(
            is_unsettled_failure(),
            col(job.error_fingerprint).is_not(None),
            col(job.finished_at) >= _SINCE,
        )
        .group_by(col(job.error_fingerprint))
        .order_by(count.desc())
        .limit(GROUPS_SHOWN)
    )
