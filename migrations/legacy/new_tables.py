"""Checks of tables that revisions create: is a name taken by another program's table?"""

from collections.abc import Iterator

from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql
from sqlmodel import SQLModel

import core.models
from migrations.legacy.facts import Facts, Table
from migrations.legacy.shape import ELSEWHERE, listed
from migrations.report import Finding

assert core.models.__all__, "imported so that SQLModel.metadata knows every table"

_POSTGRESQL: Dialect = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy has not typed it
_NEW_TABLES = {
    "0002": ("background_jobs", "job_attempts", "workers"),
    "0003": ("events", "user_sessions", "sign_in_links", "idempotency_keys"),
    "0006": ("marketing_campaigns",),
    "0014": ("queues", "job_kinds", "job_counters", "schedules", "schedule_ticks"),
    "0016": ("audit_seals",),
    "0017": ("personal_tokens", "second_factors", "recovery_codes", "pending_sign_ins", "spent_states"),
    "0021": ("secret_key_ids",),
    "0022": ("audit_checkpoints",),
    "0030": ("notifications", "notification_channels", "message_preferences"),
    "0031": ("alerts", "alert_snoozes", "shared_rounds"),
    "0035": ("job_rollups", "job_rollup_states"),
    "0036": ("failure_states", "failure_notes"),
    "0038": ("saved_views",),
    "0042": ("list_columns",),
}
_OF_WORKERS = "stalled launch lease_seconds memory_curve quiet_queues quiet_at quiet_by quiet_reason stop_at"
#: Columns that a later revision adds to a new table; a table left by a downgrade may lack them.
_LATER = {
    "events": ("txid",),
    "background_jobs": ("claimed_at",),
    "saved_views": ("columns",),
    "workers": tuple(_OF_WORKERS.split()),
}


def taken_names(facts: Facts) -> Iterator[Finding]:
    """Yield the names of pending tables that another program's tables have."""
    for revision, names in _NEW_TABLES.items():
        if facts.revision < revision:
            yield from (f for n in names if n in facts.tables for f in _new_table(facts.tables[n]))


def _new_table(table: Table) -> Iterator[Finding]:
    model = SQLModel.metadata.tables[table.name].columns
    later = [name for name in _LATER.get(table.name, ()) if name not in table.columns]
    columns = (column for column in model if column.name not in later)
    expected_types = {column.name: column.type.compile(_POSTGRESQL).lower() for column in columns}
    wrong = [name for name, of_type in expected_types.items() if _plain(table.columns.get(name, "")) != _plain(of_type)]
    if wrong:
        yield Finding(
            "A table's name is taken",
            f"There is a table {table.name} already, and it is not Unstuck's: {listed(wrong)} "
            f"{'is' if len(wrong) == 1 else 'are'} missing or of another type.",
            ELSEWHERE,
            blocks=True,
        )


def _plain(of_type: str) -> str:
    """Return a type's name without its length, normalised between SQLAlchemy and PostgreSQL."""
    return of_type.replace("character varying", "varchar").split("(")[0].strip()
