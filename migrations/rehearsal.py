"""A rehearsal of all changes of types on empty copies of the tables, undone at once.

An index, a constraint or a view may not fit the new type, and only PostgreSQL itself knows. Without a rehearsal it
would say so after earlier revisions are committed.
"""

from collections.abc import Iterator

import psycopg
import sqlalchemy as sa
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from migrations.dependents import VIEWS, quoted, to_change
from migrations.legacy.dependents import RETYPED
from migrations.legacy.facts import Facts
from migrations.report import Finding


def findings(connection: Connection, facts: Facts) -> Iterator[Finding]:
    """Yield the first change that PostgreSQL refuses. A role without the right to make temporary tables skips this."""
    changes: dict[str, dict[str, str]] = {}
    for revision, tables in RETYPED.items():
        for table, types in tables.items() if facts.revision < revision else ():
            due = to_change(connection, table, types)
            changes.setdefault(table, {}).update({column: types[column] for column in due})
    for title, statements in _script(connection, {table: types for table, types in changes.items() if types}):
        try:
            for statement in statements:
                connection.exec_driver_sql(statement)
        except DBAPIError as error:
            if not isinstance(error.orig, psycopg.errors.InsufficientPrivilege):
                reason = error.orig.diag.message_primary if isinstance(error.orig, psycopg.Error) else None
                yield Finding(
                    "Does not fit the new types",
                    f"A rehearsal of the revisions failed at {title}: {reason}.",
                    "Change what that names so that it fits, or take it away and create it again after the migration; "
                    "then run migrate again.",
                    blocks=True,
                )
            return


def _script(connection: Connection, changes: dict[str, dict[str, str]]) -> list[tuple[str, list[str]]]:
    """Return all statements before the first of them runs: a temporary table hides the real one from the catalog."""
    schema = quoted(connection.scalar(sa.text("SELECT current_schema()")) or "")
    script = []
    views: dict[int, tuple[str, str]] = {}
    for table, types in changes.items():
        statements = [f"CREATE TEMP TABLE {table} (LIKE {schema}.{table} INCLUDING ALL) ON COMMIT DROP"]
        for column, of_type in types.items():
            value = f"{column} AT TIME ZONE 'UTC'" if of_type == "timestamptz" else column
            statements.append(f"ALTER TABLE pg_temp.{table} ALTER COLUMN {column} TYPE {of_type} USING {value}")
        script.append((f"the table {table}", statements))
        for view in connection.execute(VIEWS, {"table": table, "columns": list(types)}):
            views.setdefault(
                view.oid, (f"the view {view.name}", f"CREATE TEMP VIEW {quoted(view.relname)} AS {view.query}")
            )
    return [*script, *((title, [statement]) for title, statement in views.values())]
