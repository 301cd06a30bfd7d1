"""The orders of the job list, and its matches in those that no index has all jobs in.

By request, a list of any length is read page by page (queries.py). In any other order all matches have to be sorted:
up to MOST_SORTED they are. Of more, those that took or waited longest are known, by an index; other orders are refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple, get_args
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ColumnElement
from sqlmodel import Session, col

from core import clock
from core.database.statements import Query, Union, fetch
from core.database.time_limit import TookTooLong, time_limit
from core.errors import Invalid, NotFound
from core.job_list.branches import Branch, arm_ids, branches
from core.job_list.filters import JobFilter
from core.job_list.sources import CAP, Condition, Job, in_turn
from core.job_list.spans import IS_UNDER_WAY, LONG
from core.models import JobStatus, User

Sort = Literal[
    "-created_at", "created_at", "-started_at", "started_at", "-took", "took",
    "-waited", "waited", "-attempt", "attempt", "-user", "user",
]  # fmt: skip
SORTS: Final[tuple[Sort, ...]] = get_args(Sort)
#: The order that the list has by itself, and the two that an index has all jobs in.
NEWEST_FIRST: Final[Sort] = "-created_at"
BY_REQUEST: Final[tuple[Sort, Sort]] = ("-created_at", "created_at")
#: Matches that are sorted when they are asked for: 60 ms.
MOST_SORTED: Final = CAP
#: So many of a longer list are known in the order of an index.
FIRST: Final = 1_000
#: Milliseconds for which they are looked for: where many took long and few of these match, it would be minutes.
PATIENCE: Final = 1_500

_READ: Final = ("status", "created_at", "run_at", "started_at", "finished_at", "attempt", "user_id")


class _Words(NamedTuple):
    """An order in words: what it is by, how it begins as it rises and as it falls, and a filter that leaves fewer."""

    by: str
    rising: str
    falling: str
    narrower: str = "created:<1h"


_WORDS: Final[Mapping[str, _Words]] = {
    "created_at": _Words("request", "oldest", "newest"),
    "started_at": _Words("start", "earliest", "latest"),
    "took": _Words("duration", "shortest", "longest", "took:>1m"),
    "waited": _Words("wait", "shortest", "longest", "waited:>1m"),
    "attempt": _Words("attempt", "lowest", "highest", "attempt:>1"),
    "user": _Words("user", "A", "Z"),
}


def order_words(sort: str) -> str:
    """Return an order in words, as "by duration, longest first"; empty: the one that a list has by itself."""
    if sort == NEWEST_FIRST:
        return ""
    of = _WORDS[sort.removeprefix("-")]
    return f"by {of.by}, {of.falling if sort.startswith('-') else of.rising} first"


@dataclass(frozen=True, slots=True)
class OrderedJobs:
    """Some jobs of an ordered list: their ids, the place of the last, counted from 1, and the length of the list."""

    ids: list[UUID]
    last: int
    number: int
    #: Whether the list ends at its first jobs, because more match than are sorted.
    first_only: bool


def part(
    session: Session, branch_list: list[Branch], sort: Sort, limit: int, start: int, after: UUID | None = None
) -> OrderedJobs:
    """Return the jobs behind the first `start`, or behind the job `after` where it is one of them. Raises Invalid."""
    places, number, first_only = _ordered(session, branch_list, sort)
    known = sa.select(places.c.place).where(places.c.id == after).scalar_subquery()
    behind = places.c.place > (sa.func.coalesce(known, start) if after else start)
    shown = sa.select(places.c.id, places.c.place).where(behind, places.c.place <= number)
    rows = fetch(session, shown.order_by(places.c.place).limit(limit))
    return OrderedJobs([row.id for row in rows], rows[-1].place if rows else start, number, first_only)


def between(session: Session, branch_list: list[Branch], sort: Sort, ends: tuple[UUID, UUID], most: int) -> list[UUID]:
    """Return the jobs from one to another, both included, the first `most`. Raises Invalid, NotFound."""
    places, _, _ = _ordered(session, branch_list, sort)
    place = places.c.place
    of_ends = sa.select(sa.func.count(), sa.func.min(place), sa.func.max(place)).where(places.c.id.in_(ends))
    known, first, last = fetch(session, of_ends)[0]
    if known < len(set(ends)):
        raise NotFound("One of the two jobs is no longer in this list.")
    rows = sa.select(places.c.id).where(places.c.place.between(first, last)).order_by(places.c.place).limit(most)
    return [row.id for row in fetch(session, rows)]


def ids_in_order(session: Session, job_filter: JobFilter, sort: Sort) -> list[UUID]:
    """Return all matches. Raises Invalid where more match than are sorted."""
    found = part(session, branches(session, job_filter), sort, MOST_SORTED, 0)
    if found.first_only:
        raise refused(sort)
    return found.ids


def _ordered(session: Session, branch_list: list[Branch], sort: Sort) -> tuple[sa.CTE, int, bool]:
    """Return the jobs with their places, how many they are, and whether they are only the first."""
    name = sort.removeprefix("-")
    matches = _all_matches(branch_list)
    number = _number(session, matches)
    if number <= MOST_SORTED:
        return _places(matches, sort), number, False
    if not sort.startswith("-") or name not in LONG:
        raise refused(name)
    longest = _longest(session, branch_list, name)
    number = _number(session, longest)
    if not number:
        raise refused(sort, "created:<1h")  # none took or waited long enough for the index
    return _places(longest, sort), min(number, FIRST), True


def _number(session: Session, matches: Query | Union) -> int:
    return int(fetch(session, sa.select(sa.func.count()).select_from(matches.subquery()))[0][0])


def _places(matches: Query | Union, sort: Sort) -> sa.CTE:
    each = matches.subquery("each").c
    key = _key(sort.removeprefix("-"), each)
    order = (key.desc() if sort.startswith("-") else key).nulls_last()
    place = sa.func.row_number().over(order_by=(order, each.created_at.desc(), each.id.desc())).label("place")
    return sa.select(each.id, place).order_by(place).cte("places")


def _key(name: str, each: Any) -> ColumnElement[Any]:
    now = clock.db_now()
    if name == "took":
        return _span(sa.case((each.status == JobStatus.RUNNING, now), else_=each.finished_at), each.started_at)
    if name == "waited":
        waits = sa.and_(each.status == JobStatus.QUEUED, each.started_at.is_(None), each.run_at <= now)
        due = sa.case((each.run_at <= each.started_at, each.run_at), else_=each.created_at)
        return sa.case((waits, _span(now, each.run_at)), else_=_span(each.started_at, due))
    if name == "user":
        return sa.select(sa.func.lower(col(User.email))).where(col(User.id) == each.user_id).scalar_subquery()
    column: ColumnElement[Any] = each[name]
    return column


def _span(end: ColumnElement[Any], begin: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the time between two moments; an older PostgreSQL refuses to subtract infinite ones."""
    return sa.case((sa.func.isfinite(end) & sa.func.isfinite(begin), end - begin))


def _all_matches(branch_list: list[Branch]) -> Query | Union:
    """Select what the orders read of each match, up to one more than are sorted."""
    most = MOST_SORTED + 1
    selects = [
        arm_ids(arm, branch.besides(branch.counted), most, *_READ)
        for branch in branch_list
        for arm in branch.counted.arms
    ]
    if not selects:
        return _of_jobs(sa.false())
    # Two branches may hold the same row; the scans of one branch never do.
    merge = sa.union if len(branch_list) > 1 else sa.union_all
    return sa.select(merge(*selects).subquery()).limit(most) if len(selects) > 1 else selects[0]


def _longest(session: Session, branch_list: list[Branch], name: str) -> Union:
    """Select the matches that took or waited longest: the first of those that ended, and those under way."""
    matches = in_turn(
        sa.or_(*(sa.and_(sa.true(), *branch.conditions, *(of for of, _ in branch.parts)) for branch in branch_list))
    )
    live = _of_jobs(matches, sa.or_(*IS_UNDER_WAY[name])).limit(FIRST + 1)
    has_ended, span = LONG[name]
    ended = sa.select(col(Job.id)).where(*has_ended, matches).order_by(span.desc()).limit(FIRST)
    try:
        with time_limit(session, PATIENCE):
            known = [row.id for row in fetch(session, ended)]
            if _number(session, live) > FIRST:
                raise refused(name)
    except TookTooLong:
        raise refused(name) from None
    return sa.union_all(_of_jobs(col(Job.id).in_(known)), live)


def _of_jobs(*conditions: Condition) -> Query:
    return sa.select(*(col(getattr(Job, name)) for name in ("id", *_READ))).where(*conditions)


def refused(sort: str, narrower: str = "") -> Invalid:
    """Return the error that more match than are sorted in this order; `narrower`: a filter that leaves fewer."""
    of = _WORDS[sort.removeprefix("-")]
    message = (
        f"More than {MOST_SORTED:,} jobs match, which are too many to sort by {of.by}. "
        f"Narrow the filter, as with {narrower or of.narrower}, or sort by request."
    )
    return Invalid(message, {"sort": message})
