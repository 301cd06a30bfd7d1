"""The indexes of the letters of users' names and addresses, wherever PostgreSQL's extension pg_trgm may be had.

No revision makes them, as a database without them is complete: each `migrate` at head looks whether it can make them.
"""

from collections.abc import Iterator
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from core.database.letters import INDEXES, are_indexed
from core.models.user import SEARCHED
from core.wording import PROGRAM
from migrations.report import Finding

#: Refusals of a database where the extension may not be had: a right, or its files.
_REFUSALS: Final = ("42501", "0A000", "58P01", "3F000")
_HOME = sa.text("""
    SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm'
""")


def ensure(connection: Connection) -> None:
    """Create the indexes that are missing, and the extension if need be; where that is refused, change nothing."""
    if _are_there(connection):
        return
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            home = connection.execute(_HOME).scalar_one()
            for column, name in INDEXES.items():
                connection.execute(sa.text(f"DROP INDEX IF EXISTS {name}"))  # an invalid one
                of = f"({SEARCHED.format(column)}) {home}.gin_trgm_ops"
                connection.exec_driver_sql(f"CREATE INDEX {name} ON users USING gin ({of})")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _REFUSALS:
            raise


def findings(connection: Connection) -> Iterator[Finding]:
    """Yield a warning if a database at head has not got the indexes."""
    if not _are_there(connection):
        detail = "Searches for a part of a name or address read all users: the extension pg_trgm is not to be had."
        remedy = f"To make them fast, let an administrator run CREATE EXTENSION pg_trgm; then run `{PROGRAM} migrate`."
        yield Finding("Searches without an index", detail, remedy, blocks=False)


def drop(connection: Connection) -> None:
    """Drop the indexes, for an older program; the extension stays, as others may use it."""
    for name in INDEXES.values():
        connection.execute(sa.text(f"DROP INDEX IF EXISTS {name}"))


def _are_there(connection: Connection) -> bool:
    with Session(connection) as session:
        return are_indexed(session)
