"""Sealing: committed events of the audit log become links of the chain, in the order of their transactions.

Inserts are not serialised. Only events of transactions older than the oldest open one are sealed; the others wait for
the next run. So a late commit is sealed late, and an event that appears behind that horizon was smuggled in.
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Row, TextClause, text
from sqlmodel import Session

from core.audit.chain.keys import GENESIS, ChainKeys, as_epoch
from core.database.engine import session_scope

#: Links per transaction: this bounds memory, and the lock is released between batches.
BATCH: Final = 1_000
#: "audit" in ASCII: one sealer at a time.
LOCK: Final = 0x6175646974

#: An event's whole content, unambiguous and equal on every server: jsonb has one text form per value.
SAYS: Final = """jsonb_build_array(extract(epoch FROM e.at)::text, e.name, e.actor_id, e.actor, e.via, e.user_id,
    e.connection_id, e.job_id, e.reason, e.data)::text"""

#: How a sealer takes the lock: the periodic one does not wait for another sealer, one started by a person does.
TRY: Final = text("SELECT pg_try_advisory_xact_lock(:lock)")
WAIT: Final = text("SELECT pg_advisory_xact_lock(:lock) IS NOT NULL")

_LAST = text("""
    (SELECT position, event_id, txid, hash FROM audit_seals ORDER BY position DESC LIMIT 1)
    UNION ALL SELECT position, event_id, txid, hash FROM audit_checkpoints ORDER BY position DESC LIMIT 1
""")
_HORIZON = text("""
    SELECT pg_snapshot_xmin(s)::text::bigint AS settled, pg_snapshot_xmax(s)::text::bigint AS ahead
    FROM pg_current_snapshot() s
""")
# The horizon must come from the reading snapshot: by an older one, a new transaction would look ended long ago.
_NEXT = text(f"""
    SELECT e.id, e.txid, statement_timestamp() AS now, {SAYS} AS says FROM events e
    WHERE e.via <> 'engine' AND (e.txid, e.id) > (:txid, :id)
      AND (e.txid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
           OR e.txid >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
      AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.event_id = e.id)
    ORDER BY e.txid, e.id LIMIT :batch
""")  # noqa: S608 - our own SQL
_ADD = text("""
    INSERT INTO audit_seals (position, event_id, txid, digest, hash, key_id, sealed_at)
    SELECT position, event_id, txid, digest, hash, :key_id, :sealed_at FROM unnest(CAST(:position AS bigint[]),
        CAST(:event_id AS bigint[]), CAST(:txid AS bigint[]), CAST(:digest AS text[]), CAST(:hash AS text[]))
        AS link(position, event_id, txid, digest, hash)
""")
_COLUMNS: Final = ("position", "event_id", "txid", "digest", "hash")


@dataclass(frozen=True, slots=True)
class Head:
    """The chain's last link; a saved copy of its hash reveals later that the end was cut off."""

    position: int = 0
    hash: str = GENESIS
    event_id: int = 0
    txid: int = -1


@dataclass(frozen=True, slots=True)
class Horizon:
    """Transactions below `settled` have ended; those from `ahead` on have not begun on this server."""

    settled: int
    ahead: int


@dataclass(frozen=True, slots=True)
class Sealed:
    """The result of one sealing: the number of new links, the chain's end, and the horizon of ended transactions."""

    added: int
    head: Head
    horizon: Horizon


def seal(engine: Engine, keys: ChainKeys, *, taking: TextClause = TRY, batch: int = BATCH) -> Sealed | None:
    """Seal all events that can be sealed now, in batches; None when another sealer holds the lock."""
    with session_scope(engine) as session:
        horizon = _horizon(session)
    added = 0
    while True:
        with session_scope(engine) as session:
            if not session.scalar(taking, params={"lock": LOCK}):
                return None
            last = head(session)
            rows = _unsealed(session, last, batch)
            last = _add(session, keys, last, rows)
        added += len(rows)
        if len(rows) < batch:
            return Sealed(added, last, horizon)


def head(session: Session) -> Head:
    """Return the chain's last link; the checkpoint's, where all are archived."""
    row = session.connection().execute(_LAST).one_or_none()
    return Head(row.position, row.hash, row.event_id, row.txid) if row else Head()


def _horizon(session: Session) -> Horizon:
    row = session.connection().execute(_HORIZON).one()
    return Horizon(row.settled, row.ahead)


def _unsealed(session: Session, last: Head, batch: int) -> list[Row[Any]]:
    # A dump from another server brings transaction numbers this server has not reached: none of them is open here.
    after = (last.txid, last.event_id) if last.txid < _horizon(session).ahead else (-1, 0)
    return list(session.connection().execute(_NEXT, {"txid": after[0], "id": after[1], "batch": batch}))


def _add(session: Session, keys: ChainKeys, last: Head, rows: list[Row[Any]]) -> Head:
    links = []
    for row in rows:
        digest = keys.digest(keys.current, row.says)
        position = last.position + 1
        made = keys.link(keys.current, last.hash, position, row.id, row.txid, digest, as_epoch(row.now))
        last = Head(position, made, row.id, row.txid)
        links.append((position, row.id, row.txid, digest, made))
    if links:
        columns: dict[str, Any] = dict(zip(_COLUMNS, map(list, zip(*links, strict=True)), strict=True))
        columns |= {"key_id": keys.current, "sealed_at": rows[0].now}
        session.connection().execute(_ADD, columns)
    return last
