"""Statements that run for every job: they go to the driver at once, for a third of what SQLAlchemy's way costs.

Session, transaction and errors stay SQLAlchemy's; only the work of compiling, binding and wrapping rows is left out.
"""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, text
from sqlalchemy.dialects.postgresql import psycopg as dialect
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]


class Statement:
    """One statement with named parameters, written as `:name`. JSON goes in as psycopg's Jsonb."""

    def __init__(self, sql: str) -> None:
        self.text = sql
        # In few characters: psycopg parses a long statement anew each time it is sent.
        self.sql = " ".join(str(text(sql).compile(dialect=_DIALECT)).split())

    def run(self, session: Session, values: Mapping[str, Any]) -> Any:
        """Run it in the session's transaction; return its one row with the columns as attributes, or None.

        Flushes nothing. Raises what SQLAlchemy raises; a connection that broke is not used again.
        """
        rows = self.run_on(session.connection(), values)
        return rows[0] if rows else None

    def run_on(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Run it on a connection, as `run` does; return all of its rows."""
        driver: Any = connection.connection.driver_connection
        try:
            cursor = driver.cursor(row_factory=namedtuple_row)
            cursor.execute(self.sql, values)
            return cursor.fetchall() if cursor.description else []
        except psycopg.Error as error:
            if driver.closed:
                connection.invalidate(error)
            raise DBAPIError.instance(
                self.sql, dict(values), error, psycopg.Error, connection_invalidated=driver.closed
            ) from error
