"""Migrations as the program uses them: upgrade, check, sql, downgrade. Nothing is written to the screen here."""

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
    """Bring a database to head, or to an earlier revision, from nothing or from any legacy shape.

    Raises Unusable, with every finding and before anything is changed, when the database cannot be carried over; also
    when a lock is not to be had in time. Each revision is one transaction: whatever happens, run it again.
    """
    cipher = TokenCipher(secret)
    target = revisions.known(to)
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
    """Return what stands between this database and head; nothing when it is at head and in shape."""
    cipher = TokenCipher(secret) if secret else None
    with engine_for(url) as engine, looking(engine) as connection:
        odd = checks.odd_shapes(connection, cipher)
        if any(finding.blocks for finding in odd):
            return odd
        return [*odd, *checks.pending(connection)]


def sql(url: str) -> str:
    """Return the SQL that would bring this database to head; empty when it is there. Nothing is run.

    SQL cannot encrypt provider tokens: where there are any, the script stops at that revision and says so.
    """
    with engine_for(url) as engine, looking(engine) as connection:
        _refuse(checks.odd_shapes(connection, None))
        start = revisions.of(connection)
    return "" if start == revisions.head() else revisions.as_sql(start)


def downgrade(url: str, revision: str, *, secret: str) -> Report:
    """Take a database back to `revision`, or to `base`: the legacy shape. Rows and values stay.

    Raises Unusable, before anything is changed, while jobs are active, and when tokens cannot be decrypted.
    """
    cipher = TokenCipher(secret)
    target = revisions.known(revision)
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
            # Read under the lock: another migrator may have come first.
            ahead = revisions.between(revisions.of(connection), target)
            if not ahead:
                return
            revisions.go_up(connection, ahead[0].id, cipher)
        yield f"{ahead[0].id} {ahead[0].says}"


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
