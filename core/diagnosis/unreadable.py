"""The rows that this release cannot read in full, as one SQL query that follows from the tables.

Another program or another release wrote them: a time beyond the calendar, JSON that is no object, a state or a kind of
job that is unknown here. Lists show them beside the others, and no code acts on them.
"""

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from sqlmodel import Session, SQLModel

from core.models.columns import EnumText, JsonObject
from core.operations import BY_NAME

#: Rows shown of each table.
SHOWN = 20
#: How long a job of an unknown kind may have been due: workers of the newer release start within it.
PATIENCE = "10 minutes"


def unreadable_rows() -> str:
    """Return the query: table, id, and the names of the columns that cannot be read."""
    return " UNION ALL ".join(
        f"(SELECT '{table.name}' AS in_table, {_key(table)} AS id, {_named(faults)} AS unreadable"  # noqa: S608
        f" FROM {table.name} WHERE {' OR '.join(f'({condition})' for condition in faults.values())} LIMIT {SHOWN})"
        for table in SQLModel.metadata.sorted_tables
        if (faults := {**dict(_faults(table)), **_unknown_kinds(table)})
    )


def unknown_kinds(session: Session) -> list[tuple[str, int]]:
    """Return the kinds of due jobs that no worker of this release knows, each with the number of these jobs."""
    rows = session.connection().execute(_UNKNOWN_KINDS, {"known": list(BY_NAME), "shown": SHOWN})
    return [(row.kind, row.jobs) for row in rows]


_UNKNOWN_KINDS = sa.text("""
    SELECT kind, count(*) AS jobs FROM background_jobs
    WHERE status = 'queued' AND run_at <= statement_timestamp() AND kind <> ALL (CAST(:known AS text[]))
    GROUP BY kind ORDER BY kind LIMIT :shown
""")


def _faults(table: sa.Table) -> Iterator[tuple[str, str]]:
    for column in table.columns:
        name = column.name
        if isinstance(column.type, sa.DateTime):
            yield name, f"{name} NOT BETWEEN '0001-01-02' AND '9999-12-30'"
        elif isinstance(column.type, JsonObject):
            yield name, f"jsonb_typeof({name}) NOT IN ('object', 'null')"
        elif isinstance(column.type, EnumText):
            yield name, f"{name} NOT IN ({_listed(column.type.states)})"


def _unknown_kinds(table: sa.Table) -> dict[str, str]:
    """Return the condition for a kind that is unknown here; a job of a newer release waits for its workers at first."""
    if "kind" not in table.columns or table.name not in ("background_jobs", "schedules"):
        return {}
    waited = f"run_at < statement_timestamp() - interval '{PATIENCE}' AND status IN ('queued', 'running') AND "
    live = waited if "status" in table.columns else ""
    return {"kind": f"{live}kind NOT IN ({_listed(BY_NAME)})"}


def _listed(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def _key(table: sa.Table) -> str:
    return f"concat_ws(' ', {', '.join(f'left({column.name}::text, 100)' for column in table.primary_key)})"


def _named(faults: dict[str, str]) -> str:
    cases = (f"CASE WHEN {condition} THEN '{name}' END" for name, condition in faults.items())
    return f"concat_ws(', ', {', '.join(cases)})"
