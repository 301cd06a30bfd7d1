"""Windows: what a page, the API or a verb reads of a list at once, and where the rest of it begins.

Every list that people or programs read is one, so that a job with 50,000 events fills neither memory nor a screen.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlmodel import Session

from core.database.statements import Query

T = TypeVar("T")
R = TypeVar("R")

#: Rows of a window, unless its list says otherwise, and at most.
USUAL: Final = 100
MOST: Final = 200
#: Where a window may begin at most: PostgreSQL walks over the rows before it.
FARTHEST: Final = 10_000_000


class Window(list[T]):
    """Some rows of a list; `start` of its rows lie before them, and `next` is where more begin, None at the end."""

    def __init__(self, rows: Iterable[T] = (), start: int = 0, next: int | None = None) -> None:  # noqa: A002 - as in the API
        super().__init__(rows)
        self.start = start
        self.next = next

    def map(self, make: Callable[[T], R]) -> "Window[R]":
        """Return the same place of the list with other rows."""
        return Window((make(row) for row in self), self.start, self.next)

    def turned(self) -> "Window[T]":
        """Return the rows in the opposite order: a list that is read from its newest end, shown oldest first."""
        return Window(reversed(self), self.start, self.next)


def read_window(session: Session, query: Any, limit: int = USUAL, start: int = 0) -> Window[Any]:
    """Run a query with an order, and return its rows from `start` on."""
    return cut(session.exec(query.limit(limit + 1).offset(start)).all(), limit, start)


def windowed(query: Query) -> Query:
    """Return a query that is made once with the bounds of a window as parameters."""
    return query.limit(sa.bindparam("rows")).offset(sa.bindparam("start"))


def bounds(limit: int, start: int) -> dict[str, int]:
    """Return the parameters of a `windowed` query."""
    return {"rows": limit + 1, "start": start}


def read_prepared(session: Session, query: Query, limit: int, start: int, **values: Any) -> Window[Any]:
    """Run a `windowed` query for objects of one kind, and return its rows from `start` on."""
    return cut(session.execute(query, values | bounds(limit, start)).scalars().all(), limit, start)


def cut(rows: Sequence[T], limit: int, start: int) -> Window[T]:
    """Return a window of rows that were read with `limit + 1`: the last one only shows that there is more."""
    return Window(rows[:limit], start, start + limit if len(rows) > limit else None)
