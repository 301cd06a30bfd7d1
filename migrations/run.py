"""The migration commands: upgrade, check, sql, downgrade. They print nothing; the caller does."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Engine

from core.encryption.cipher import TokenCipher
from core.errors import Unusable
from migrations import revisions
from migrations.legacy import checks
from migrations.report import Finding, Report
from migrations.transaction import engine_for, looking, migrating

__all__ = ["Finding", "Report", "check", "downgrade", "sql", "upgrade"]


def upgrade(url: str, *, secret: str, to: str = revisions.HEAD) -> Report:
    """Upgrade a database to head, or to an earlier revision, from nothing or from any legacy schema.

    Raises Unusable with all findings, before any change, if the database cannot be migrated; also if a lock is not
    available in time. Each revision is one transaction, so a failed run can simply be repeated.
    """
    cipher = TokenCipher(secret)
    target = revisions.resolve(to)
    with engine_for(url) as engine:
        with looking(engine) as connection:
            findings = checks.odd_shapes(connection, cipher)
            _refuse(findings)
            start = revisions.of(connection)
        steps = tuple(_climb(engine, cipher, target))
        with looking(engine) as connection:
            end = revisions.of(connection)
    return Report(start, end, steps, tuple(findings))


def check(url: str, *, secret: str | None = None) -> list[Finding]:
    """Return all blockers between this database and head; empty if it is at head and unchanged."""
    cipher = TokenCipher(secret) if secret else None
    with engine_for(url) as engine, looking(engine) as connection:
        odd = checks.odd_shapes(connection, cipher)
        if any(finding.blocks for finding in odd):
            return odd
        return [*odd, *checks.pending(connection)]


def sql(url: str) -> str:
    """Return the SQL that would bring this database to head, without running it; empty if it is at head.

    SQL cannot encrypt provider tokens: if there are any, the script stops at that revision with an error.
    """
    with engine_for(url) as engine, looking(engine) as connection:
        _refuse(checks.odd_shapes(connection, None))
        start = revisions.of(connection)
    return "" if start == revisions.head() else revisions.as_sql(start)


def downgrade(url: str, revision: str, *, secret: str) -> Report:
    """Downgrade a database to `revision`, or to `base`, the legacy schema. Rows and values are kept.

    Raises Unusable, before any change, while jobs are active or if tokens cannot be decrypted.
    """
    cipher = TokenCipher(secret)
    target = revisions.resolve(revision)
    with engine_for(url) as engine:
        with looking(engine) as connection:
            _refuse(checks.cannot_go_back(connection, cipher))
            start = revisions.of(connection)
        steps = tuple(_descend(engine, cipher, target))
        with looking(engine) as connection:
            end = revisions.of(connection)
    return Report(start, end, steps, warnings=())


def _climb(engine: Engine, cipher: TokenCipher, target: str) -> Iterator[str]:
    while True:
        with migrating(engine) as connection:
            # Read under the lock: another migrator may have been faster.
            ahead = revisions.between(revisions.of(connection), target)
            if not ahead:
                return
            revisions.go_up(connection, ahead[0].id, cipher)
        yield f"{ahead[0].id} {ahead[0].summary}"


def _descend(engine: Engine, cipher: TokenCipher, target: str) -> Iterator[str]:
    while True:
        with migrating(engine) as connection:
            at = revisions.of(connection)
            if at <= target:
                return
            revisions.go_down(connection, at, cipher)
        yield f"{at} undone"


def _refuse(findings: Sequence[Finding]) -> None:
    if blocking := [str(finding) for finding in findings if finding.blocks]:
        raise Unusable("\n".join(blocking))
