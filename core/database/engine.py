"""The one way to the database: an engine with a timeout on every wait, and transactions as `with` blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from sqlalchemy import Engine, event, inspect, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlmodel import Session, create_engine

from core.database import pool, timeouts

#: Seconds a new connection may take; a dead host is an error, not a hang.
CONNECT_TIMEOUT = 3
#: Milliseconds one statement may take, and a lock may be waited for, before the server ends it.
STATEMENT_TIMEOUT = 30_000
LOCK_TIMEOUT = 10_000
#: Seconds after which a server that has not answered is given up: longer than it may take for one statement.
PATIENCE = STATEMENT_TIMEOUT / 1000 + 10

#: For every connection. By default PostgreSQL compiles plans that it expects to be expensive, and 14 to 17 expect
#: this of the plans for turns, where some ways of planning are off: each claim took 600 ms or more instead of 0.3.
_ALWAYS = "-c jit=off"
_LIMITS = f"-c statement_timeout={STATEMENT_TIMEOUT} -c lock_timeout={LOCK_TIMEOUT} -c timezone=UTC"
# A list is planned for the filter at hand: a plan for any filter cannot use an index over some of the rows.
_OPTIONS = f"{_LIMITS} -c plan_cache_mode=force_custom_plan"


def connect(url: str, *, pool_size: int = 10, options: str = _OPTIONS, patience: float | None = None) -> Engine:
    """Return an engine for a PostgreSQL URL; nothing is connected yet.

    `url` is postgresql://…, with or without a driver; behind a pooler prepared statements are off, so that PgBouncer in
    transaction mode works. Keep-alives and tcp_user_timeout bound every wait on a dead network, `patience` that on a
    silent one; without it a statement may take as long as the server lets it. `options` come on top of those that
    every connection has.
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
    event.listen(engine, "handle_error", _tell_no_values)
    timeouts.install(engine, f"{_ALWAYS} {options}", patience)
    pool.install(engine)
    return engine


def _tell_no_values(told: ExceptionContext) -> None:
    """Keep only the first sentence of what PostgreSQL says: its DETAIL and CONTEXT quote the row that did not fit."""
    ours, theirs = told.sqlalchemy_exception, told.original_exception
    if isinstance(theirs, psycopg.Error) and (sentence := theirs.diag.message_primary):
        if ours is not None:
            ours.args = tuple(str(words).replace(str(theirs), sentence) for words in ours.args)
        theirs.args = (sentence,)


@contextmanager
def session_scope(engine: Engine) -> Iterator[Session]:
    """Open a session, commit at the end, roll back on any error. Objects stay readable afterwards."""
    with Session(engine, expire_on_commit=False) as session, session.begin():
        yield session


def masked(url: str) -> str:
    """Return a URL without its password, for people and logs; libpq and redis-py take one among the options as well."""
    parsed = make_url(url)
    options = {name: "***" for name in parsed.query if "password" in name.lower()}
    return parsed.update_query_dict(options).render_as_string(hide_password=True)


def worker_options(lease_seconds: float) -> str:
    """Return options for workers: a frozen worker's open transaction blocks others no longer than a lease."""
    return f"{_LIMITS} -c idle_in_transaction_session_timeout={int(lease_seconds * 1000)}"


def has_tables(engine: Engine) -> bool:
    """Tell whether the database holds any table of anybody's."""
    return bool(inspect(engine).get_table_names())
