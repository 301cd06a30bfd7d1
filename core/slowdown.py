"""What slows this program from elsewhere on the server: old transactions, dead rows, and events that wait for a seal.

PostgreSQL keeps every row that an open transaction might still read, in whatever database that transaction is; and the
sealer waits for it.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.logs import on_one_line
from core.models.event import IS_AUDIT
from core.quoting import as_literal, as_name
from core.settings import worker_command
from core.wording import spoken

#: A transaction open for longer is told; those of this program take seconds, and a backup of a small database minutes.
OLD: Final = timedelta(minutes=5)
#: An event that waits for longer is told; the sealer looks every ten seconds.
UNSEALED: Final = timedelta(minutes=5)
#: Dead rows of one table are told from so many on, if they are also more than the living ones.
DEAD: Final = 100_000

# PostgreSQL hides when a transaction of another user began, unless one may read all statistics. A prepared transaction
# has no process.
_OLDEST: Final = text("""
    SELECT program, pid, state, extract(epoch FROM statement_timestamp() - since)::float8 AS age FROM (
        SELECT left(application_name, 100) AS program, pid, state,
               xact_start AS since
        FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
        UNION ALL SELECT gid, NULL, 'prepared', prepared FROM pg_prepared_xacts
    ) open WHERE since IS NOT NULL ORDER BY since LIMIT 1
""")
_HIDDEN: Final = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_xmin IS NOT NULL AND NOT pg_has_role(usesysid, 'USAGE')
      AND NOT pg_has_role('pg_read_all_stats', 'USAGE')
""")
_DEAD: Final = text("""
    SELECT relname AS name, n_dead_tup AS dead, n_dead_tup >= :least AND n_dead_tup > n_live_tup AS is_many
    FROM pg_stat_user_tables WHERE schemaname = current_schema() ORDER BY n_dead_tup DESC
""")
_UNSEALED: Final = text(f"""
    SELECT coalesce(extract(epoch FROM statement_timestamp() - min(e.at)), 0)::float8 FROM events e
    WHERE e.{IS_AUDIT} AND isfinite(e.at) AND e.id > (SELECT coalesce(max(event_id), 0) FROM audit_seals)
""")  # noqa: S608 - our own SQL


@dataclass(frozen=True, slots=True)
class OldestTransaction:
    """The oldest open transaction of the server that this program may see; `pid` is None for a prepared one."""

    program: str
    pid: int | None
    state: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class Delays:
    """The figures, measured now; `hidden` sessions of other database users show neither age nor program."""

    oldest: OldestTransaction | None
    hidden: int
    dead_rows: int
    #: Tables with more dead rows than living ones, and how many dead ones.
    bloated: tuple[tuple[str, int], ...]
    unsealed: timedelta


@dataclass(frozen=True, slots=True)
class Slowdown:
    """One figure over its threshold: its kind, which tells a stranger nothing, a sentence, and what to do."""

    kind: str
    sentence: str
    remedy: str


def delays(session: Session) -> Delays:
    """Measure what slows this program."""
    connection = session.connection()
    row = connection.execute(_OLDEST).first()
    tables = connection.execute(_DEAD, {"least": DEAD}).all()
    return Delays(
        OldestTransaction(row.program or "", row.pid, row.state or "", timedelta(seconds=max(0.0, row.age)))
        if row
        else None,
        connection.execute(_HIDDEN).scalar_one(),
        sum(table.dead for table in tables),
        tuple((table.name, table.dead) for table in tables if table.is_many),
        timedelta(seconds=max(0.0, connection.execute(_UNSEALED).scalar_one())),
    )


def slowdowns(session: Session) -> list[Slowdown]:
    """Return what is over its threshold now, the cause before its effects."""
    now = delays(session)
    old = [_old(now.oldest)] if now.oldest and now.oldest.age >= OLD else []
    unsealed = [_unsealed(now)] if now.unsealed >= UNSEALED else []
    return [*old, *unsealed, *(_bloated(name, dead, now) for name, dead in now.bloated)]


def _old(oldest: OldestTransaction) -> Slowdown:
    effect = f"has been open for {spoken(oldest.age)}: it slows the queues and stops sealing"
    if oldest.pid is None:
        name = as_literal(oldest.program)
        remedy = f"If its program does not end it, run in its database: ROLLBACK PREPARED {name}"
        return Slowdown("old transaction", f"The prepared transaction {name} {effect}", remedy)
    remedy = f"Ask its owner to end it, or run: SELECT pg_terminate_backend({oldest.pid})"
    idle = ", idle" if oldest.state.startswith("idle") else ""
    program = f"“{on_one_line(oldest.program)}”" if oldest.program else "an unnamed program"
    return Slowdown("old transaction", f"A transaction of {program} (pid {oldest.pid}{idle}) {effect}", remedy)


def _unsealed(now: Delays) -> Slowdown:
    sentence = f"Events of the audit log have waited {spoken(now.unsealed)} for their seal"
    remedy = f"End the oldest transaction of the server; if there is none, start a worker ({worker_command()})."
    return Slowdown("unsealed event", sentence, remedy + _hint(now))


def _bloated(name: str, dead: int, now: Delays) -> Slowdown:
    table = as_name(name)
    sentence = f"The table {table} has {dead:,} dead rows, more than living ones: every query on it is slower"
    return Slowdown(
        "bloated table", sentence, f"End the oldest transaction of the server, then run: VACUUM {table}" + _hint(now)
    )


def _hint(now: Delays) -> str:
    """Say what cannot be told: whose transaction it is, if the server hides it."""
    if not now.hidden:
        return ""
    return (
        " Sessions of other database users hold such a transaction, and this program may not see whose: as an "
        "administrator of the server, GRANT pg_read_all_stats TO this program's database user."
    )
