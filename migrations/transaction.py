"""One transaction of a migration: under the lock shared by all migrators, with a limit on every wait."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from core.address import masked
from core.database.engine import address_of, connect
from core.errors import Unusable

#: "unstuck" in ASCII; the advisory lock of all migrators of a database. A transaction holds it, never a session.
LOCK = 0x756E737475636B
#: Maximum wait for another migrator: as long as one large revision may take.
MIGRATOR_WAIT = "15min"
#: Maximum wait for a table lock. Meanwhile, all other queries on that table wait behind us.
TABLE_WAIT = "10s"
#: Maximum time of one statement: rewriting a large table takes longer than the console's 30 s limit.
STATEMENT_LIMIT = "60min"

#: A database's own limits would end a migration half-way; those of `_LIMITS` follow in each transaction.
_NO_LIMITS = "-c statement_timeout=0 -c lock_timeout=0 -c idle_in_transaction_session_timeout=0"
#: A migration sees one schema, so that no `IF EXISTS` reaches into another one of the search path.
_LIMITS = sa.text(
    """SELECT current_schemas(false) AS schemas, current_setting('search_path') AS path,
    set_config('statement_timeout', :statement, true), set_config('lock_timeout', :lock, true),
    set_config('application_name', 'unstuck migrate', true),
    set_config('search_path', coalesce(quote_ident(current_schema()), ''), true),
    CASE WHEN current_setting('transaction_timeout', true) IS NOT NULL
        THEN set_config('transaction_timeout', '0', true) END,
    current_schema() AS schema"""
)
_HOLDERS = sa.text(
    """SELECT DISTINCT a.pid, coalesce(nullif(a.application_name, ''), 'unnamed') AS program, a.usename, a.state,
        date_trunc('second', clock_timestamp() - a.xact_start)::text AS since
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.granted AND l.pid <> pg_backend_pid() AND l.database = (SELECT oid FROM pg_database
        WHERE datname = current_database()) AND a.backend_type = 'client backend' AND (
            (l.locktype = 'advisory' AND (l.classid::bigint << 32 | l.objid::bigint) = :lock)
            OR (l.locktype = 'relation' AND l.relation IN (SELECT c.oid FROM pg_class c
                JOIN pg_namespace n ON n.oid = relnamespace AND nspname = current_schema()
                WHERE relkind IN ('r', 'p'))))
    ORDER BY a.pid LIMIT 5"""
)


@contextmanager
def engine_for(url: str) -> Iterator[Engine]:
    """Open an engine for a migration; its limits are those of each transaction, not the console's."""
    engine = connect(url, pool_size=2, options=_NO_LIMITS)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def migrating(engine: Engine) -> Iterator[Connection]:
    """Open a transaction as the only migrator of this database; commit it at the end."""
    with _limited(engine, MIGRATOR_WAIT) as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        connection.execute(sa.text("SELECT set_config('lock_timeout', :wait, true)"), {"wait": TABLE_WAIT})
        # A table with deferred checks by another program could not be altered after its rows were.
        connection.execute(sa.text("SET CONSTRAINTS ALL IMMEDIATE"))
        yield connection


@contextmanager
def looking(engine: Engine) -> Iterator[Connection]:
    """Open a read-only transaction during which no migrator runs."""
    with _limited(engine, MIGRATOR_WAIT) as connection:
        connection.execute(sa.text("SET TRANSACTION READ ONLY"))
        connection.execute(sa.text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": LOCK})
        yield connection


@contextmanager
def rehearsing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction during which no migrator runs, and undo all of it."""
    with _limited(engine, MIGRATOR_WAIT) as connection:
        connection.execute(sa.text("SELECT pg_advisory_xact_lock_shared(:lock)"), {"lock": LOCK})
        savepoint = connection.begin_nested()
        yield connection
        savepoint.rollback()


def only_schema(path: str) -> str | None:
    """Return the name in a search path that has just one."""
    quoted = re.fullmatch(r'"((?:[^"]|"")+)"|(\w+)', path.strip())
    return (quoted[1] or quoted[2]).replace('""', '"') if quoted else None


@contextmanager
def _limited(engine: Engine, lock_wait: str) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            row = connection.execute(_LIMITS, {"statement": STATEMENT_LIMIT, "lock": lock_wait}).one()
            # SQLAlchemy asks for it when it connects, before a pooler's session gets our search path.
            connection.dialect.default_schema_name = row.schema
            connection.info.update(schemas=tuple(row.schemas), named_schema=only_schema(row.path))
            yield connection
    except DBAPIError as error:
        raise Unusable(_message_of(engine, error)) from error


def _message_of(engine: Engine, error: DBAPIError) -> str:
    cause = error.orig
    if isinstance(cause, psycopg.errors.LockNotAvailable):
        return f"Other connections hold a table or the migration lock: {_holders(engine)} Then run migrate again."
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return f"A statement exceeded {STATEMENT_LIMIT} and was cancelled; its revision was undone. Run migrate again."
    if isinstance(cause, psycopg.Error) and cause.diag.message_primary:
        return f"The database refused: {cause.diag.message_primary}. The current revision was undone."
    where = masked(address_of(engine))
    happened = "could not be reached" if error.statement is None else "was lost; the current revision was undone"
    return f"The database {where} {happened}: {(str(cause).splitlines() or ['no reason given'])[0]}."


def _holders(engine: Engine) -> str:
    with engine.begin() as connection:
        holders = connection.execute(_HOLDERS, {"lock": LOCK}).all()
    if not holders:
        return "they have just released it."
    return (
        "; ".join(f"pid {h.pid} ({h.program}, {h.usename}, {h.state}, for {h.since})" for h in holders)
        + ". Close them first."
    )
