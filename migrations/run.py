"""The migration commands: upgrade, finish, check, sql, downgrade. They print nothing; the caller does."""

from collections.abc import Iterator, Sequence

from sqlalchemy import Connection, Engine, text

from core.encryption.cipher import TokenCipher
from core.errors import Unusable
from core.wording import PROGRAM
from migrations import finishing, letters, rehearsal, revisions, schedules
from migrations.dependents import quoted
from migrations.legacy import checks, facts
from migrations.legacy.dependents import MADE_AGAIN
from migrations.report import Finding, Report
from migrations.transaction import engine_for, looking, migrating, rehearsing

__all__ = ["Finding", "Report", "check", "downgrade", "finish", "sql", "upgrade"]


def upgrade(url: str, *, secret: str, to: str = revisions.HEAD) -> Report:
    """Upgrade a database to head, or to an earlier revision, from nothing or from any legacy schema.

    Columns that only the legacy product needs stay until `finish`. Raises Unusable with all findings, before any
    change, if the database cannot be migrated; also if a lock is not available in time. Each revision is one
    transaction, so a failed run can simply be repeated.
    """
    return _migrate(url, TokenCipher(secret), revisions.resolve(to), to_finish=False)


def finish(url: str, *, secret: str) -> Report:
    """Upgrade to head, then drop the columns that only the legacy product needs. Raises as `upgrade` does."""
    return _migrate(url, TokenCipher(secret), revisions.head(), to_finish=True)


def check(url: str, *, secret: str | None = None, to_finish: bool = False) -> list[Finding]:
    """Return all that is pending in this database, and all blockers; empty if it is finished and unchanged."""
    cipher = TokenCipher(secret) if secret else None
    with engine_for(url) as engine:
        odd, _ = _findings(engine, cipher, to_finish=to_finish)
        if any(finding.blocks for finding in odd):
            return odd
        with looking(engine) as connection:
            pending = checks.pending(connection)
            kept = () if finishing.is_made_here(connection) else finishing.findings(facts.read(connection))
            return [*odd, *pending, *kept, *(() if pending else schedules.findings(connection))]


def sql(url: str, *, to_finish: bool = False) -> str:
    """Return the SQL that would bring this database to head, or to its finish, without running it; empty if it is.

    SQL cannot encrypt provider tokens: if there are any, the script stops at that revision with an error. Raises
    Unusable if it would have to create views or triggers again.
    """
    with engine_for(url) as engine:
        findings, _ = _findings(engine, None, to_finish=to_finish)
        _refuse(findings)
        _refuse_to_make_again(findings)
        with looking(engine) as connection:
            at = facts.read(connection)
            is_made_here = "users" not in at.tables or finishing.is_made_here(connection)
    script = ""
    if at.revision != revisions.head() or at.carries_over:
        script = revisions.as_sql(at.revision, carries_over=at.carries_over)
    if to_finish or is_made_here:
        script += finishing.as_sql(finishing.kept(at) if at.revision else finishing.COLUMNS)
    script += letters.HINT if script else ""
    return f"SET search_path = {quoted(at.schema)};\n\n{script}" if script and at.schema else script


def downgrade(url: str, revision: str, *, secret: str) -> Report:
    """Downgrade a database to `revision`, or to `base`, the legacy schema. Rows and values are kept.

    Raises Unusable, before any change, while jobs are active or if tokens cannot be decrypted.
    """
    cipher = TokenCipher(secret)
    target = revisions.resolve(revision)
    with engine_for(url) as engine:
        with looking(engine) as connection:
            _refuse(checks.cannot_go_back(connection, cipher))
            start = _revision(connection)
        with migrating(engine) as connection:
            letters.drop(connection)
        steps = tuple(_descend(engine, cipher, target))
        with looking(engine) as connection:
            end = revisions.of(connection)
    return Report(start, end, steps, warnings=())


def _migrate(url: str, cipher: TokenCipher, target: str, *, to_finish: bool) -> Report:
    with engine_for(url) as engine:
        findings, start = _findings(engine, cipher, to_finish=to_finish)
        _refuse(findings)
        steps = [*_climb(engine, cipher, target), *_finished(engine, to_finish=to_finish)]
        with migrating(engine) as connection:
            end = revisions.of(connection)
            if end == revisions.head():
                refusal = letters.ensure(connection)
                findings += [*finishing.findings(facts.read(connection)), *letters.findings(refusal)]
                findings += schedules.findings(connection)
    return Report(start, end, tuple(steps), tuple(findings))


def _findings(engine: Engine, cipher: TokenCipher | None, *, to_finish: bool) -> tuple[list[Finding], str]:
    """Return everything that blocks or is to be said, and the present revision."""
    with looking(engine) as connection:
        findings, at = checks.odd_shapes(connection, cipher, to_finish=to_finish), facts.read(connection)
    if at.revision < revisions.head() and not any(finding.blocks for finding in findings):
        with rehearsing(engine) as connection:
            findings += rehearsal.findings(connection, at)
    return findings, at.revision


def _finished(engine: Engine, *, to_finish: bool) -> Iterator[str]:
    """At head, drop what only the legacy product needs if that is asked for, or if Unstuck has made the tables."""
    with migrating(engine) as connection:
        at = facts.read(connection)
        columns = finishing.kept(at)
        if not columns or at.revision < revisions.head() or not (to_finish or finishing.is_made_here(connection)):
            return
        for statement in finishing.statements(columns):
            connection.execute(text(statement))
    yield f"{finishing.named(columns)} dropped"


def _climb(engine: Engine, cipher: TokenCipher, target: str) -> Iterator[str]:
    while True:
        with migrating(engine) as connection:
            # Read under the lock: another migrator may have been faster.
            _carry_over(connection)
            ahead = revisions.between(revisions.of(connection), target)
            if not ahead:
                return
            revisions.go_up(connection, ahead[0].id, cipher)
        yield f"{ahead[0].id} {ahead[0].summary}"


def _descend(engine: Engine, cipher: TokenCipher, target: str) -> Iterator[str]:
    while True:
        with migrating(engine) as connection:
            _carry_over(connection)
            at = revisions.of(connection)
            if at <= target:
                return
            revisions.go_down(connection, at, cipher)
        yield f"{at} undone"


def _refuse_to_make_again(findings: Sequence[Finding]) -> None:
    if names := [finding.detail for finding in findings if finding.title == MADE_AGAIN]:
        raise Unusable("\n".join([*names, f"An SQL script cannot do that: run `{PROGRAM} migrate`."]))


def _carry_over(connection: Connection) -> None:
    if not revisions.has_table(connection) and facts.read(connection).carries_over:
        revisions.carry_over(connection)


def _revision(connection: Connection) -> str:
    return facts.read(connection).revision


def _refuse(findings: Sequence[Finding]) -> None:
    if blocking := [str(finding) for finding in findings if finding.blocks]:
        raise Unusable("\n".join(blocking))
