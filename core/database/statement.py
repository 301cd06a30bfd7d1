"""Fast statements, which every job needs: they go straight to the driver, at a third of SQLAlchemy's cost.

Session, transaction and errors remain SQLAlchemy's; only compiling, binding and wrapping rows are skipped.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import Connection, Engine, text
from sqlalchemy.dialects.postgresql import psycopg as dialect
from sqlmodel import Session

from core.database import timeouts
from core.database.failover import failure_of

_DIALECT = dialect.dialect()  # type: ignore[no-untyped-call]


@contextmanager
def for_one_statement(engine: Engine) -> Iterator[Connection]:
    """Open a connection on which a statement is committed when `run_on` returns.

    One round trip instead of three, unless each transaction has to set its limits.
    """
    if timeouts.are_set_by_transaction(engine):
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        driver.autocommit = True
        try:
            yield connection
        finally:
            if not driver.closed:
                driver.autocommit = False


class Statement:
    """One statement with named parameters, written as `:name`. Pass JSON as psycopg's Jsonb."""

    def __init__(self, sql: str) -> None:
        self.text = sql
        # Short, because psycopg parses a long statement again on every call.
        self.sql = " ".join(str(text(sql).compile(dialect=_DIALECT)).split())

    def run(self, session: Session, values: Mapping[str, Any]) -> Any:
        """Run it in the session's transaction; return its one row with the columns as attributes, or None.

        Does not flush. Raises SQLAlchemy's errors; a broken connection is not used again.
        """
        rows = self.run_on(session.connection(), values)
        return rows[0] if rows else None

    def run_alone(self, engine: Engine, values: Mapping[str, Any]) -> None:
        """Run it in a transaction of its own, as `for_one_statement` does."""
        with for_one_statement(engine) as connection:
            self.run_on(connection, values)

    def run_on(self, connection: Connection, values: Mapping[str, Any]) -> list[Any]:
        """Run it on a connection, as `run` does, and return all its rows."""
        driver: Any = connection.connection.driver_connection
        try:
            cursor = driver.cursor(row_factory=namedtuple_row)
            cursor.execute(self.sql, values)
            return cursor.fetchall() if cursor.pgresult.nfields else []
        except psycopg.Error as error:
            raise failure_of(connection, error, self.sql, values) from error
