"""Connections to the database: an engine with a timeout on every wait, and transactions as `with` blocks."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

import psycopg
from psycopg import _queries
from sqlalchemy import Engine, Executable, event, text
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, create_engine

from core.address import as_text, database_address
from core.database import moments, pool, timeouts
from core.database.session_settings import PINNED, from_options
from core.database.sharing_pool import SharingPool

# psycopg remembers how it reads a statement up to this length; those of a list's rows are longer than its 4,096.
_queries.MAX_CACHED_STATEMENT_LENGTH = 16_384

#: Seconds that a new connection may take; a dead host is an error, not a hang.
CONNECT_TIMEOUT = 3
#: Milliseconds that a statement may run, or wait for a lock, before the server cancels it.
STATEMENT_TIMEOUT = 30_000
LOCK_TIMEOUT = 10_000
#: Seconds after which a silent server is given up: longer than one statement may run.
PATIENCE = STATEMENT_TIMEOUT / 1000 + 10

_LIMITS = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT}"
# Each list is planned for its own filter: a generic plan cannot use partial indexes.
_OPTIONS = f"{_LIMITS} -c plan_cache_mode=force_custom_plan"


class NoConnection(OperationalError):
    """A connection could not be opened, for example because the server has too many: nothing was sent on it."""

    #: The engine that wanted the connection.
    engine: Engine | None = None


_ARGUMENTS: dict[str, Any] = {
    "connect_timeout": CONNECT_TIMEOUT,
    "prepare_threshold": None,
    "application_name": "unstuck",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}


def connect(url: str, *, pool_size: int = 10, options: str = _OPTIONS, patience: float | None = None) -> Engine:
    """Return an engine for a database's address, in any form that `core.address` knows; nothing is connected yet.

    Behind a pooler, prepared statements are off, so that PgBouncer works in transaction mode. Keep-alives and
    tcp_user_timeout limit every wait on a dead network; `patience` limits the wait for a silent server, which is
    otherwise the server's own limit. `options` are added to the settings that every session has.
    """
    address = database_address(url)
    engine = create_engine(
        address,
        isolation_level="READ COMMITTED",  # the database's default may be another one
        poolclass=SharingPool,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=5,
        pool_use_lifo=True,
        connect_args=dict(_ARGUMENTS),
        hide_parameters=True,  # an error goes into the log, and the values of a statement may be secret
    )
    event.listen(engine, "handle_error", _hide_values)
    event.listen(engine, "handle_error", _name_a_missing_connection, retval=True)
    of_address = from_options(str(address.query.get("options", "")))
    timeouts.install(engine, {**of_address, **PINNED, **from_options(options)}, patience)
    pool.install(engine)
    moments.install(engine)
    return engine


def _hide_values(failure: ExceptionContext) -> None:
    """Keep only the first sentence of PostgreSQL's message: DETAIL and CONTEXT quote the values of the row."""
    wrapped, original = failure.sqlalchemy_exception, failure.original_exception
    if isinstance(original, psycopg.Error) and (sentence := original.diag.message_primary):
        if wrapped is not None:
            wrapped.args = tuple(str(message).replace(str(original), sentence) for message in wrapped.args)
        original.args = (sentence,)


def _name_a_missing_connection(failure: ExceptionContext) -> BaseException | None:
    wrapped = failure.sqlalchemy_exception
    if failure.connection is not None or failure.is_pre_ping or not isinstance(wrapped, OperationalError):
        return None
    missing = NoConnection(None, None, failure.original_exception, hide_parameters=True)
    missing.engine = failure.engine
    return missing


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """Open a session, commit at the end, roll back on any error. Objects stay readable afterwards."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


#: BEGIN says it, so a snapshot costs no round trip and holds behind a pooler, too. It takes no locks that stop writers.
_SNAPSHOT: Final = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
#: Where a session keeps what `write_soon` has left for the end of its snapshot.
_LATER: Final = "later"


@contextmanager
def snapshot_scope(engine: Engine) -> Iterator[Session]:
    """Open a session for reading whose statements all see the database at the first one's moment.

    What one page or answer joins, such as a user and their job, is read here: between two statements of an ordinary
    transaction, the job may end.
    """
    with Session(engine, expire_on_commit=False, info={_LATER: []}) as session, session.begin():
        session.connection(execution_options=_SNAPSHOT)
        yield session
    if later := session.info[_LATER]:
        with session_scope(engine) as writing:
            for statement in later:
                writing.connection().execute(statement)


def write_soon(session: Session, statement: Executable) -> None:
    """Run a statement that writes: now, or from a snapshot right after it."""
    if _LATER in session.info:
        session.info[_LATER].append(statement)
    else:
        session.connection().execute(statement)


def address_of(engine: Engine) -> str:
    """Return the address that an engine was made for, with its password."""
    return as_text(engine.url)


def refuse_unusable(engine: Engine) -> None:
    """Raise Unusable if the program cannot work with this database; a database that does not respond may come back."""
    with suppress(OperationalError), engine.connect():
        pass


def worker_options(lease_seconds: float) -> str:
    """Return options for workers: a frozen worker's open transaction blocks others for one lease at most."""
    return f"{_LIMITS} {_idle_limit(lease_seconds)}"


def console_options(lease_seconds: float) -> str:
    """Return options for consoles, which may be frozen as workers may; their lists are planned as those of others."""
    return f"{_OPTIONS} {_idle_limit(lease_seconds)}"


def _idle_limit(lease_seconds: float) -> str:
    return f"-c idle_in_transaction_session_timeout={int(lease_seconds * 1000)}"


def has_tables(engine: Engine) -> bool:
    """Tell whether the schema contains any table, of this program or another."""
    any_table = text("SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = current_schema())")
    with engine.connect() as connection:
        return bool(connection.scalar(any_table))
