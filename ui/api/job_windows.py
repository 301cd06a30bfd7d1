"""All matching jobs, window by window, for a file: no snapshot is held while a slow reader takes them."""

from collections.abc import Iterator
from uuid import UUID

from sqlmodel import Session

from core.actor import Actor
from core.job_list import queries
from core.job_list.filters import JobFilter
from core.job_list.orders import BY_REQUEST, Sort, ids_in_order
from core.job_list.rows import Row, rows_by_id
from core.models import Role
from core.people.auth import Credentials
from ui.api.deps import read


def windows_of(caller: Credentials, job_filter: JobFilter, sort: Sort) -> Iterator[list[Row]]:
    """Yield all matches in their order. Raises Invalid where more match than are sorted in it."""
    return _by_request(caller, job_filter, sort) if sort in BY_REQUEST else _in_order(caller, job_filter, sort)


def _by_request(caller: Credentials, job_filter: JobFilter, sort: Sort) -> Iterator[list[Row]]:
    after: str | None = None
    while True:
        rows, after = read(
            caller,
            Role.VIEWER,
            lambda session, _, place: queries.rows_after(session, job_filter, queries.MOST, place, sort),
            after,
        )
        yield rows
        if after is None:
            return


def _in_order(caller: Credentials, job_filter: JobFilter, sort: Sort) -> Iterator[list[Row]]:
    """Yield the jobs in the order that they have now: one that changes meanwhile would move."""

    def rows(session: Session, _: Actor, ids: list[UUID]) -> list[Row]:
        return rows_by_id(session, ids)

    ids = read(caller, Role.VIEWER, lambda session, _: ids_in_order(session, job_filter, sort))
    for start in range(0, max(len(ids), 1), queries.MOST):
        yield read(caller, Role.VIEWER, rows, ids[start : start + queries.MOST])
