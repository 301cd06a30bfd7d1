"""Drift: a database at head whose schema differs from the models."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect
from sqlmodel import SQLModel

import core.models
from migrations.report import Finding

assert core.models.__all__, "imported so that SQLModel.metadata knows every table"


def findings(connection: Connection) -> Iterator[Finding]:
    """Yield everything that the database lacks or has differently from the models; additions are ignored."""
    differences = sorted({*_differences(connection), *_missing_indexes(connection)})
    if differences:
        yield Finding(
            "Changed by hand",
            f"The database is at head, but its schema differs: {'; '.join(differences)}.",
            "Repair it as described in docs/migrations.md, or restore the schema from a backup.",
            blocks=True,
        )


def _differences(connection: Connection) -> Iterator[str]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": _is_no_index})
    with _without_warnings():
        entries = compare_metadata(context, SQLModel.metadata)
    for entry in entries:
        for change in entry if isinstance(entry, list) else [entry]:
            yield from _described(change)


@contextmanager
def _without_warnings() -> Iterator[None]:
    # Alembic and SQLAlchemy warn that they cannot compare operator classes; indexes are compared by name instead.
    with warnings.catch_warnings(action="ignore", category=UserWarning):
        yield


def _described(change: tuple[Any, ...]) -> Iterator[str]:
    match change:
        case ("add_table", table):
            yield f"the table {table.name} is missing"
        case ("add_column", _, table, column):
            yield f"the column {table}.{column.name} is missing"
        case ("add_constraint" | "add_fk", constraint):
            yield f"the constraint {constraint.name} is missing"
        case ("modify_type" | "modify_nullable", _, table, column, *_):
            yield f"the column {table}.{column} has another type or allows NULL"


def _is_no_index(_object: object, _name: str | None, kind: str, *_rest: object) -> bool:
    return kind != "index"


def _missing_indexes(connection: Connection) -> Iterator[str]:
    inspector = inspect(connection)
    present = set(inspector.get_table_names())
    for table in SQLModel.metadata.sorted_tables:
        if table.name in present:
            with _without_warnings():
                existing = {index["name"] for index in inspector.get_indexes(table.name)}
            yield from (f"the index {index.name} is missing" for index in table.indexes if index.name not in existing)
