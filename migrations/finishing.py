"""The last step, which a person decides: columns that only the legacy product needs stay until `migrate --finish`.

Triggers keep them in step with what replaced them, and no revision depends on them: nothing that Unstuck needs comes
after their end. In a database that Unstuck made itself nothing needs them, so that they go at once.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy import Connection

from core.wording import PROGRAM
from migrations import marketing
from migrations.legacy.facts import Facts
from migrations.report import Finding

Columns = Mapping[str, Sequence[str]]

#: The columns of each table that only the legacy product needs.
COLUMNS: Final[Columns] = {
    "users": ("demo_mode", *marketing.COLUMNS),
    "platform_connections": ("is_active",),
}
KEPT: Final = "Kept for the legacy product"
#: What revision 0001 writes to a column of a table that it makes itself.
MADE_HERE: Final = "Made by Unstuck: no older program needs it."
#: The flags, and the state that replaced each; the default that the state has without the trigger between them.
_STATES: Final = {"demo_mode": ("demo_mode_status", "disabled"), "is_active": ("connection_status", "disconnected")}
_IS_MADE_HERE = sa.text(
    """SELECT coalesce(bool_or(col_description(attrelid, attnum) = :mark), false) FROM pg_attribute
    WHERE attrelid = to_regclass('users') AND attname = 'demo_mode'"""
)


def kept(facts: Facts) -> Columns:
    """Return the columns of the legacy product that are still there, by table."""
    tables = {name: facts.tables[name].columns for name in COLUMNS if name in facts.tables}
    kept_columns = {table: tuple(each for each in COLUMNS[table] if each in there) for table, there in tables.items()}
    return {table: columns for table, columns in kept_columns.items() if columns}


def is_made_here(connection: Connection) -> bool:
    """Tell whether Unstuck itself made the tables, so that no older program uses them."""
    return bool(connection.scalar(_IS_MADE_HERE, {"mark": MADE_HERE}))


def statements(columns: Columns) -> Iterator[str]:
    """Yield the SQL that drops these columns, with the triggers that kept them in step."""
    for table, names in columns.items():
        if set(names) & set(marketing.COLUMNS):
            yield "SET LOCAL TimeZone = 'UTC'"
            yield marketing.COPY  # of users whom the legacy product has added
            yield from _without_trigger("users_marketing_in_step", table)
        for flag in [name for name in names if name in _STATES]:
            state, default = _STATES[flag]
            yield from _without_trigger(f"{table}_{flag}_in_step", table)
            yield f"ALTER TABLE {table} ALTER COLUMN {state} SET DEFAULT '{default}'"
        yield f"ALTER TABLE {table} " + ", ".join(f"DROP COLUMN {name}" for name in names)


def as_sql(columns: Columns) -> str:
    """Return a script of these statements, in one transaction; empty without columns."""
    return "".join(f"{each};\n\n" for each in ("BEGIN", *statements(columns), "COMMIT")) if columns else ""


def findings(facts: Facts) -> Iterator[Finding]:
    """Yield what is kept for the legacy product, and how it ends."""
    if columns := kept(facts):
        yield Finding(
            KEPT,
            f"{named(columns)} are kept, in step with what replaced them, for programs that still use them.",
            f"When none does: `{PROGRAM} migrate --finish` moves them out.",
            blocks=False,
        )


def named(columns: Columns) -> str:
    """Return the columns' names: users.demo_mode, users.marketing_opt_in."""
    return ", ".join(f"{table}.{name}" for table, names in columns.items() for name in names)


def _without_trigger(name: str, table: str) -> Iterator[str]:
    yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
    yield f"DROP FUNCTION IF EXISTS {name}()"
