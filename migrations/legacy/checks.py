"""What stands between a database and head: looked for before anything is changed, and told all at once."""

from collections.abc import Iterator

import sqlalchemy as sa
from sqlalchemy import Connection

from core.encryption.cipher import TokenCipher
from migrations import revisions
from migrations.legacy import drift, facts, rows, server, shape, tokens
from migrations.report import Finding

__all__ = ["cannot_go_back", "odd_shapes", "pending"]


def odd_shapes(connection: Connection, cipher: TokenCipher | None) -> list[Finding]:
    """Return what cannot be carried over, and what can but should be known."""
    seen = facts.read(connection)
    found = list(server.findings(seen))
    if not {revision.id for revision in revisions.path()}.issuperset(seen.revisions):
        # What an unknown revision has made of the tables cannot be judged.
        return found
    found += shape.findings(seen)
    found += rows.findings(connection, shape.without_odd_columns(seen))
    if cipher:
        found += tokens.findings(connection, seen, cipher, blocks=False)
    return found


def pending(connection: Connection) -> list[Finding]:
    """Return one finding when revisions are still to be applied; at head, what was changed by hand since."""
    at = revisions.of(connection)
    ahead = revisions.between(at, revisions.head())
    if not ahead:
        return list(drift.findings(connection))
    steps = tuple({"revision": revision.id, "does": revision.says} for revision in ahead)
    return [
        Finding(
            "Not at head",
            f"The database is at {at or 'no revision'}, head is {revisions.head()}: {len(ahead)} to apply.",
            "Run `python main.py migrate`.",
            blocks=True,
            rows=steps,
        )
    ]


def cannot_go_back(connection: Connection, cipher: TokenCipher) -> list[Finding]:
    """Return what keeps this database from an earlier revision."""
    seen = facts.read(connection)
    found = [*server.findings(seen), *tokens.findings(connection, seen, cipher, blocks=True)]
    return [*found, *(_active_jobs(connection) if seen.has("background_jobs.status") else [])]


def _active_jobs(connection: Connection) -> Iterator[Finding]:
    query = sa.text("SELECT id::text, kind, status FROM background_jobs WHERE status IN ('queued', 'running')")
    if active := [dict(row) for row in connection.execute(query).mappings()]:
        yield Finding(
            "Jobs are active",
            f"{len(active)} {'job is' if len(active) == 1 else 'jobs are'} queued or running, and the older program "
            "cannot finish them.",
            "Cancel them, or let them finish, and stop the workers; then go back.",
            blocks=True,
            rows=tuple(active[: rows.SAMPLE]),
        )
