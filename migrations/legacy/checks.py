"""All checks before a migration, reported at once and before any change."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from core.encryption.cipher import TokenCipher
from core.wording import PROGRAM
from migrations import revisions
from migrations.legacy import dependents, drift, elsewhere, facts, new_tables, rows, server, shape, structure, tokens
from migrations.report import Finding

__all__ = ["cannot_go_back", "odd_shapes", "pending"]


def odd_shapes(connection: Connection, cipher: TokenCipher | None, *, to_finish: bool) -> list[Finding]:
    """Return everything that blocks a migration, or its finish, and warnings."""
    database_facts = facts.read(connection)
    findings = list(server.findings(database_facts))
    if not {revision.id for revision in revisions.path()}.issuperset(database_facts.revisions):
        # After an unknown revision, the tables cannot be judged.
        return findings
    if another := shape.of_another_product(database_facts):
        return [*findings, another]  # advice about its tables would change what is not ours
    findings += [*shape.findings(database_facts), *new_tables.taken_names(database_facts)]
    findings += elsewhere.findings(connection, database_facts)
    findings += structure.findings(connection, database_facts)
    findings += dependents.findings(connection, database_facts)
    findings += dependents.of_kept(connection, database_facts, blocks=to_finish)
    if hidden := list(structure.filtered(database_facts)):
        return [*findings, *hidden]  # what is hidden would be taken for missing
    findings += rows.findings(connection, shape.without_odd_columns(database_facts))
    if cipher:
        findings += tokens.findings(connection, database_facts, cipher, blocks=False)
    return findings


def pending(connection: Connection) -> list[Finding]:
    """Return one finding while revisions are pending; at head, all manual changes to the schema."""
    database_facts = facts.read(connection)
    at = database_facts.revision
    ahead = revisions.between(at, revisions.head())
    if database_facts.carries_over and not ahead:
        return [
            Finding(
                "Revision to be carried over",
                f"The database is at head, and says so in {revisions.FORMER_TABLE}, as earlier releases did.",
                f"Run `{PROGRAM} migrate`, which gives it a version table of its own.",
                blocks=True,
            )
        ]
    if not ahead:
        return list(drift.findings(connection))
    steps = tuple({"revision": revision.id, "does": revision.summary} for revision in ahead)
    return [
        Finding(
            "Not at head",
            f"The database is at {at or 'no revision'}, head is {revisions.head()}: {len(ahead)} pending.",
            f"Run `{PROGRAM} migrate`.",
            blocks=True,
            rows=steps,
        )
    ]


def cannot_go_back(connection: Connection, cipher: TokenCipher) -> list[Finding]:
    """Return everything that blocks a downgrade."""
    database_facts = facts.read(connection)
    findings = [*server.findings(database_facts), *tokens.findings(connection, database_facts, cipher, blocks=True)]
    return [*findings, *(_active_jobs(connection) if database_facts.has("background_jobs.status") else [])]


def _active_jobs(connection: Connection) -> Iterator[Finding]:
    query = sa.text("SELECT id::text, kind, status FROM background_jobs WHERE status IN ('queued', 'running')")
    if active := [dict(row) for row in connection.execute(query).mappings()]:
        yield Finding(
            "Jobs are active",
            f"{len(active)} {'job is' if len(active) == 1 else 'jobs are'} queued or running, and the older program "
            "cannot finish them.",
            "Cancel them or let them finish, and stop the workers; then downgrade.",
            blocks=True,
            rows=tuple(active[: rows.SAMPLE]),
        )
