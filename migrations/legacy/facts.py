"""Facts about a database, read from its catalog; the other modules judge them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy import Connection

from core.database.version import VERSION_TABLE
from migrations.revisions import FORMER_TABLE, path

#: Columns that `background_jobs` has had since its first revision, and no other program's table has.
_OUR_JOBS = {"kind", "queue", "machine", "came_from", "token", "error_fingerprint"}
_SERVER = sa.text(
    """SELECT current_setting('server_version_num')::int AS version, current_setting('server_version') AS version_text,
        current_user AS role, current_database() AS database, current_schema() AS schema,
        pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only')::bool AS read_only,
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create"""
)
_TABLES = sa.text(
    """SELECT relname AS name, relkind IN ('r', 'p') AS is_table, pg_get_userbyid(relowner) AS owner,
        pg_has_role(relowner, 'USAGE') AS is_ours, has_table_privilege(c.oid, 'SELECT') AS readable,
        EXISTS (SELECT FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p' AND cardinality(conkey) = 1 AND
            (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = conkey[1]) = 'id') AS has_key,
        row_security_active(c.oid) AS is_filtered
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace AND nspname = current_schema()
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f')"""
)
_COLUMNS = sa.text(
    """SELECT relname AS table, attname AS name, format_type(atttypid, NULL) AS type
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    JOIN pg_namespace n ON n.oid = relnamespace AND nspname = current_schema()
    WHERE relkind IN ('r', 'p') AND attnum > 0 AND NOT attisdropped"""
)


@dataclass(frozen=True)
class Table:
    """One table, view or the like; `columns` maps names to types without lengths."""

    name: str
    is_table: bool
    owner: str
    #: Whether the role owns it, directly or as a member of the owner: only owners may alter it.
    is_ours: bool
    readable: bool
    #: A primary key of the column id alone.
    has_key: bool
    #: Whether row level security may hide rows from the role.
    is_filtered: bool = False
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Facts:
    """One server, role, schema and its tables; `revisions` is the content of our version table."""

    version: int
    version_text: str
    role: str
    database: str
    #: None if the role may use no schema in its search path.
    schema: str | None
    standby: bool
    read_only: bool
    may_create: bool
    tables: Mapping[str, Table]
    revisions: tuple[str, ...] = ()
    #: Whether the revisions are still in the table that earlier releases used.
    carries_over: bool = False
    #: The search path's schemas that exist; a migration uses the first.
    schemas: tuple[str, ...] = ()
    #: The one schema of the search path, whether it exists or not.
    named_schema: str | None = None

    @property
    def revision(self) -> str:
        """Return the current revision; an empty string without one."""
        return max(self.revisions, default="")

    def has(self, *columns: str) -> bool:
        """Return whether every `table.column` exists and is readable."""
        pairs = [column.split(".") for column in columns]
        return all(
            (table := self.tables.get(name)) is not None and table.readable and column in table.columns
            for name, column in pairs
        )


def read(connection: Connection) -> Facts:
    """Read the facts of the connection's current schema."""
    server = connection.execute(_SERVER).mappings().one()
    tables = _tables(connection) if server["schema"] else {}
    own, former = tables.get(VERSION_TABLE), tables.get(FORMER_TABLE)
    carries_over = own is None and former is not None and _is_ours(connection, former, tables)
    revisions = _revisions(connection, former if carries_over else own)
    return Facts(
        **server,
        tables=tables,
        revisions=revisions,
        carries_over=carries_over,
        schemas=connection.info.get("schemas", ()),
        named_schema=connection.info.get("named_schema"),
    )


def _tables(connection: Connection) -> Mapping[str, Table]:
    columns: dict[str, dict[str, str]] = {}
    for row in connection.execute(_COLUMNS):
        columns.setdefault(row.table, {})[row.name] = row.type
    rows = connection.execute(_TABLES).mappings()
    return {row["name"]: Table(**row, columns=columns.get(row["name"], {})) for row in rows}


def _is_ours(connection: Connection, former: Table, tables: Mapping[str, Table]) -> bool:
    """Tell whether `alembic_version` is of an earlier release: our revisions, and our jobs beside them.

    Another program may use the same numbers. At revision 0001 there are no jobs yet, and starting again does no harm.
    """
    jobs = tables.get("background_jobs")
    known = {revision.id for revision in path()}
    return jobs is not None and jobs.columns.keys() >= _OUR_JOBS and known.issuperset(_revisions(connection, former))


def _revisions(connection: Connection, table: Table | None) -> tuple[str, ...]:
    if not table or not table.readable or "version_num" not in table.columns:
        return ()
    return tuple(connection.scalars(sa.text(f"SELECT version_num FROM {table.name}")))  # noqa: S608 - ours or Alembic's
