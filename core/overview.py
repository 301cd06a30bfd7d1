"""The overview page: users who need help, recent failures, and the success rate of the last day."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

import sqlalchemy as sa
from sqlmodel import Session, col

from core import clock
from core.analytics.recent import since_of
from core.database.statements import Query, fetch
from core.diagnosis.alike import WINDOW
from core.diagnosis.done_again import Redone, is_redone
from core.diagnosis.situation import Situation
from core.failures.groups import WINDOWS, FailureGroup, Shelf, open_groups
from core.health import HealthSummary, health_summary
from core.jobs.labels import Label, has_label
from core.models import BackgroundJob, JobStatus
from core.models.schedule import LATE
from core.people.in_need import NeedGroup, need_groups

#: The success rate that the product promises: more than 95 %.
TARGET: Final = 0.95
GROUPS_SHOWN: Final = 8
#: Users, or groups of users with one reason.
USERS_SHOWN: Final = 8
_ANSWERS: Final = (Redone.NO, Redone.YES, Redone.TRIED)
_SINCE: Final = sa.bindparam("since", type_=sa.DateTime(timezone=True))


@dataclass(frozen=True, slots=True)
class Overview:
    """Users who need help now, and the figures of the last 24 hours, which begin where the first bar of the chart does.

    Cancelled jobs count as neither outcome, nor do failures whose work a later job does again: that one counts when it
    ends. A failure that was dismissed or repaired counts.
    """

    users: Mapping[Situation, int]
    held_up: list[NeedGroup]
    failures: list[FailureGroup]
    #: How many there are of them, shown or not.
    open_errors: int
    #: Work that people and schedules asked for: jobs that succeeded, or failed for good.
    ended: int
    succeeded: int
    #: Failures besides, whose work another job did again.
    mended: int
    #: Failures besides, whose work another job is to do again: it waits, runs or has failed.
    tried_again: int
    #: Jobs now whose last attempt failed, and which wait for the next one.
    retrying: int
    waiting: int
    #: When the due job that has waited longest was due; None: no job is due.
    waiting_since: datetime | None
    #: Whether that is too long ago.
    is_late: bool
    #: Where the last 24 hours began, to the half hour: what is counted has ended after it.
    since: datetime


def overview(session: Session) -> Overview:
    """Return the data of the overview page."""
    now = health_summary(session)
    since = start_of_day(now.at)
    succeeded, failed, mended, tried_again = fetch(session, _numbers_of_endings(), since=since)[0]
    errors = open_groups(session, since, GROUPS_SHOWN)
    return Overview(
        users=now.users,
        held_up=need_groups(session, USERS_SHOWN),
        failures=errors.groups,
        open_errors=errors.counts[Shelf.OPEN],
        ended=succeeded + failed,
        succeeded=succeeded,
        mended=mended,
        tried_again=tried_again,
        retrying=fetch(session, _number_retrying())[0][0],
        waiting=now.queue_depth,
        waiting_since=waiting_since(now),
        is_late=is_late(now),
        since=since,
    )


def start_of_day(now: datetime) -> datetime:
    """Return where the last 24 hours begin for all that Overview counts: with a whole bar of its chart."""
    return since_of(now, WINDOWS[0])


def endings_since(session: Session, since: datetime) -> tuple[int, int]:
    """Return how much of the work asked for has succeeded since then, and how much failed and was not done again."""
    succeeded, failed, _, _ = fetch(session, _numbers_of_endings(), since=since)[0]
    return succeeded, failed


def waiting_since(health: HealthSummary) -> datetime | None:
    """Return when the due job that has waited longest was due, in whole seconds: the same each time."""
    waited = health.oldest_wait_seconds
    return None if waited is None else (health.at - timedelta(seconds=waited)).replace(microsecond=0)


def is_late(health: HealthSummary) -> bool:
    """Return whether a due job has waited too long."""
    return (health.oldest_wait_seconds or 0) > LATE


@cache
def _number_retrying() -> Query:
    return sa.select(sa.func.count()).select_from(BackgroundJob).where(has_label(Label.RETRYING))


@cache
def _numbers_of_endings() -> Query:
    job = BackgroundJob
    done = sa.func.count().filter(col(job.status) == JobStatus.SUCCEEDED)
    is_failed = col(job.status) == JobStatus.FAILED
    failed, mended, tried = (sa.func.count().filter(is_failed, is_redone(each)) for each in _ANSWERS)
    is_late = col(job.finished_at).between(_SINCE, clock.db_now() + sa.literal(WINDOW, sa.Interval()))  # no odd time
    return sa.select(done, failed, mended, tried).where(is_late)
