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

#: Refusals after which everything else is migrated all the same: a right, a schema or files that are missing, something
#: else of that name, a table that others hold.
_REFUSALS: Final = ("42501", "0A000", "58P01", "3F000", "42809", "55P03")
#: At the end of a script, which cannot know whether the extension may be had.
HINT: Final = f"\n-- Fast searches for a part of a name: CREATE EXTENSION pg_trgm; then run `{PROGRAM} migrate` once.\n"
_HOME = sa.text("""
    SELECT quote_ident(nspname) FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace WHERE extname = 'pg_trgm'
""")


def ensure(connection: Connection) -> str:
    """Create the indexes that are missing, and the extension if need be.

    Where PostgreSQL refuses that, change nothing, and return its words; empty: they are there.
    """
    if _are_there(connection):
        return ""
    try:
        with connection.begin_nested():
            connection.execute(sa.text("CREATE EXTENSION IF NOT EXISTS pg_trgm"))
            home = connection.execute(_HOME).scalar_one()
            for column, name in INDEXES.items():
                connection.execute(sa.text(f"DROP INDEX IF EXISTS {name}"))  # an invalid one
                of = f"({SEARCHED.format(column)}) {home.replace('%', '%%')}.gin_trgm_ops"
                connection.exec_driver_sql(f"CREATE INDEX {name} ON users USING gin ({of})")
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in _REFUSALS:
            raise
        return str(error.orig).splitlines()[0]
    return ""


def findings(refusal: str) -> Iterator[Finding]:
    """Yield a warning if `ensure` was refused."""
    if refusal:
        detail = f"Searches for a part of a name or address read all users; their indexes were refused: {refusal}."
        remedy = (
            "They need the extension pg_trgm: let an administrator run CREATE EXTENSION pg_trgm, or give what is "
            f"missing; then run `{PROGRAM} migrate`."
        )
        yield Finding("Searches without an index", detail, remedy, blocks=False)


def drop(connection: Connection) -> None:
    """Drop the indexes, for an older program; the extension stays, as others may use it."""
    for name in INDEXES.values():
        connection.execute(sa.text(f"DROP INDEX IF EXISTS {name}"))


def _are_there(connection: Connection) -> bool:
    with Session(connection) as session:
        return are_indexed(session)
