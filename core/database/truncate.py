"""Rows for screens: the database truncates long values and marks them.

The engine keeps its own values short, but people with database access may store a gigabyte in one row. A list of two
hundred such rows must fill neither the console's memory nor the connection to a browser.
"""

from functools import cache
from typing import Any, Final, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, array
from sqlalchemy.orm import aliased
from sqlmodel import SQLModel

RowT = TypeVar("RowT", bound=SQLModel)

#: Maximum characters of a value in a list, and on the page of a single row (a traceback has up to 32,000).
IN_LIST: Final = 1_000
ON_PAGE: Final = 40_000
TRUNCATED: Final = "… (cut)"
#: Replaces JSON that is too long: truncated JSON would be invalid and could not be redacted.
TRUNCATED_JSON: Final = "(cut)"
#: Never long, and part of an index's condition.
_SHORT: Final = frozenset({"via"})


@cache
def truncated(table: type[RowT], longest: int = ON_PAGE) -> type[RowT]:
    """Return a read-only alias of a table in which no value is longer than `longest`."""
    columns: list[Any] = [_truncated_column(column, longest) for column in sa.inspect(table).local_table.columns]
    return cast("type[RowT]", aliased(table, sa.select(*columns).subquery(), adapt_on_names=True))


def truncate(column: Any, longest: int = IN_LIST) -> sa.ColumnElement[Any]:
    """Return a text column, truncated to `longest` characters."""
    return sa.case((sa.func.length(column) > longest, sa.func.left(column, longest) + TRUNCATED), else_=column)


def _bounds(index: sa.Index, column: sa.Column[Any]) -> bool:
    """Tell whether an index refuses long values of a column, as a B-tree does."""
    return column.name in index.columns and not index.dialect_options["postgresql"]["using"]


def _truncated_column(column: sa.Column[Any], longest: int) -> sa.ColumnElement[Any]:
    if column.primary_key or any(_bounds(index, column) for index in column.table.indexes) or column.name in _SHORT:
        return column
    if isinstance(column.type, sa.Text):
        return truncate(column, longest).label(column.name)
    size = sa.func.octet_length(sa.cast(column, sa.Text))
    if isinstance(column.type, JSONB) or isinstance(getattr(column.type, "impl", None), JSONB):
        placeholder = sa.func.jsonb_build_object(TRUNCATED_JSON, sa.func.concat(size, " bytes"))
        return sa.type_coerce(sa.case((size > longest, placeholder), else_=column), column.type).label(column.name)
    if isinstance(column.type, ARRAY):
        words = [TRUNCATED_JSON] if isinstance(column.type.item_type, sa.Text) else []
        instead = array(words, type_=column.type.item_type)
        return sa.case((size > longest, instead), else_=column).label(column.name)
    return column
