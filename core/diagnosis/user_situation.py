"""The situation of a user: the most urgent one among the rows that operations move for them.

Written as SQL, for lists and counts; `worst` is the same for loaded rows.
"""

from collections.abc import Iterable
from datetime import timedelta
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import col

from core.diagnosis.situation import Situation, neglected_after, row_situation, silent_after
from core.models import BackgroundJob, JobStatus, User
from core.operation import Machine
from core.operations import MACHINES, transitional_states
from core.settings import settings

#: Situations of users who are listed by it, the most urgent first; all other users are fine.
LISTED: Final = (Situation.STUCK, Situation.FAILED, Situation.HELD, Situation.WAITING, Situation.MOVING)


def worst(situations: Iterable[Situation]) -> Situation:
    """Return the most urgent of these situations."""
    found = set(situations)
    return next((each for each in LISTED if each in found), Situation.FINE)


def user_situation() -> ColumnElement[str]:
    """Return the SQL expression of a user's situation."""
    return _user_situation(settings().lease, silent_after(), neglected_after())


def may_be_listed() -> ColumnElement[bool]:
    """Return the condition for users who have a row that is not at rest, or a job on one: indexes find them."""
    not_at_rest = [sa.select(_owner(each)).where(_state(each).in_(_unrest(each))) for each in MACHINES]
    at_work = sa.select(col(BackgroundJob.user_id)).where(
        col(BackgroundJob.machine).in_([each.name for each in MACHINES]),
        col(BackgroundJob.status).in_((JobStatus.QUEUED, JobStatus.RUNNING)),
    )
    return col(User.id).in_(sa.union(*not_at_rest, at_work))


@cache
def _user_situation(_lease: timedelta, _silent: timedelta, _neglected: timedelta) -> ColumnElement[str]:
    urgencies = [_urgency(each) for each in MACHINES]
    situations = {place: situation.value for place, situation in enumerate(LISTED)}
    return sa.case(situations, value=sa.func.least(*urgencies), else_=Situation.FINE.value)


def _urgency(machine: Machine[Any]) -> ColumnElement[int]:
    """Return the place in LISTED of a machine's row of the user, or of the most urgent of their rows; NULL: none."""
    places = {situation.value: place for place, situation in enumerate(LISTED)}
    own: ColumnElement[int] = sa.case(places, value=row_situation(machine), else_=len(LISTED))
    if machine.table is User:
        return own
    return sa.select(sa.func.min(own)).where(_owner(machine) == col(User.id)).correlate(User).scalar_subquery()


def _owner(machine: Machine[Any]) -> Any:
    return col(User.id) if machine.table is User else col(machine.table.user_id)


def _state(machine: Machine[Any]) -> Any:
    return getattr(machine.table, machine.column)


def _unrest(machine: Machine[Any]) -> list[str]:
    return [*transitional_states(machine), machine.failed]
