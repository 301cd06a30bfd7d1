"""The connection pool: it tests idle connections before they are used, and prepares statements.

A busy connection is tested too, once a second: its server may have become read-only (`core.database.failover`).

Prepared statements halve what a statement costs the server. A pooler in transaction mode gives each transaction another
session, in which the statement was never prepared. A pooler is recognised by its process id: the one named when the
connection opens differs from the one that answers.
"""

import time
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from sqlalchemy.exc import InvalidatePoolError

from core.database import failover, timeouts

#: Seconds after which an idle connection is tested before it is used; a test costs a round trip.
IDLE = 0.1
#: How often a statement is sent as text before it is prepared: the engine's few statements repeat all day.
PREPARE_AFTER = 2


def install(engine: Engine) -> None:
    """Make the engine's pool test and prepare its connections."""
    failover.install(engine)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        with timeouts.hurry(connection):
            answering = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
            connection.rollback()
        if answering == connection.info.backend_pid:
            connection.prepare_threshold = PREPARE_AFTER
        record.info["used"] = record.info["tested"] = time.monotonic()

    @event.listens_for(engine, "checkin")
    def _note(_connection: Any, record: Any) -> None:
        record.info["used"] = time.monotonic()

    @event.listens_for(engine, "checkout")
    def _test(connection: Any, record: Any, _proxy: Any) -> None:
        now = time.monotonic()
        if now - record.info["used"] <= IDLE and now - record.info["tested"] <= failover.RETRY_AFTER:
            return
        if not _is_as_it_was(connection, record):
            raise InvalidatePoolError("a pooled connection was closed, or its server became read-only")
        record.info["tested"] = now


def _is_as_it_was(connection: Any, record: Any) -> bool:
    try:
        return failover.is_read_only(connection) is record.info["read_only"]
    except psycopg.Error as error:
        if connection.closed or failover.is_of_no_more_use(error):
            return False
        raise
