"""All matching jobs, window by window, for a file: no snapshot is held while a slow reader takes them."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any
from uuid import UUID

from sqlmodel import Session

from core.job_list import queries
from core.job_list.filters import JobFilter
from core.job_list.orders import BY_REQUEST, Sort, ids_in_order
from core.job_list.rows import Row, rows_by_id

#: Calls a function with a session that has one snapshot, and returns what it returns.
Read = Callable[[Callable[[Session], Any]], Any]


def windows(read: Read, job_filter: JobFilter, sort: Sort) -> Iterator[list[Row]]:
    """Return all matches in their order, at least one window. Raises Invalid where more match than are sorted in it."""
    rows = _by_request(read, job_filter, sort) if sort in BY_REQUEST else _in_order(read, job_filter, sort)
    return chain([next(rows)], rows)  # what is refused has its status, instead of a file that says so


def _by_request(read: Read, job_filter: JobFilter, sort: Sort) -> Iterator[list[Row]]:
    after: str | None = None
    while True:
        rows, after = read(
            partial(queries.rows_after, job_filter=job_filter, limit=queries.MOST, after=after, sort=sort)
        )
        yield rows
        if after is None:
            return


def _in_order(read: Read, job_filter: JobFilter, sort: Sort) -> Iterator[list[Row]]:
    """Yield the jobs in the order that they have now: one that changes meanwhile would move."""
    ids: list[UUID] = read(partial(ids_in_order, job_filter=job_filter, sort=sort))
    for start in range(0, max(len(ids), 1), queries.MOST):
        yield read(partial(rows_by_id, ids=ids[start : start + queries.MOST]))
