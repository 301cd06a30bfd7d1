"""The revision of the tables, in a table of our own: another program's Alembic may use `alembic_version`."""

from typing import Final

from sqlalchemy import Connection, text

VERSION_TABLE: Final = "unstuck_version"


def revision(connection: Connection) -> str | None:
    """Return the database's revision. Raises SQLAlchemy's error if it was never migrated."""
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608 - a constant
    return found
