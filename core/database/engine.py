"""Connections to the database: an engine with a timeout on every wait, and transactions as `with` blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, event, inspect, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlmodel import Session, create_engine

from core.database import moments, pool, timeouts

#: Seconds that a new connection may take; a dead host is an error, not a hang.
CONNECT_TIMEOUT = 3
#: Milliseconds that a statement may run, or wait for a lock, before the server cancels it.
STATEMENT_TIMEOUT = 30_000
LOCK_TIMEOUT = 10_000
#: Seconds after which a silent server is given up: longer than one statement may run.
PATIENCE = STATEMENT_TIMEOUT / 1000 + 10

#: For every connection. By default PostgreSQL compiles plans that it expects to be expensive. Versions 14 to 17 expect
#: it of batch statements, which run with some planner methods off: each claim took 600 ms or more instead of 0.3.
_ALWAYS = "-c jit=off"
_LIMITS = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
# Each list is planned for its own filter: a generic plan cannot use partial indexes.
_OPTIONS = f"{_LIMITS} -c plan_cache_mode=force_custom_plan"


def connect(url: str, *, pool_size: int = 10, options: str = _OPTIONS, patience: float | None = None) -> Engine:
    """Return an engine for a PostgreSQL URL; nothing is connected yet.

    `url` is postgresql://…, with or without a driver. Behind a pooler, prepared statements are off, so that PgBouncer
    works in transaction mode. Keep-alives and tcp_user_timeout limit every wait on a dead network; `patience` limits
    the wait for a silent server, which is otherwise the server's own limit. `options` are added to those that every
    connection has.
    """
    parsed = make_url(url).set(drivername="postgresql+psycopg")
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_TIMEOUT,
        "prepare_threshold": None,
        "application_name": "unstuck",
        "keepalives_idle": 5,
        "keepalives_interval": 2,
        "keepalives_count": 3,
        "tcp_user_timeout": 15_000,
    }
    engine = create_engine(
        parsed,
        pool_size=pool_size,
        max_overflow=5,
        pool_timeout=5,
        pool_use_lifo=True,
        connect_args=arguments,
        hide_parameters=True,  # an error goes into the log, and the values of a statement may be secret
    )
    event.listen(engine, "handle_error", _hide_values)
    timeouts.install(engine, f"{_ALWAYS} {options}", patience)
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


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """Open a session, commit at the end, roll back on any error. Objects stay readable afterwards."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def masked(url: str) -> str:
    """Return a URL without its password, for people and logs; libpq and redis-py also accept one in the query."""
    parsed = make_url(url)
    options = {name: "***" for name in parsed.query if "password" in name.lower()}
    return parsed.update_query_dict(options).render_as_string(hide_password=True)


def worker_options(lease_seconds: float) -> str:
    """Return options for workers: a frozen worker's open transaction blocks others for one lease at most."""
    return f"{_LIMITS} -c idle_in_transaction_session_timeout={int(lease_seconds * 1000)}"


def has_tables(engine: Engine) -> bool:
    """Tell whether the database contains any table, of this program or another."""
    return bool(inspect(engine).get_table_names())
