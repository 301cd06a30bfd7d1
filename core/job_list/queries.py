"""Pages of the job list at any depth: by cursor, or by offset for a scrollbar."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import SQLColumnExpression
from sqlmodel import Session, col

from core.database.statements import Query, fetch
from core.database.time_limit import TookTooLong, time_limit
from core.errors import Invalid, NotFound
from core.job_list import cursors, orders
from core.job_list.branches import Branch, arm_ids, branches, count
from core.job_list.counts import Total, all_jobs, exactly_all_jobs, total_of_branches
from core.job_list.filters import JobFilter
from core.job_list.orders import BY_REQUEST, NEWEST_FIRST, SORTS, Sort
from core.job_list.rows import Row, rows_by_id
from core.job_list.sources import FEW, Arm, Condition, Job, Source

#: The maximum number of rows per page.
MOST: Final = 200
#: What a file of jobs has: the columns of a list, of which nothing is secret.
EXPORTED: Final = (
    *("id", "status", "label", "situation", "kind", "queue", "user_id", "user_email", "attempt", "max_attempts"),
    *("progress_done", "progress_total", "created_at", "run_at", "started_at", "finished_at", "worker", "error"),
    "retry_of",
)
#: Milliseconds for which matches are counted; where many filters each have many, rows are there long before.
PATIENCE: Final = 400
#: More rows than any table has.
FARTHEST: Final = 10**12
_Column = SQLColumnExpression[Any]


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of rows, the cursor of the next page (None at the end), and the length of the list."""

    items: list[Row]
    next: str | None
    total: Total
    #: Whether the list ends at its first rows: more match than are sorted by anything but their request.
    first_only: bool = False


def page(
    session: Session,
    job_filter: JobFilter,
    *,
    limit: int = 100,
    after: str | None = None,
    offset: int | None = None,
    of: int | None = None,
    sort: Sort = NEWEST_FIRST,
) -> JobPage:
    """Return one page of the filter's matches: after a cursor, or from an offset when a scrollbar jumps.

    `of` is the length that the scrollbar represents; with it, an offset in the second half of all jobs is counted from
    the end. Raises Invalid for a malformed cursor, limit, offset or sort.
    """
    _check(limit, offset, sort)
    branch_list = branches(session, job_filter)
    if sort not in BY_REQUEST:
        return _page_in_order(session, branch_list, limit, sort, offset or 0, after)
    start = 0 if after else offset or 0
    if job_filter.is_empty() and of and start > of // 2:
        return _from_the_end(session, limit, start, of, sort)
    ids = _ids(session, branch_list, limit + 1, start, _beyond(cursors.moment_of(after), sort), sort)
    if len(ids) <= limit and not after and (ids or not start):
        return _page(session, ids, limit, Total(start + len(ids), exact=True))
    try:
        with time_limit(session, PATIENCE):
            total = _total(session, job_filter, branch_list, at_end=len(ids) <= limit)
    except TookTooLong:
        total = Total(start + len(ids), exact=False)
    return _page(session, ids, limit, total)


def rows_after(
    session: Session, job_filter: JobFilter, limit: int, after: str | None, sort: Sort = NEWEST_FIRST
) -> tuple[list[Row], str | None]:
    """Return the matches after a cursor, and the cursor of what follows; nothing is counted. Raises Invalid."""
    _check(limit, None, sort)
    assert sort in BY_REQUEST, "in others, a job that changes meanwhile moves: read `orders.ids_in_order` once"
    ids = _ids(session, branches(session, job_filter), limit + 1, 0, _beyond(cursors.moment_of(after), sort), sort)
    found = _page(session, ids, limit, Total(0, exact=False))
    return found.items, found.next


def ids_between(
    session: Session, job_filter: JobFilter, ends: tuple[UUID, UUID], most: int, sort: Sort = NEWEST_FIRST
) -> list[UUID]:
    """Return the matches from one of two jobs to the other, both included, in order; the first `most` of them.

    Raises NotFound where one of the two has been deleted.
    """
    rows = fetch(session, _places(), ids=list(ends))
    if len(rows) < len(set(ends)):
        raise NotFound("One of the two jobs has been deleted meanwhile.")
    if sort not in BY_REQUEST:
        return orders.between(session, branches(session, job_filter), sort, ends, most)
    place = sa.tuple_(col(Job.created_at), col(Job.id))
    first, last = (sa.tuple_(*map(sa.literal, pick((row.created_at, row.id) for row in rows))) for pick in (min, max))
    found = _ids(session, branches(session, job_filter), most, 0, [place >= first, place <= last], sort)
    return [row.id for row in found]


@cache
def _places() -> Query:
    ids = sa.bindparam("ids", type_=sa.ARRAY(sa.Uuid()))
    return sa.select(col(Job.created_at), col(Job.id)).where(col(Job.id) == sa.any_(ids))


def first_and_last(session: Session, branch_list: list[Branch]) -> tuple[datetime, datetime] | None:
    """Return when the oldest and the newest match were created; None without a match."""
    ends = [_ids(session, branch_list, 1, 0, [], sort) for sort in reversed(BY_REQUEST)]
    return (ends[0][0].created_at, ends[1][0].created_at) if ends[0] else None


def _total(session: Session, job_filter: JobFilter, branch_list: list[Branch], *, at_end: bool) -> Total:
    if not job_filter.is_empty():
        return total_of_branches(session, branch_list)
    total = all_jobs(session)
    # A person has scrolled to the end of an estimate: here the number must be exact.
    return exactly_all_jobs(session) if at_end and not total.exact else total


def jobs_of_user(session: Session, user_id: UUID, limit: int = 50) -> list[Row]:
    """Return a user's newest jobs."""
    return rows_by_id(session, [row.id for row in fetch(session, _newest_of_user(), user_id=user_id, most=limit)])


@cache
def _newest_of_user() -> Query:
    own = sa.select(col(Job.id)).where(col(Job.user_id) == sa.bindparam("user_id"))
    return own.order_by(*_order(col(Job.created_at), col(Job.id), "-created_at")).limit(sa.bindparam("most"))


def _check(limit: int, offset: int | None, sort: str) -> None:
    if not 1 <= limit <= MOST:
        raise _invalid("limit", f"limit is 1 to {MOST}, not {limit}")
    if offset is not None and not 0 <= offset <= FARTHEST:
        raise _invalid("offset", f"offset is 0 to {FARTHEST:,}, not {offset}")
    if sort not in SORTS:
        raise _invalid("sort", f"sort is one of {', '.join(SORTS)}, not {sort}")


def _invalid(name: str, message: str) -> Invalid:
    return Invalid(message, {name: message})


def _page(session: Session, ids: Sequence[sa.Row[*tuple[Any, ...]]], limit: int, total: Total) -> JobPage:
    shown = ids[:limit]
    following = cursors.at_moment(shown[-1].created_at, shown[-1].id) if len(ids) > limit else None
    return JobPage(rows_by_id(session, [row.id for row in shown]), following, total)


def _page_in_order(
    session: Session, branch_list: list[Branch], limit: int, sort: Sort, offset: int, after: str | None
) -> JobPage:
    start, behind = cursors.place_of(after, sort) if after else (offset, None)
    part = orders.part(session, branch_list, sort, limit, start, behind)
    following = cursors.at_place(sort, part.last, part.ids[-1]) if part.ids and part.last < part.number else None
    items = rows_by_id(session, part.ids)
    return JobPage(items, following, Total(part.number, exact=True), part.first_only)


def _from_the_end(session: Session, limit: int, start: int, of: int, sort: Sort) -> JobPage:
    """Read backwards from the last row, which is nearer than the first."""
    backwards: Sort = "created_at" if sort == "-created_at" else "-created_at"
    behind = of - start - limit
    if behind > 0:
        # One more row at the far side shows that there is a next page.
        ids = _ids(session, [Branch()], limit + 1, behind - 1, [], backwards)
    else:
        ids = _ids(session, [Branch()], max(of - start, 0), 0, [], backwards)
    return _page(session, ids[::-1], limit, Total(of, exact=False))


def _ids(
    session: Session,
    branch_list: list[Branch],
    limit: int,
    offset: int,
    bounds: list[Condition],
    sort: Sort,
) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Return (id, created_at) of one page's rows in order: the heads of all scans, merged."""
    passed = _passed(session, branch_list, offset)
    offset -= passed
    selects = [
        _head(branch.in_order, arm, branch.besides(branch.in_order) + bounds, limit + offset, sort, passed)
        for branch in branch_list
        for arm in branch.in_order.arms
    ]
    if not selects:
        return []
    # Two branches may hold the same row; the scans of one branch never do.
    merge = sa.union if len(branch_list) > 1 else sa.union_all
    heads = (merge(*selects) if len(selects) > 1 else selects[0]).subquery("heads")
    order = _order(heads.c.created_at, heads.c.id, sort)
    return fetch(session, sa.select(heads.c.id, heads.c.created_at).order_by(*order).limit(limit).offset(offset))


def _passed(session: Session, branch_list: list[Branch], offset: int) -> int:
    """Return how many rows a single long scan can pass over by itself, because there are only so few in others."""
    if offset <= FEW or len(branch_list) != 1 or not branch_list[0].in_order.ordered:
        return 0
    branch, arms = branch_list[0], branch_list[0].in_order.arms
    few = [arm_ids(arm, branch.besides(branch.in_order), offset) for arm in arms if arm.few]
    if len(few) != len(arms) - 1 or any(arm.each is not None for arm in arms):
        return 0
    return offset - count(session, few, offset, apart=True)


def _head(source: Source, arm: Arm, conditions: list[Condition], limit: int, sort: Sort, passed: int) -> Query:
    """Select the first `limit` rows of each of an arm's scans, of a long one after `passed` rows."""
    rows = sa.select(col(Job.id), col(Job.created_at)).where(*arm.where, *conditions)
    order = _order(col(Job.created_at), col(Job.id), sort)
    if arm.few or not source.ordered:
        return _sorted(rows, arm, order_of=sort, limit=limit)
    if arm.each is None:
        head = rows.order_by(*order).limit(limit).offset(passed or None).subquery()
        return sa.select(head.c.id, head.c.created_at)
    hit = rows.order_by(*order).limit(limit).lateral("hit")
    return sa.select(hit.c.id, hit.c.created_at).select_from(arm.each.join(hit, sa.true()))


def _sorted(rows: Query, arm: Arm, *, order_of: Sort, limit: int) -> Query:
    """Collect an arm's few rows first; otherwise PostgreSQL prefers to search for them along the time index."""
    if arm.each is not None:
        hit = rows.limit(FEW).lateral("hit")
        rows = sa.select(hit.c.id, hit.c.created_at).select_from(arm.each.join(hit, sa.true()))
    if arm.order is not None:
        rows = rows.order_by(arm.order).limit(FEW)
    few = rows.cte().prefix_with("MATERIALIZED")
    head = sa.select(few.c.id, few.c.created_at).order_by(*_order(few.c.created_at, few.c.id, order_of)).limit(limit)
    return sa.select(*head.subquery().c)


def _order(at: _Column, job_id: _Column, sort: Sort) -> tuple[_Column, _Column]:
    return (at, job_id) if sort == "created_at" else (at.desc(), job_id.desc())


def _beyond(after: tuple[datetime, UUID] | None, sort: Sort) -> list[Condition]:
    """Return the condition that a row comes after the cursor."""
    if after is None:
        return []
    place, cursor = sa.tuple_(col(Job.created_at), col(Job.id)), sa.tuple_(*map(sa.literal, after))
    return [place > cursor if sort == "created_at" else place < cursor]
