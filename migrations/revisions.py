"""The revisions of this program and single steps between them; all calls to alembic are here."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationStep
from alembic.script import Script, ScriptDirectory
from sqlalchemy import Connection, text

from core.database.version import VERSION_TABLE
from core.errors import Unusable

#: Alembic's name for a database before its first revision.
BASE = "base"
HEAD = "head"
#: The table of earlier releases, which other programs use too. It stays: a console of that release still reads it.
FORMER_TABLE = "alembic_version"
CARRY_OVER = (
    f"""CREATE TABLE {VERSION_TABLE} (version_num varchar(32) NOT NULL,
        CONSTRAINT {VERSION_TABLE}_pkc PRIMARY KEY (version_num))""",
    f"INSERT INTO {VERSION_TABLE} (version_num) SELECT version_num FROM {FORMER_TABLE}",  # noqa: S608 - constants
)


@dataclass(frozen=True)
class Revision:
    """One revision: its id and the first line of its docstring."""

    id: str
    summary: str


@lru_cache
def path() -> tuple[Revision, ...]:
    """Return all revisions, first to last; their ids are in alphabetical order."""
    return tuple(Revision(script.revision, script.doc) for script in scripts())


def scripts() -> list[Script]:
    """Return the files of all revisions, first to last."""
    return list(reversed(list(_scripts().walk_revisions())))


def head() -> str:
    """Return the last revision's id."""
    return path()[-1].id


def resolve(name: str) -> str:
    """Return the revision id of a name given by a person; an empty string for base.

    Raises Unusable if there is no such revision.
    """
    names = {BASE: "", HEAD: head()} | {revision.id: revision.id for revision in path()}
    if name not in names:
        raise Unusable(f"There is no revision {name!r}. Known: {BASE}, {', '.join(r.id for r in path())} and {HEAD}.")
    return names[name]


def between(low: str, high: str) -> Sequence[Revision]:
    """Return the revisions after `low`, up to and with `high`."""
    return [revision for revision in path() if low < revision.id <= high]


def of(connection: Connection) -> str:
    """Return a database's current revision; an empty string without one."""
    if not has_table(connection):
        return ""
    return connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}")) or ""  # noqa: S608 - a constant


def go_up(connection: Connection, to: str, cipher: object) -> None:
    """Apply one revision within the connection's transaction."""
    scripts = _scripts()
    _run(connection, MigrationStep.upgrade_from_script(scripts.revision_map, scripts.get_revision(to)), cipher)


def go_down(connection: Connection, at: str, cipher: object) -> None:
    """Undo the database's current revision within the connection's transaction."""
    scripts = _scripts()
    _run(connection, MigrationStep.downgrade_from_script(scripts.revision_map, scripts.get_revision(at)), cipher)


def has_table(connection: Connection) -> bool:
    """Return whether the database has our own version table."""
    return connection.scalar(text("SELECT to_regclass(:table)"), {"table": VERSION_TABLE}) is not None


def carry_over(connection: Connection) -> None:
    """Give a database of an earlier release, whose revision is in `alembic_version`, our own table."""
    for statement in CARRY_OVER:
        connection.execute(text(statement))


def as_sql(start: str, *, carries_over: bool) -> str:
    """Return the SQL from revision `start` to head, after that which carries over its revision."""
    output = io.StringIO()
    if carries_over:
        output.write("".join(f"{statement};\n\n" for statement in CARRY_OVER))
    command.upgrade(_config(output), f"{start or BASE}:{HEAD}", sql=True)
    return output.getvalue()


def _run(connection: Connection, step: MigrationStep, cipher: object) -> None:
    config = _config(connection=connection, cipher=cipher)
    with EnvironmentContext(config, _scripts(), fn=lambda _revision, _context: [step]):
        _scripts().run_env()


@lru_cache
def _scripts() -> ScriptDirectory:
    """Return the revisions' files, each loaded once; alembic's commands would load all of them for each step."""
    return ScriptDirectory.from_config(_config())


def _config(output: io.StringIO | None = None, **attributes: Any) -> Config:
    config = Config(output_buffer=output, attributes=attributes)
    # Alembic interpolates its options, so a % in the path must be escaped.
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
