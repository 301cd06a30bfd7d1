"""The connection pool: it tests idle connections before they are used, and prepares statements.

Prepared statements halve what a statement costs the server. A pooler in transaction mode gives each transaction another
session, in which the statement was never prepared. A pooler is recognised by its process id: the one named when the
connection opens differs from the one that answers.
"""

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

#: Seconds after which an idle connection is tested before it is used; a test costs a round trip.
IDLE = 0.1
#: How often a statement is sent as text before it is prepared: the engine's few statements repeat all day.
PREPARE_AFTER = 2


def install(engine: Engine) -> None:
    """Make the engine's pool test and prepare its connections."""

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        answering = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
        connection.rollback()
        if answering == connection.info.backend_pid:
            connection.prepare_threshold = PREPARE_AFTER
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _test(connection: Any, record: Any, _proxy: Any) -> None:
        if time.monotonic() - record.info["used"] > IDLE and not _lives(engine, connection):
            raise InvalidatePoolError("a pooled connection was closed while idle")


def _lives(engine: Engine, connection: Any) -> bool:
    dialect = engine.dialect
    try:
        return bool(dialect.do_ping(connection))
    except dialect.loaded_dbapi.Error as error:
        if dialect.is_disconnect(error, connection, None):
            return False
        raise
