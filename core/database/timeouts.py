"""Every wait on the database ends: by the server's limits, or by our own when the server stays silent.

The limits are sent when a connection opens. A pooler may refuse or silently drop them, as PgBouncer does. Then each
transaction begins by setting them, which costs a round trip and has no effect beyond the transaction.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.errors import OperationalError
from sqlalchemy import Connection as Transaction
from sqlalchemy import Engine, event

#: PgBouncer's message when it does not pass start-up options on.
REFUSED = "unsupported startup parameter"
_SETTING = re.compile(r"-c (\w+)=(\S+)")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives up a silent server after `patience` seconds.

    Keep-alives notice a dead network, but not a live proxy that has lost the server behind it.
    """

    patience: float | None = None

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


@dataclass
class _Delivery:
    """How an engine's limits reach the server; its first connection finds out."""

    options: str
    refused: bool = False
    by_transaction: bool | None = None


def install(engine: Engine, options: str, patience: float | None) -> None:
    """Hold every connection of the engine to `options` (as `-c name=value …`) and `patience`."""
    delivery, statement = _Delivery(options), _as_statement(options)

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
    """Open a connection, with the limits where the server accepts them; the first one checks that they arrived."""
    connection = _connected(arguments, delivery)
    if delivery.by_transaction is None:
        delivery.by_transaction = not _heeds(connection, delivery.options)
    return connection


def _connected(arguments: dict[str, Any], delivery: _Delivery) -> PatientConnection:
    if not delivery.refused:
        try:
            return PatientConnection.connect(
                **arguments | {"options": f"{arguments.get('options', '')} {delivery.options}"}
            )
        except OperationalError as error:
            if REFUSED not in str(error):
                raise
            delivery.refused = True
    return PatientConnection.connect(**arguments)


def _heeds(connection: PatientConnection, options: str) -> bool:
    """Tell whether these limits and no JIT apply on this connection, set by us or by its role."""
    expected = {
        (name, value) for name, value in _SETTING.findall(options) if name.endswith("_timeout") or name == "jit"
    }
    rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name ~ '_timeout$|^jit$'").fetchall()
    connection.rollback()
    return expected <= {(name, value) for name, value in rows}


def _as_statement(options: str) -> str:
    """Return the statement that sets the options for one transaction."""
    parts = (f"set_config('{name}', '{value}', true)" for name, value in _SETTING.findall(options))
    return f"SELECT {', '.join(parts)}"
