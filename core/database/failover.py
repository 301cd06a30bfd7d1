"""Failover: connections to a server that has become read-only are replaced until the address leads to a writable one.

A primary that is demoted, or closed for writing, may keep its connections open: statements fail, and the connection
itself looks healthy. So a connection is thrown away, with all others of its engine, by what PostgreSQL answers.
"""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from weakref import WeakKeyDictionary

import psycopg
from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import DBAPIError, InvalidatePoolError, OperationalError
from sqlmodel import Session

from core import clock
from core.database import timeouts
from core.outages import DATABASE

#: Seconds for which a connection to a read-only server is kept; the next one may reach another server.
RETRY_AFTER: Final = 1.0
#: A statement that writes was sent to a read-only server or to one in recovery.
_READ_ONLY: Final = "25006"
#: The server shuts down, crashed or is not up yet. Class 08, connection exceptions, has the same effect.
_GONE: Final = frozenset({"57P01", "57P02", "57P03"})
_IS_READ_ONLY: Final = (
    "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only')::bool, "
    # A number has one form, whatever the database's datestyle; but for float8, which extra_float_digits may round.
    "extract(epoch FROM clock_timestamp())::numeric"
)


class DatabaseReadOnly(OperationalError):
    """The server refused to write; nothing was changed. `since` is when this process first saw it."""

    since: datetime

    @property
    def sentence(self) -> str:
        """What a person should know."""
        return (
            f"The database is read-only since {self.since:%Y-%m-%d %H:%M:%S} UTC, as during a failover. Nothing was "
            "changed. This program reconnects by itself and continues when the database accepts writes."
        )


@dataclass(eq=False)
class Primary:
    """What an engine knows about its server. Times are of the monotonic clock."""

    read_only_since: datetime | None = None
    #: Connections that were opened earlier are replaced.
    discard_before: float = 0.0

    def note_opened(self, *, read_only: bool) -> None:
        """Note what a new connection has found, or what a refused statement says."""
        if not read_only:
            self.read_only_since = None
            DATABASE.end()
            return
        self.read_only_since = self.read_only_since or clock.now()
        DATABASE.begin("is read-only: reconnecting until it is not", "as during a failover")

    def discard(self) -> None:
        """Replace every connection that is open now."""
        self.discard_before = time.monotonic()

    def must_replace(self, record: Any) -> bool:
        """Tell whether a pooled connection leads to a server that was or is to be left."""
        opened: float = record.info["opened"]
        is_read_only: bool = record.info["read_only"]
        return opened < self.discard_before or (is_read_only and time.monotonic() - opened > RETRY_AFTER)


_PRIMARIES: WeakKeyDictionary[Engine, Primary] = WeakKeyDictionary()


def install(engine: Engine) -> None:
    """Make the engine leave read-only servers. Errors of such servers become DatabaseReadOnly."""
    primary = _PRIMARIES[engine] = Primary()

    @event.listens_for(engine, "connect")
    def _note(connection: Any, record: Any) -> None:
        record.info.update(primary=primary, opened=time.monotonic(), read_only=is_read_only(connection))
        primary.note_opened(read_only=record.info["read_only"])

    @event.listens_for(engine, "checkout")
    def _check(_connection: Any, record: Any, _proxy: Any) -> None:
        if primary.must_replace(record):
            raise InvalidatePoolError("the server of a pooled connection is read-only")

    @event.listens_for(engine, "handle_error", retval=True)
    def _classify(failure: ExceptionContext) -> BaseException | None:
        original = failure.original_exception
        if not isinstance(original, psycopg.Error):
            return None
        if failure.connection is None or (failure.is_disconnect and original.sqlstate is None):
            DATABASE.begin("does not respond", str(original))
        if not is_of_no_more_use(original) or _is_of_snapshot(failure.connection, original):
            return None
        failure.is_disconnect = True
        return _read_only(primary, original, failure.statement) if original.sqlstate == _READ_ONLY else None


def _is_of_snapshot(connection: Connection | None, error: psycopg.Error) -> bool:
    """Tell whether a statement was refused because its own transaction only reads: a mistake of this program."""
    reads_only = connection is not None and connection.get_execution_options().get("postgresql_readonly")
    return bool(reads_only) and error.sqlstate == _READ_ONLY


def is_of_no_more_use(error: psycopg.Error) -> bool:
    """Tell whether the connection that raised this error must be replaced, although it may be open."""
    state = error.sqlstate or ""
    return state == _READ_ONLY or state in _GONE or state.startswith("08")


def failure_of(connection: Connection, error: psycopg.Error, sql: str, values: Mapping[str, Any]) -> DBAPIError:
    """Return a driver's error as SQLAlchemy's; a connection that is of no more use is not used again."""
    driver, primary = connection.connection.driver_connection, connection.info.get("primary")
    is_lost = is_of_no_more_use(error) or bool(driver and driver.closed)
    if is_lost:
        connection.invalidate(error)
        if error.sqlstate is None:
            DATABASE.begin("does not respond", str(error))
    if primary and error.sqlstate == _READ_ONLY:
        return _read_only(primary, error, sql)
    return DBAPIError.instance(sql, dict(values), error, psycopg.Error, connection_invalidated=is_lost)  # type: ignore[return-value]


def _read_only(primary: Primary, error: psycopg.Error, sql: str | None) -> DatabaseReadOnly:
    primary.note_opened(read_only=True)
    primary.discard()
    failure = DatabaseReadOnly(sql, None, error, hide_parameters=True, connection_invalidated=True)
    failure.since = primary.read_only_since or clock.now()
    return failure


def is_read_only(connection: psycopg.Connection[Any]) -> bool:
    """Ask the server of an idle connection whether it refuses to write, and hear its time on the way.

    Raises psycopg's errors if it is gone.
    """
    connection.autocommit = True
    try:
        with timeouts.hurry(connection):
            row = connection.execute(_IS_READ_ONLY).fetchone()
    finally:
        if not connection.closed:
            connection.autocommit = False
    assert row is not None, "a SELECT without FROM has one row"
    clock.hear(float(row[1]))
    return bool(row[0])


def read_only_since(engine: Engine) -> datetime | None:
    """Return since when the engine's server refuses writes; None while it accepts them, as far as is known."""
    primary = _PRIMARIES.get(engine)
    return primary.read_only_since if primary else None


def check_writable(session: Session) -> None:
    """Raise DatabaseReadOnly unless the server accepts writes. Nothing is written or locked."""
    session.connection().execute(text("UPDATE users SET id = id WHERE false"))
