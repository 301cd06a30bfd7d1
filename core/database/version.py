"""The table that holds the revision: our own, since another program's Alembic may use `alembic_version`."""

from typing import Final

VERSION_TABLE: Final = "unstuck_version"
