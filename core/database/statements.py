"""Statements that are made once: SQLAlchemy takes longer to put a statement together than PostgreSQL to answer it.

What differs from call to call is a `bindparam`; the function that makes the statement has `@cache`.
"""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session

Query = sa.Select[*tuple[Any, ...]]
Union = sa.CompoundSelect[*tuple[Any, ...]]


def fetch(session: Session, statement: Query | Union, **values: Any) -> Sequence[sa.Row[*tuple[Any, ...]]]:
    """Run a Core statement in the session's transaction, after a flush; `values` are its parameters."""
    session.flush()
    return session.connection().execute(statement, values).all()
