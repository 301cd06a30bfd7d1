"""The errors of a time: failed jobs with the same fingerprint, how many are unhandled, and what was decided of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlmodel import Session, col, select

from core import clock
from core.analytics.recent import since_of
from core.database.statements import Query, fetch
from core.diagnosis.alike import FAILED
from core.diagnosis.error_state import ErrorState, error_state
from core.diagnosis.situation import is_settled
from core.jobs.error_words import group_title
from core.models import BackgroundJob, FailureState, User

#: Hours that people can look back, and what they see first.
WINDOWS: Final = (24, 24 * 7, 24 * 30)
#: Groups in a list at most.
GROUPS: Final = 100
#: Equal parts of the time, whose failures are drawn as bars.
PARTS: Final = 24
#: The class and first line of a message, as lists show it.
_LONGEST: Final = 200

SINCE: Final = sa.bindparam("since", type_=sa.DateTime(timezone=True))
FINGERPRINT: Final = sa.bindparam("fingerprint", type_=sa.Text)


class Shelf(StrEnum):
    """The lists of errors: what is open, or back, is handled where each of its failures in this time is."""

    OPEN = "open"
    HANDLED = "handled"
    IGNORED = "ignored"
    RESOLVED = "resolved"


#: The states of errors on the first two shelves.
OPEN_STATES: Final = (ErrorState.REGRESSION, ErrorState.OPEN)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failed jobs with the same fingerprint: `open` of them are unhandled."""

    fingerprint: str
    #: By name.
    kinds: tuple[str, ...]
    #: Of the latest one, as `last_seen` is.
    message: str
    count: int
    open: int
    #: Users whom these jobs were for.
    users: int
    first_seen: datetime
    last_seen: datetime
    #: What was decided of the error, and whether that still holds.
    state: ErrorState = ErrorState.OPEN
    #: The name or address of who takes care of it; empty: nobody.
    owner: str = ""
    #: How many jobs failed so in each of PARTS equal parts of the time, the oldest first.
    parts: tuple[int, ...] = ()

    @property
    def title(self) -> str:
        """What its errors have in common, in a sentence."""
        return group_title(self.message) if self.message else "Without a message"

    @property
    def shelf(self) -> Shelf:
        """The list that it is in."""
        if self.state not in OPEN_STATES:
            return Shelf(self.state)
        return Shelf.OPEN if self.open else Shelf.HANDLED


@dataclass(frozen=True, slots=True)
class FailureList:
    """The first groups of each shelf, and how many there are of each."""

    groups: list[FailureGroup] = field(default_factory=list)
    counts: Mapping[Shelf, int] = field(default_factory=lambda: dict.fromkeys(Shelf, 0))

    def on(self, shelf: Shelf) -> list[FailureGroup]:
        """Return the groups of a shelf: those that are back first, then those with the most unhandled failures."""
        return [each for each in self.groups if each.shelf is shelf]


def failure_groups(session: Session, since: datetime, limit: int = GROUPS) -> FailureList:
    """Return the groups of jobs that have failed since then, so many of each shelf at most."""
    rows = fetch(session, _shelves(limit), since=since)
    groups = with_parts(session, [group_of(row[:-2]) for row in rows], since)
    counts = dict.fromkeys(Shelf, 0) | {Shelf(row[-2]): row[-1] for row in rows}
    return FailureList(groups, counts)


def groups_of_hours(session: Session, hours: int) -> FailureList:
    """Return the groups of the last hours, by the database's clock."""
    now: datetime = session.exec(select(clock.db_now())).one()
    return failure_groups(session, since_of(now, hours))


def open_groups(session: Session, since: datetime, limit: int) -> FailureList:
    """Return the shelf of open errors since then alone, with their unhandled failures."""
    rows = fetch(session, _open(limit), since=since)
    groups = with_parts(session, [group_of(row[:-1]) for row in rows], since)
    return FailureList(groups, {Shelf.OPEN: rows[0][-1] if rows else 0})


def with_parts(session: Session, groups: list[FailureGroup], since: datetime) -> list[FailureGroup]:
    """Return the groups with how many failed in each part of the time since then."""
    counts: dict[str, list[int]] = {group.fingerprint: [0] * PARTS for group in groups}
    for fingerprint, part, number in fetch(session, _parts(), since=since, fingerprints=list(counts)):
        counts[fingerprint][part] = number
    return [replace(group, parts=tuple(counts[group.fingerprint])) for group in groups]


def group_of(row: Any) -> FailureGroup:
    """Return a group from its columns."""
    fingerprint, kinds, *others, state, owner = row
    return replace(FailureGroup(fingerprint, tuple(sorted(kinds)), *others), state=ErrorState(state), owner=owner)


def failed() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions for failed jobs of the time since `since`."""
    job = BackgroundJob
    return (
        col(job.status) == FAILED,
        col(job.error_fingerprint).is_not(None),
        col(job.finished_at) >= SINCE,
    )


def is_open() -> sa.ColumnElement[bool]:
    """Return the condition that a failed job is unhandled."""
    return sa.not_(is_settled(BackgroundJob))


def group_columns(*where: sa.ColumnElement[bool], only_open: bool = False) -> Query:
    """Select the groups of failed jobs with these conditions, each with its error's state and owner."""
    job = BackgroundJob
    message = sa.func.left(sa.func.split_part(col(job.error_message), "\n", 1), _LONGEST)
    newest_first = postgresql.aggregate_order_by(message, col(job.finished_at).desc(), col(job.id).desc())
    count = sa.func.count()
    group = (
        sa.select(
            col(job.error_fingerprint).label("fingerprint"),
            sa.func.array_agg(sa.distinct(col(job.kind))).label("kinds"),
            sa.func.array_agg(newest_first, type_=postgresql.ARRAY(sa.Text))[1].label("message"),
            count.label("count"),
            (count if only_open else count.filter(is_open())).label("open"),
            sa.func.count(sa.distinct(col(job.user_id))).label("users"),
            sa.func.min(col(job.finished_at)).label("first_seen"),
            sa.func.max(col(job.finished_at)).label("last_seen"),
        )
        .where(*failed(), *([is_open()] if only_open else []), *where)
        .group_by(col(job.error_fingerprint))
        .cte("of_error")
    )
    return sa.select(*group.c, error_state(group.c.fingerprint).label("state"), _owner(group.c.fingerprint))


def _owner(fingerprint: Any) -> sa.ColumnElement[str]:
    name = sa.func.coalesce(sa.func.nullif(sa.func.btrim(col(User.name)), ""), col(User.email))
    owner = sa.select(sa.func.left(name, 100)).join(FailureState, col(FailureState.owner_id) == col(User.id))
    own = owner.where(col(FailureState.fingerprint) == fingerprint).scalar_subquery()
    return sa.func.coalesce(own, "").label("owner")


@cache
def _shelves(limit: int) -> Query:
    group: Any = group_columns().cte("with_state").prefix_with("MATERIALIZED").c
    is_here = group.state.in_([each.value for each in OPEN_STATES])
    shelf = sa.case((sa.not_(is_here), group.state), (group.open > 0, Shelf.OPEN.value), else_=Shelf.HANDLED.value)
    place = sa.func.row_number().over(partition_by=shelf, order_by=_order(group))
    number = sa.func.count().over(partition_by=shelf)
    placed: Any = sa.select(*group, shelf.label("shelf"), number.label("number"), place.label("place")).subquery().c
    columns = [each for each in placed if each.key != "place"]
    return sa.select(*columns).where(placed.place <= limit).order_by(placed.shelf, placed.place)


@cache
def _parts() -> Query:
    job = BackgroundJob
    these = col(job.error_fingerprint) == sa.any_(sa.bindparam("fingerprints", type_=sa.ARRAY(sa.Text())))
    age, whole = (sa.extract("epoch", at - SINCE) for at in (col(job.finished_at), clock.db_now()))
    place = sa.func.floor(age * PARTS / sa.func.greatest(whole, 1))
    part = sa.func.least(sa.cast(place, sa.Integer), PARTS - 1).label("part")
    counted = sa.select(col(job.error_fingerprint), part, sa.func.count()).where(*failed(), these)
    return counted.group_by(col(job.error_fingerprint), sa.text("part"))


@cache
def _open(limit: int) -> Query:
    group: Any = group_columns(only_open=True).cte("with_state").prefix_with("MATERIALIZED").c
    is_here = group.state.in_([each.value for each in OPEN_STATES])
    return sa.select(*group, sa.func.count().over()).where(is_here).order_by(*_order(group)).limit(limit)


def _order(group: Any) -> tuple[sa.ColumnElement[Any], ...]:
    is_back = group.state == ErrorState.REGRESSION.value
    return is_back.desc(), group.open.desc(), group.count.desc(), group.fingerprint
