"""One database for many tests of a process, as new for each: its engine stays, and with it all that it has compiled.

A database of its own costs a test 30 ms, a new engine on it ten times that: connections, and the SQL of each statement.
"""

from dataclasses import dataclass
from uuid import uuid4

import psycopg
from sqlalchemy import Engine, make_url

from core.database.engine import connect

#: Bytes that a template's tables and indexes may have grown by; a larger database would be planned for differently.
GROWTH = 4_000_000

#: All that a test may have changed besides rows, and who else is still connected.
_STATE = """
    WITH own AS (SELECT oid, xmin FROM pg_class WHERE relnamespace = 'public'::regnamespace)
    SELECT (SELECT string_agg(concat_ws(' ', part, number, latest), ', ') FROM (
        SELECT 'class' AS part, count(*) AS number, max(xmin::text::bigint) AS latest FROM own
        UNION ALL SELECT 'attribute', count(*), max(xmin::text::bigint) FROM pg_attribute
            WHERE attrelid IN (SELECT oid FROM own)
        UNION ALL SELECT 'constraint', count(*), max(xmin::text::bigint) FROM pg_constraint WHERE oid >= 16384
        UNION ALL SELECT 'trigger', count(*), max(xmin::text::bigint) FROM pg_trigger
        UNION ALL SELECT 'function', count(*), max(xmin::text::bigint) FROM pg_proc WHERE oid >= 16384
        UNION ALL SELECT 'schema', count(*), 0 FROM pg_namespace WHERE nspname !~ '^pg_'
        UNION ALL SELECT 'on event', count(*), 0 FROM pg_event_trigger
        UNION ALL SELECT 'setting', count(*), 0 FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase
            WHERE datname = current_database()
    ) parts) AS shape,
    (SELECT sum(pg_relation_size(oid)) FROM own) AS size,
    (SELECT count(*) FROM pg_stat_activity
     WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()) AS others
"""
_TABLES = "SELECT format('DELETE FROM %I', relname) FROM pg_class WHERE relnamespace = 'public'::regnamespace \
    AND relkind = 'r' AND relname <> 'unstuck_version'"
_SEQUENCES = "SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"


@dataclass
class Recycled:
    """A database with all tables and no rows, its engine, and a superuser's connection that empties it."""

    name: str
    url: str
    engine: Engine
    janitor: psycopg.Connection
    shape: str
    size: int
    delete: str

    def is_as_new(self) -> bool:
        """Delete all rows; return False where more than rows has changed, or something else is still connected."""
        shape, size, others = self._state()
        pool = self.engine.pool
        if shape != self.shape or size > self.size + GROWTH or pool.checkedout() or others > pool.checkedin():  # type: ignore[attr-defined]
            return False
        try:
            self.janitor.execute(self.delete)
        except psycopg.errors.LockNotAvailable:
            return False
        self.janitor.execute(_SEQUENCES)
        return True

    def _state(self) -> tuple[str, int, int]:
        return self.janitor.execute(_STATE).fetchone()  # type: ignore[return-value]


class Recycler:
    """Lends a process's database to one test after the other."""

    def __init__(self, server: str, template: str) -> None:
        self._server, self._template = server, template
        self._database: Recycled | None = None

    def lend(self) -> Recycled:
        """Return a database with all tables and no rows."""
        if self._database is None:
            self._database = self._make()
        return self._database

    def take_back(self) -> None:
        """Empty the database for the next test, or drop it."""
        if self._database and not self._database.is_as_new():
            self.close()

    def close(self) -> None:
        """Drop the database."""
        if self._database:
            self._database.engine.dispose()
            self._database.janitor.close()
            with psycopg.connect(self._server, autocommit=True) as connection:
                connection.execute(f"DROP DATABASE {self._database.name} WITH (FORCE)")
        self._database = None

    def _make(self) -> Recycled:
        name = f"test_{uuid4().hex}"
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        url = make_url(self._server).set(database=name).render_as_string()
        janitor = psycopg.connect(url, autocommit=True)
        # Events are append-only, and rows of tables that refer to each other go in any order.
        janitor.execute("SET session_replication_role = replica; SET lock_timeout = '500ms'")
        delete = "; ".join(statement for (statement,) in janitor.execute(_TABLES))
        shape, size, _ = janitor.execute(_STATE).fetchone()  # type: ignore[misc]
        return Recycled(name, url, connect(url), janitor, shape, size, delete)
