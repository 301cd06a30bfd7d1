"""Checks of the server, the role and the revision: can this program migrate this database at all?"""

from collections.abc import Iterator

from sqlmodel import SQLModel

import core.models  # noqa: F401 - the tables register themselves
from migrations import revisions
from migrations.legacy.facts import Facts
from migrations.legacy.shape import LEGACY
from migrations.report import Finding

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
    for revision in facts.revisions:
        if revision not in known:
            yield Finding(
                "An unknown revision",
                f"alembic_version says {revision!r}, which this program does not know (it knows {min(known)} to "
                f"{max(known)}): a newer version, or another program, has migrated this database.",
                "Run that version; or, if the tables are the legacy product's own, DROP TABLE alembic_version, then "
                "run migrate again.",
                blocks=True,
            )
    if len(facts.revisions) > 1 and known.issuperset(facts.revisions):
        yield Finding(
            "More than one revision",
            f"alembic_version holds {len(facts.revisions)} rows: {', '.join(sorted(facts.revisions))}.",
            "Delete all but the right one; `migrate --check` reports it if it is wrong.",
            blocks=True,
        )


def _rights(facts: Facts) -> Iterator[Finding]:
    if facts.revision == revisions.head():
        return
    schema = facts.schema or "public"
    if not facts.may_create:
        yield Finding(
            "A right is missing",
            f"The role {facts.role} may not create tables in the schema {schema}.",
            f'As its owner or a superuser: GRANT USAGE, CREATE ON SCHEMA "{schema}" TO "{facts.role}";',
            blocks=True,
        )
    ours = SQLModel.metadata.tables if facts.revision else LEGACY
    for name in (*ours, "alembic_version"):
        table = facts.tables.get(name)
        if table and not table.is_ours:
            yield Finding(
                "A right is missing",
                f"The table {name} belongs to {table.owner}, and only its owner may alter it; this is {facts.role}.",
                f'As {table.owner} or a superuser: ALTER TABLE "{schema}"."{name}" OWNER TO "{facts.role}";',
                blocks=True,
            )
