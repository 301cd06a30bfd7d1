"""A database as PostgreSQL describes it: its schema, in a comparable form, and its rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Connection

from core.database.engine import connect

SECRET = "a secret for tests"
Schema = dict[str, set[str]]
#: The tables that say which revision a database is at.
NOT_OURS = ("alembic_version", "unstuck_version")

_QUERIES = {
    "tables": """SELECT relname, reloptions FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace""",
    "columns": """SELECT relname, attname, format_type(atttypid, atttypmod), attnotnull, attidentity,
            pg_get_expr(adbin, adrelid)
        FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped""",
    # Those of letters are made where they can be: core/database/letters.py.
    "indexes": """SELECT tablename, indexname, indexdef FROM pg_indexes
        WHERE schemaname = 'public' AND indexname NOT LIKE 'ix\\_users\\_%\\_letters'""",
    "constraints": """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
        FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'""",
    "triggers": "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal",
    "functions": """SELECT proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')""",
}


def schema_of(url: str) -> Schema:
    """Return everything that makes up the schema, except alembic's own table and the order of columns."""
    with psycopg.connect(url) as connection:
        return {
            part: {repr(row) for row in connection.execute(query) if row[0] not in NOT_OURS}
            for part, query in _QUERIES.items()
        }


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    """Open one SQLAlchemy connection, and leave none behind."""
    engine = connect(url)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


def rows(url: str, query: str) -> list[dict[str, Any]]:
    """Return a query's rows, times in UTC."""
    with psycopg.connect(url, row_factory=dict_row) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query).fetchall()


def by_id(url: str, table: str) -> dict[Any, dict[str, Any]]:
    """Return a table's rows by their id."""
    return {row["id"]: row for row in rows(url, f"SELECT * FROM {table}")}


def execute(url: str, *statements: str) -> int:
    """Run statements, each in a transaction of its own; return how many rows the last one has met."""
    met = 0
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            met = connection.execute(statement).rowcount
    return met
