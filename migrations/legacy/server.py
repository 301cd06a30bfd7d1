"""Checks of the server, the role and the revision: can this program migrate this database at all?"""

from collections.abc import Iterator

from sqlmodel import SQLModel

import core.models  # noqa: F401 - the tables register themselves
from core.database.version import VERSION_TABLE
from migrations import revisions
from migrations.legacy.facts import Facts
from migrations.legacy.shape import LEGACY
from migrations.report import Finding
from migrations.revisions import FORMER_TABLE

#: The oldest supported and tested PostgreSQL, as server_version_num.
OLDEST = 140000


def findings(facts: Facts) -> Iterator[Finding]:
    """Yield all blockers that do not depend on the tables' content."""
    yield from _version(facts)
    yield from _writable(facts)
    yield from _revision(facts)
    yield from _rights(facts)


def _version(facts: Facts) -> Iterator[Finding]:
    if facts.version < OLDEST:
        yield Finding(
            "PostgreSQL is too old",
            f"This is PostgreSQL {facts.version_text}; Unstuck needs 14 or newer.",
            "Upgrade the server, or point DATABASE_URL at a newer one.",
            blocks=True,
        )


def _writable(facts: Facts) -> Iterator[Finding]:
    if facts.standby:
        yield Finding(
            "A standby",
            f"The database {facts.database} is a standby: it only replicates another server.",
            "Point DATABASE_URL at the primary.",
            blocks=True,
        )
    elif facts.read_only:
        yield Finding(
            "Read-only",
            f"The database {facts.database} is read-only for {facts.role} (default_transaction_read_only is on).",
            f'ALTER ROLE "{facts.role}" SET default_transaction_read_only = off; or the same for the database, or the '
            "server.",
            blocks=True,
        )


def _revision(facts: Facts) -> Iterator[Finding]:
    known = {revision.id for revision in revisions.path()}
    own = facts.tables.get(VERSION_TABLE)
    if own and not (own.is_table and "version_num" in own.columns):
        yield Finding(
            "A table's name is taken",
            f"There is {VERSION_TABLE} already, and it is not the table in which Unstuck keeps its revision.",
            "Give Unstuck a schema of its own with UNSTUCK_SCHEMA, or use another database.",
            blocks=True,
        )
    for revision in facts.revisions:
        if revision not in known:
            yield Finding(
                "An unknown revision",
                f"{VERSION_TABLE} says {revision!r}, which this program does not know (it knows {min(known)} to "
                f"{max(known)}): a newer version has migrated this database.",
                "Run that version.",
                blocks=True,
            )
    if len(facts.revisions) > 1 and known.issuperset(facts.revisions):
        yield Finding(
            "More than one revision",
            f"{FORMER_TABLE if facts.carries_over else VERSION_TABLE} holds {len(facts.revisions)} rows: "
            f"{', '.join(sorted(facts.revisions))}.",
            "Keep the right one only; `migrate --check` reports it if it is wrong.",
            blocks=True,
        )


def _rights(facts: Facts) -> Iterator[Finding]:
    if facts.revision == revisions.head():
        return
    schema = facts.schema or facts.named_schema or "public"
    if facts.schema is None and facts.named_schema:
        yield Finding(
            "A schema is missing",
            f"There is no schema {schema} in the database {facts.database}, or the role {facts.role} may not use it.",
            f'As its owner or a superuser: CREATE SCHEMA "{schema}" AUTHORIZATION "{facts.role}"; or GRANT USAGE, '
            f'CREATE ON SCHEMA "{schema}" TO "{facts.role}";',
            blocks=True,
        )
        return
    if not facts.may_create:
        yield Finding(
            "A right is missing",
            f"The role {facts.role} may not create tables in the schema {schema}.",
            f'As its owner or a superuser: GRANT USAGE, CREATE ON SCHEMA "{schema}" TO "{facts.role}";',
            blocks=True,
        )
    ours = SQLModel.metadata.tables if facts.revision else LEGACY
    for name in (*ours, VERSION_TABLE):
        table = facts.tables.get(name)
        if table and not table.is_ours:
            yield Finding(
                "A right is missing",
                f"The table {name} belongs to {table.owner}, and only its owner may alter it; this is {facts.role}.",
                f'As {table.owner} or a superuser: ALTER TABLE "{schema}"."{name}" OWNER TO "{facts.role}";',
                blocks=True,
            )
