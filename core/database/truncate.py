"""Rows as screens read them: what somebody wrote at a length that nobody reads is cut by the database, and marked.

The engine keeps short what it writes itself. A hand in the database need not: one row may hold a gigabyte, and a list
of two hundred such rows must neither fill the memory of the console nor the line to a browser.
"""

from functools import cache
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel

RowT = TypeVar("RowT", bound=SQLModel)

#: Characters of a value in a list, and on the page of a single thing: a traceback has 32,000 at the most.
IN_LIST: Final = 1_000
ON_PAGE: Final = 40_000
TRUNCATED: Final = "… (cut)"
#: What stands for JSON that is too long; a part of it would be none, and could not be redacted.
TRUNCATED_JSON: Final = "(cut)"
#: Never long, and looked for by an index's condition.
_SHORT: Final = frozenset({"via"})


@cache
def truncated(table: type[RowT], longest: int = ON_PAGE) -> type[RowT]:
    """Return a table to select from, whose rows have no value longer than `longest`. Such rows are never written."""
    columns: list[Any] = [_lightened(column, longest) for column in sa.inspect(table).local_table.columns]
    return cast("type[RowT]", aliased(table, sa.select(*columns).subquery(), adapt_on_names=True))


def truncate(column: Any, longest: int = IN_LIST) -> sa.ColumnElement[Any]:
    """Return a text column without what is too long of it."""
    return sa.case((sa.func.length(column) > longest, sa.func.left(column, longest) + TRUNCATED), else_=column)


def _lightened(column: sa.Column[Any], longest: int) -> sa.ColumnElement[Any]:
    is_found_by = column.primary_key or any(column.name in index.columns for index in column.table.indexes)
    if is_found_by or column.name in _SHORT:
        return column
    if isinstance(column.type, sa.Text):
        return truncate(column, longest).label(column.name)
    size = sa.func.octet_length(sa.cast(column, sa.Text))
    if isinstance(column.type, JSONB):
        told = sa.func.jsonb_build_object(TRUNCATED_JSON, sa.func.concat(size, " bytes"))
        return sa.type_coerce(sa.case((size > longest, told), else_=column), JSONB).label(column.name)
    if isinstance(column.type, ARRAY):
        return sa.case((size > longest, array([TRUNCATED_JSON])), else_=column).label(column.name)
    return column
