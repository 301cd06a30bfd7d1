"""Every wait on the database ends: by the server's own limits, and by ours when the server is heard of no more.

The server is told its limits when a connection opens. A pooler may refuse that, or drop it silently: PgBouncer does.
Then each transaction begins with them, which costs a round trip and holds nothing beyond the transaction.
"""

import re
import time
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.errors import OperationalError
from sqlalchemy import Connection as Transaction
from sqlalchemy import Engine, event

#: How PgBouncer says that it does not pass start-up options on.
REFUSED = "unsupported startup parameter"
_SETTING = re.compile(r"-c (\w+)=(\S+)")


class PatientConnection(psycopg.Connection[Any]):
    """A connection that gives a silent server up after `patience` seconds.

    Keep-alives notice a dead network. A proxy that lives, and has lost the server behind it, only this notices.
    """

    patience: float | None = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for the server's answer, `patience` seconds at the most."""
        if timeout is not None or self.patience is None:
            return super().wait(gen, interval=interval, timeout=timeout)
        began = time.monotonic()
        try:
            return super().wait(gen, interval=interval, timeout=self.patience)
        except OperationalError:
            if time.monotonic() - began < self.patience:
                raise
            self.pgconn.finish()  # whatever it may still answer, nobody would know to what
            raise OperationalError(f"the database has not answered for {self.patience:.0f} s") from None


@dataclass
class _Way:
    """How an engine's limits reach the server, as its first connection finds out."""

    options: str
    refused: bool = False
    by_transaction: bool | None = None


def install(engine: Engine, options: str, patience: float | None) -> None:
    """Hold every connection of the engine to `options` (as `-c name=value …`) and `patience`."""
    way, statement = _Way(options), _as_statement(options)

    @event.listens_for(engine, "do_connect")
    def _connect(_dialect: Any, _record: Any, _args: Any, given: dict[str, Any]) -> PatientConnection:
        connection = _opened(given, way)
        connection.patience = patience
        return connection

    @event.listens_for(engine, "begin")
    def _begin(transaction: Transaction) -> None:
        if way.by_transaction:
            transaction.exec_driver_sql(statement)

    @event.listens_for(engine, "after_cursor_execute")
    def _arm(_: Any, cursor: Any, _sql: Any, _values: Any, _context: Any, many: bool) -> None:  # noqa: FBT001
        if many:
            # psycopg sends many rows in a pipeline, whose last message switches PostgreSQL's limit on idle
            # transactions off until the next statement: a frozen worker would keep its locks for ever.
            cursor.connection.execute("SELECT 1")


def _opened(given: dict[str, Any], way: _Way) -> PatientConnection:
    """Open a connection, with the limits where the other end takes them; the first one looks whether they arrived."""
    connection = _connected(given, way)
    if way.by_transaction is None:
        way.by_transaction = not _heeds(connection, way.options)
    return connection


def _connected(given: dict[str, Any], way: _Way) -> PatientConnection:
    if not way.refused:
        try:
            return PatientConnection.connect(**given | {"options": f"{given.get('options', '')} {way.options}"})
        except OperationalError as error:
            if REFUSED not in str(error):
                raise
            way.refused = True
    return PatientConnection.connect(**given)


def _heeds(connection: PatientConnection, options: str) -> bool:
    """Tell whether the server behind this connection has these limits and no JIT, be it from us or from its role."""
    wanted = {(name, value) for name, value in _SETTING.findall(options) if name.endswith("_timeout") or name == "jit"}
    found = connection.execute("SELECT name, setting FROM pg_settings WHERE name ~ '_timeout$|^jit$'").fetchall()
    connection.rollback()
    return wanted <= {(name, value) for name, value in found}


def _as_statement(options: str) -> str:
    """Return the options as one statement for one transaction."""
    parts = (f"set_config('{name}', '{value}', true)" for name, value in _SETTING.findall(options))
    return f"SELECT {', '.join(parts)}"
