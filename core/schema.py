"""Does this program fit its database? Its revision and the tables and columns that the models name are compared."""

import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import SQLModel

import core.models
from core.database.version import VERSION_TABLE
from core.errors import Unusable

assert core.models.__all__, "imported so that SQLModel.metadata knows every table"

#: The last revision that this program knows; a test compares it with the migrations.
REVISION = "0044"
#: The oldest revision that this program works with: only *post* revisions, which tidy up, come after it.
OLDEST = "0044"
#: Seconds between two looks at a database that does not fit yet.
PAUSE = 1.0

_TABLES = [table.name for table in SQLModel.metadata.sorted_tables]
_COLUMNS = {f"{table.name}.{column.name}" for table in SQLModel.metadata.sorted_tables for column in table.columns}
_HAS_VERSION = text("SELECT to_regclass(:name) IS NOT NULL")
_VERSION = text(f"SELECT max(version_num) FROM {VERSION_TABLE}")  # noqa: S608 - a constant of ours
_SHAPE = text("""
    SELECT needed || '.' || attname FROM unnest(CAST(:tables AS text[])) needed
    JOIN pg_attribute ON attrelid = to_regclass(needed) AND attnum > 0 AND NOT attisdropped
""")


def revision_of(connection: Connection) -> str | None:
    """Return the database's revision; None without one."""
    if not connection.execute(_HAS_VERSION, {"name": VERSION_TABLE}).scalar_one():
        return None
    revision: str | None = connection.execute(_VERSION).scalar_one()
    return revision


def misfit(connection: Connection) -> str | None:
    """Return one sentence about what this program lacks in the database, and what to run; None if it can work.

    A newer database that has all tables and columns fits: during a rolling upgrade, running processes go on.
    """
    revision = revision_of(connection)
    if revision is None:
        return "The database has no tables of Unstuck yet. Run: unstuck migrate"
    if revision < OLDEST:
        return f"The database is at revision {revision}, and this program needs {REVISION}. Run: unstuck migrate"
    if missing := sorted(_COLUMNS - set(connection.execute(_SHAPE, {"tables": _TABLES}).scalars())):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return f"The database lacks the column {missing[0]}{more}. Run: unstuck migrate --check"
    return None


def refusal(connection: Connection) -> str | None:
    """Return one sentence about why no process starts on this database, and what to do; None if one may start."""
    revision = revision_of(connection)
    if revision is not None and revision > REVISION:
        return (
            f"The database is at revision {revision}, newer than this program, which knows {REVISION}. "
            "Start the release whose `unstuck migrate` was run here."
        )
    return misfit(connection)


def require_fit(engine: Engine, wait: Callable[[str], None] | None) -> None:
    """Raise Unusable if no process may start on this database; with `wait`, tell it each reason once, and wait."""
    said = None
    while (reason := _reason(engine, waiting=wait is not None)) is not None:
        if wait is None:
            raise Unusable(reason)
        if reason != said:
            wait(reason)
            said = reason
        time.sleep(PAUSE)


def _reason(engine: Engine, *, waiting: bool) -> str | None:
    try:
        with engine.connect() as connection:
            return refusal(connection)
    except OperationalError:
        if not waiting:
            raise
        return "The database does not answer yet. Check DATABASE_URL and that the server is running."
