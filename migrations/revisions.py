"""The revisions of this program, and single moves between them; all that touches alembic is here."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from core.errors import Unusable

#: Alembic's word for a database before its first revision.
BASE = "base"
HEAD = "head"


@dataclass(frozen=True)
class Revision:
    """One revision: its id, and the first line of what it says of itself."""

    id: str
    says: str


@lru_cache
def path() -> tuple[Revision, ...]:
    """Return all revisions, first to last; their ids are in alphabetical order."""
    script = ScriptDirectory.from_config(_config())
    return tuple(Revision(r.revision, r.doc) for r in reversed(list(script.walk_revisions())))


def head() -> str:
    """Return the last revision's id."""
    return path()[-1].id


def known(name: str) -> str:
    """Return the revision's id for a name that a person may give, or an empty string for base.

    Raises Unusable when there is no such revision.
    """
    names = {BASE: "", HEAD: head()} | {revision.id: revision.id for revision in path()}
    if name not in names:
        raise Unusable(
            f"There is no revision {name!r}; there are {BASE}, {', '.join(r.id for r in path())} and {HEAD}."
        )
    return names[name]


def between(low: str, high: str) -> Sequence[Revision]:
    """Return the revisions after `low`, up to and with `high`."""
    return [revision for revision in path() if low < revision.id <= high]


def of(connection: Connection) -> str:
    """Return the revision a database is at; empty when at none."""
    return MigrationContext.configure(connection).get_current_revision() or ""


def go_up(connection: Connection, to: str, cipher: object) -> None:
    """Apply one revision within the connection's transaction."""
    command.upgrade(_config(connection=connection, cipher=cipher), to)


def go_down(connection: Connection, at: str, cipher: object) -> None:
    """Undo the revision the database is at, within the connection's transaction."""
    below = [revision.id for revision in path() if revision.id < at]
    command.downgrade(_config(connection=connection, cipher=cipher), below[-1] if below else BASE)


def as_sql(start: str) -> str:
    """Return the SQL from revision `start` to head."""
    text = io.StringIO()
    command.upgrade(_config(text), f"{start or BASE}:{HEAD}", sql=True)
    return text.getvalue()


def _config(output: io.StringIO | None = None, **attributes: Any) -> Config:
    config = Config(output_buffer=output, attributes=attributes)
    # Alembic's options are read with interpolation: a % in the path would be taken for one.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
