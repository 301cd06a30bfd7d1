"""Checks of what surrounds the tables: inheritance, row level security, required columns of others, names in use."""

from collections.abc import Iterator, Mapping

import sqlalchemy as sa
from sqlalchemy import Connection
from sqlmodel import SQLModel

import core.models
from migrations.dependents import OURS
from migrations.legacy.facts import Facts
from migrations.legacy.shape import ADDED, ELSEWHERE, LEGACY
from migrations.report import Finding

assert core.models.__all__, "imported so that SQLModel.metadata knows every table"

_SETTLES_TYPES = "0007"
_SETTLES_TIMES = "0009"
#: Indexes of the legacy product that revisions replace.
_FORMER_INDEXES = {
    "ix_users_name_lower": "users",
    "ix_users_email_prefix": "users",
    "ix_users_email": "users",
    "ix_platform_connections_user_id": "platform_connections",
    "ix_interactions_user_id": "interactions",
}
_RELATED = sa.text(
    """SELECT DISTINCT t.name,
        CASE WHEN inhparent = to_regclass(t.name) THEN inhrelid ELSE inhparent END::regclass::text AS other
    FROM unnest(CAST(:tables AS text[])) t(name)
    JOIN pg_inherits ON to_regclass(t.name) IN (inhparent, inhrelid) ORDER BY 1, 2"""
)
_ROW_TYPES = sa.text(
    """SELECT t.name, a.attrelid::regclass::text || '.' || attname AS column
    FROM unnest(CAST(:tables AS text[])) t(name) JOIN pg_class c ON c.oid = to_regclass(t.name)
    JOIN pg_type y ON y.oid = c.reltype JOIN pg_attribute a ON atttypid IN (y.oid, y.typarray) AND NOT attisdropped
    ORDER BY 1, 2"""
)
_REQUIRED = sa.text(
    """SELECT t.name, attname AS column FROM unnest(CAST(:tables AS text[])) t(name)
    JOIN pg_attribute ON attrelid = to_regclass(t.name) AND attnum > 0 AND NOT attisdropped
    WHERE attnotnull AND NOT atthasdef AND attidentity = '' ORDER BY 1, attnum"""
)
_RELATIONS = sa.text(
    """SELECT c.relname AS name, CASE relkind WHEN 'i' THEN 'index' WHEN 'I' THEN 'index' WHEN 'S' THEN 'sequence'
        WHEN 'v' THEN 'view' ELSE 'table' END AS kind, indrelid::regclass::text AS table
    FROM pg_class c LEFT JOIN pg_index ON indexrelid = c.oid
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema())) AND c.relname = ANY(:names) ORDER BY 1"""
)
_TYPES = sa.text(
    """SELECT typname FROM pg_type WHERE typnamespace = to_regnamespace(quote_ident(current_schema()))
    AND typname = ANY(:names) AND typtype <> 'c' AND typcategory <> 'A' ORDER BY 1"""
)
_FUNCTIONS = sa.text(
    """SELECT proname FROM pg_proc WHERE pronamespace = to_regnamespace(quote_ident(current_schema()))
    AND proname = ANY(:names) ORDER BY 1"""
)
#: The functions behind the triggers of append-only tables.
_TRIGGER_FUNCTIONS = (
    "refuse_to_rewrite",
    "events_may_go",
    "audit_seals_may_go",
    "audit_seals_only_new",
    "audit_checkpoints_only_forward",
)
_CONSTRAINTS = sa.text(
    """SELECT conname AS name, conrelid::regclass::text AS table, pg_get_constraintdef(c.oid) AS definition
    FROM pg_constraint c LEFT JOIN pg_attribute a ON attrelid = conrelid AND attnum = conkey[1]
    WHERE connamespace = to_regnamespace(quote_ident(current_schema())) AND conname = ANY(:names)
        AND NOT (contype = 'f' AND conname = 'fk_' || conrelid::regclass || '_' || attname) ORDER BY 1"""
)


def filtered(facts: Facts) -> Iterator[Finding]:
    """Yield each table whose rows the role may not see all: no check of rows would be right."""
    for name in LEGACY if facts.revision < _SETTLES_TIMES else ():
        if (table := facts.tables.get(name)) and table.is_filtered:
            yield Finding(
                "Row level security",
                f"{name} has row level security, which hides rows from {facts.role}: nothing can be said about them.",
                f'Let this role see all: ALTER ROLE "{facts.role}" BYPASSRLS (as a superuser), or ALTER TABLE {name} '
                "NO FORCE ROW LEVEL SECURITY (as its owner); then run migrate again.",
                blocks=True,
            )


def findings(connection: Connection, facts: Facts) -> Iterator[Finding]:
    """Yield what surrounds the tables and would stop a revision, or the program afterwards."""
    tables = {"tables": [name for name in LEGACY if name in facts.tables]}
    if facts.revision < _SETTLES_TIMES:
        yield from _related(connection, tables)
    if facts.revision < _SETTLES_TYPES:
        yield from _required(connection, tables)
        yield from _names(connection, facts)


def _related(connection: Connection, tables: Mapping[str, list[str]]) -> Iterator[Finding]:
    for row in connection.execute(_RELATED, tables):
        yield Finding(
            "Inheritance or partitions",
            f"{row.name} and {row.other} are parent and child by inheritance or partitioning.",
            f"Copy the rows into one plain table {row.name}, or detach {row.other}; then run migrate again.",
            blocks=True,
        )
    for row in connection.execute(_ROW_TYPES, tables):
        yield Finding(
            "A column of the table's row type",
            f"{row.column} stores whole rows of {row.name}, whose columns get other types.",
            "Change that column to jsonb, with to_jsonb(); then run migrate again.",
            blocks=True,
        )


def _required(connection: Connection, tables: Mapping[str, list[str]]) -> Iterator[Finding]:
    for row in connection.execute(_REQUIRED, tables):
        model = SQLModel.metadata.tables[row.name].columns
        if row.column not in {*LEGACY[row.name], *ADDED.get(row.name, ()), *model.keys()}:
            yield Finding(
                "A required column of another program",
                f'{row.name}."{row.column}" is NOT NULL without a default, and Unstuck does not fill it: it could add '
                f"no row to {row.name}.",
                f'Give it a default (ALTER TABLE {row.name} ALTER COLUMN "{row.column}" SET DEFAULT …), or allow NULL; '
                "then run migrate again.",
                blocks=True,
            )


def _names(connection: Connection, facts: Facts) -> Iterator[Finding]:
    indexes, foreign_keys = dict(_FORMER_INDEXES), set()
    for table in SQLModel.metadata.tables.values():
        indexes |= {str(index.name): table.name for index in table.indexes}
        for constraint in table.constraints:
            if isinstance(constraint, sa.ForeignKeyConstraint):
                foreign_keys.add(str(constraint.name))
            elif not isinstance(constraint, sa.CheckConstraint):
                indexes[str(constraint.name)] = table.name
    for row in connection.execute(_RELATIONS, {"names": list(indexes)}):
        if row.kind != "index" or row.table != indexes[row.name]:
            yield _taken(f"the {row.kind} {row.name}{f' on {row.table}' if row.table else ''}")
    for row in connection.execute(_CONSTRAINTS, {"names": list(foreign_keys)}):
        yield _taken(f"the constraint {row.name} on {row.table}: {row.definition}")
    new = [name for name in SQLModel.metadata.tables if name not in facts.tables]
    for name in connection.scalars(_TYPES, {"names": new}):
        yield _taken(f"the type {name}")
    if not facts.revision:
        for name in connection.scalars(_FUNCTIONS, {"names": [*OURS, *_TRIGGER_FUNCTIONS]}):
            yield _taken(f"the function {name}")


def _taken(which: str) -> Finding:
    detail = f"A revision needs a name that is taken by {which}."
    return Finding("A name is taken", detail, ELSEWHERE, blocks=True)
