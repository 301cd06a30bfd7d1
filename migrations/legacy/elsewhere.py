"""The legacy product's tables where no revision would look: in another schema, or under another spelling."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from migrations.legacy.facts import Facts
from migrations.legacy.shape import IDENTITY, LEGACY, plain_name
from migrations.report import Finding

_COLUMNS = sa.text(
    """SELECT nspname AS schema, relname AS table, array_agg(attname::text) AS columns
    FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace JOIN pg_attribute ON attrelid = c.oid AND attnum > 0
    WHERE nspname = ANY(:schemas) AND relname = ANY(:tables) AND relkind IN ('r', 'p') GROUP BY 1, 2"""
)


def findings(connection: Connection, facts: Facts) -> Iterator[Finding]:
    """Yield the places of legacy tables, where a migration would make empty ones instead."""
    if facts.revision or any(name in facts.tables for name in LEGACY):
        return
    spelled = {name for name in facts.tables if plain_name(name) in {plain_name(legacy) for legacy in LEGACY}}
    if spelled:
        names = ", ".join(f'"{name}"' for name in sorted(spelled))
        yield Finding(
            "Tables with another spelling",
            f"There are no {', '.join(LEGACY)}, but {names}: if these are the legacy product's tables, new empty ones "
            "would be made beside them.",
            "Copy them to the names above; or, for an empty start, use a schema of its own with UNSTUCK_SCHEMA.",
            blocks=True,
        )
    for schema in _with_all_tables(connection, list(facts.schemas[1:])):
        yield Finding(
            "Legacy tables in another schema",
            f"The legacy product's tables are in the schema {schema}, but {facts.schema} comes first in the search "
            "path: new empty ones would be made there.",
            f"Set UNSTUCK_SCHEMA={schema} to migrate these tables, or UNSTUCK_SCHEMA={facts.schema} for an empty "
            "start.",
            blocks=True,
        )


def _with_all_tables(connection: Connection, schemas: list[str]) -> list[str]:
    present: dict[str, set[str]] = {}
    for row in connection.execute(_COLUMNS, {"schemas": schemas, "tables": list(LEGACY)}):
        if set(IDENTITY[row.table]) <= set(row.columns):
            present.setdefault(row.schema, set()).add(row.table)
    return [schema for schema in schemas if present.get(schema, set()) == set(LEGACY)]
