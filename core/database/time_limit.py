"""A limit of time for the reading of what may take minutes, and whose answer somebody waits for."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlmodel import Session


class TookTooLong(Exception):
    """A statement reached the limit; the transaction goes on as if it had not been tried."""


@contextmanager
def time_limit(session: Session, milliseconds: int) -> Iterator[None]:
    """Raise TookTooLong where a statement takes longer; what is set or written meanwhile is undone in any case."""
    savepoint = session.begin_nested()
    try:
        limit = sa.func.set_config("statement_timeout", str(milliseconds), sa.true())
        session.connection().execute(sa.select(limit))
        yield
    except OperationalError as error:
        if type(error.orig).__name__ != "QueryCanceled":
            raise
        raise TookTooLong from error
    finally:
        savepoint.rollback()
