"""Every wait on the database ends: by the server's limits, or by our own when the server stays silent.

The limits, and all other settings of a session, are sent when a connection opens. A pooler may refuse or silently drop
them, as PgBouncer does. Then each transaction begins by setting them, which costs a round trip and has no effect beyond
the transaction.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.errors import OperationalError
from sqlalchemy import Connection as Transaction
from sqlalchemy import Engine, event

from core.database.session_settings import are_met, as_options, as_statement
from core.errors import Unusable

#: PgBouncer's message when it does not pass start-up options on.
REFUSED = "unsupported startup parameter"
#: Seconds that a server may stay silent when a connection is opened or tested. Behind a pooler whose server has
#: vanished, each test would otherwise take as long as the longest statement.
HURRY = 5.0
#: The encoding of a database that can store everything people write.
ENCODING = "UTF8"


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up a silent server after `patience` seconds.

    Keep-alives notice a dead network, but not a live proxy that has lost the server behind it.
    """

    patience: float | None = HURRY

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server's answer, at most `patience` seconds."""
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval=interval, timeout=timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval=interval, timeout=self.patience)
        except OperationalError:
            if time.monotonic() - began < self.patience:
                raise
            self.pgconn.finish()  # a late answer could be taken for the next statement's
            raise OperationalError(f"the database has not answered for {self.patience:.0f} s") from None

    def set_read_only(self, value: bool | None) -> None:  # noqa: FBT001 - psycopg's own
        """Let the next transactions only read, or else do what the server allows.

        SQLAlchemy resets it to False: READ WRITE in each BEGIN, also on a server that was closed for writing.
        """
        super().set_read_only(value or None)


@contextmanager
def hurry(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """Give a silent server up sooner for one block: these are questions that it answers at once, or not at all."""
    usual = connection.patience if isinstance(connection, PatientConnection) else None
    if isinstance(connection, PatientConnection):
        connection.patience = min(usual or HURRY, HURRY)
    try:
        yield
    finally:
        if isinstance(connection, PatientConnection):
            connection.patience = usual


@dataclass
class _Delivery:
    """How an engine's settings reach the server; its first connection finds out."""

    settings: Mapping[str, str]
    refused: bool = False
    by_transaction: bool | None = None


_DELIVERIES: WeakKeyDictionary[Engine, _Delivery] = WeakKeyDictionary()


def are_set_by_transaction(engine: Engine) -> bool:
    """Tell whether each transaction sets the limits, because a pooler drops a connection's; connects to find out."""
    delivery = _DELIVERIES[engine]
    if delivery.by_transaction is None:
        with engine.connect():
            pass
    return bool(delivery.by_transaction)


def install(engine: Engine, settings: Mapping[str, str], patience: float | None) -> None:
    """Hold every connection of the engine to these settings and to `patience`."""
    delivery, statement = _Delivery(settings), as_statement(settings)
    _DELIVERIES[engine] = delivery

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, _args: Any, arguments: dict[str, Any]) -> PatientConnection:
        connection = _opened(arguments, delivery)
        connection.patience = patience
        return connection

    @event.listens_for(engine, "begin")
    def _begin(transaction: Transaction) -> None:
        if delivery.by_transaction:
            transaction.exec_driver_sql(statement)

    @event.listens_for(engine, "after_cursor_execute")
    def _arm(_: Any, cursor: Any, _sql: Any, _values: Any, _context: Any, many: bool) -> None:  # noqa: FBT001
        if many:
            # psycopg sends many rows in a pipeline, whose last message switches PostgreSQL's limit on idle
            # transactions off until the next statement: a frozen worker would keep its locks for ever.
            cursor.connection.execute("SELECT 1")


def _opened(arguments: dict[str, Any], delivery: _Delivery) -> PatientConnection:
    """Open a connection, with the settings where the server accepts them; the first one checks that they arrived."""
    connection = _connected(arguments, delivery)
    _refuse_encoding(connection)
    if delivery.by_transaction is None:
        delivery.by_transaction = not _heeds(connection, delivery.settings)
    return connection


def _connected(arguments: dict[str, Any], delivery: _Delivery) -> PatientConnection:
    if not delivery.refused:
        try:
            options = f"{arguments.get('options', '')} {as_options(delivery.settings)}"
            return PatientConnection.connect(**arguments | {"options": options})
        except OperationalError as error:
            if REFUSED not in str(error):
                raise
            delivery.refused = True
    return PatientConnection.connect(**{name: value for name, value in arguments.items() if name != "options"})


def _refuse_encoding(connection: PatientConnection) -> None:
    encoding = connection.info.parameter_status("server_encoding") or ENCODING
    if encoding != ENCODING:
        name = connection.info.dbname
        connection.close()
        raise Unusable(
            f"The database {name} has the encoding {encoding}, which cannot store every name: Unstuck needs UTF8. "
            f"Create one (CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0), copy {name} into it with pg_dump and "
            "psql, and point DATABASE_URL at it."
        )


def _heeds(connection: PatientConnection, settings: Mapping[str, str]) -> bool:
    """Tell whether these settings apply on this connection, set by us or by its role."""
    rows = connection.execute("SELECT lower(name), setting FROM pg_settings").fetchall()
    connection.rollback()
    return are_met(settings, dict(rows))
