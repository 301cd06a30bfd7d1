"""Verifying: walk the chain from its first link and report the first deviation from what was sealed."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Row, text
from sqlmodel import Session

from core.audit.chain.keys import GENESIS, ChainKeys
from core.audit.chain.seal import SAYS, WAIT, Head, Horizon, seal
from core.database.engine import session_scope

#: Links per read: this bounds memory at any length of the chain.
PAGE: Final = 2_000

_PAGE = text(f"""
    SELECT s.position, s.event_id, s.txid, s.digest, s.hash, s.key_id, extract(epoch FROM s.sealed_at)::text AS sealed,
           e.id, e.txid AS event_txid, {SAYS} AS says
    FROM audit_seals s LEFT JOIN events e ON e.id = s.event_id
    WHERE s.position > :after ORDER BY s.position LIMIT :page
""")  # noqa: S608 - our own SQL
_SMUGGLED = text("""
    SELECT e.id, e.name, e.actor FROM events e
    WHERE e.via <> 'engine' AND e.txid < :settled
      AND NOT EXISTS (SELECT FROM audit_seals s WHERE s.event_id = e.id)
    ORDER BY e.txid, e.id LIMIT 1
""")
_ELSEWHERE = text("SELECT event_id FROM audit_seals WHERE digest = :digest AND event_id <> :id LIMIT 1")


@dataclass(frozen=True, slots=True)
class Fault:
    """The first fault: its position in the chain, its event, its type, and a sentence about it."""

    position: int | None
    event_id: int | None
    #: edited, deleted, out of order, inserted, seal edited, seal missing, unknown key, another head.
    damage: str
    says: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a check: the number of links, the last hash, and the first fault, if any."""

    links: int
    head: str
    fault: Fault | None


def verify(engine: Engine, keys: ChainKeys, *, expected_head: str | None = None, page: int = PAGE) -> Verdict:
    """Seal what can be sealed, then check the whole chain.

    `expected_head` is a hash printed by an earlier verification: the chain must still contain it.
    """
    sealed = seal(engine, keys, taking=WAIT)
    assert sealed is not None, "WAIT always gets the lock"
    last, head_found, after, fault = GENESIS, expected_head in (None, GENESIS), 0, None
    while fault is None:
        with session_scope(engine) as session:
            rows = list(session.connection().execute(_PAGE, {"after": after, "page": page}))
            for row in rows:
                if fault := _fault(session, keys, row, Head(after, last)):
                    break
                after, last = row.position, row.hash
                head_found = head_found or last == expected_head
        if len(rows) < page:
            break
    if fault is None:
        fault = _at_the_end(engine, sealed.head, sealed.horizon, after) or (
            None if head_found else _cut_off(expected_head)
        )
    return Verdict(after, last, fault)


def _fault(session: Session, keys: ChainKeys, row: Row[Any], before: Head) -> Fault | None:
    """Return the fault of one link, given the link before it; None when it is intact."""
    at = (row.position, row.event_id)
    if row.position != before.position + 1:
        gap = f"{before.position + 1} to {row.position - 1}"
        return Fault(
            before.position + 1, None, "seal missing", f"seals {gap} are missing; the next one belongs to event {at[1]}"
        )
    if not keys.knows(row.key_id):
        sentence = (
            f"the seal of event {row.event_id} was made with key {row.key_id}; "
            "add that secret to UNSTUCK_PREVIOUS_SECRET_KEYS"
        )
        return Fault(*at, "unknown key", sentence)
    made = keys.link(row.key_id, before.hash, row.position, row.event_id, row.txid, row.digest, row.sealed)
    if made != row.hash:
        return Fault(
            *at, "seal edited", f"the seal of event {row.event_id} was edited, moved, or not made by this program"
        )
    if row.id is None:
        return Fault(*at, "deleted", f"event {row.event_id} was sealed here and is gone")
    return _changed(session, keys, row)


def _changed(session: Session, keys: ChainKeys, row: Row[Any]) -> Fault | None:
    """Return the fault of an event whose seal is intact; None when it is unchanged."""
    at = (row.position, row.event_id)
    digest = keys.digest(row.key_id, row.says)
    if digest != row.digest:
        other = session.scalar(_ELSEWHERE, params={"digest": digest, "id": row.event_id})
        if other is not None:
            return Fault(
                *at, "out of order", f"event {row.event_id} has the content that event {other} had when it was sealed"
            )
        return Fault(*at, "edited", f"event {row.event_id} was changed after it was sealed")
    if row.event_txid != row.txid:
        sentence = f"event {row.event_id} has transaction {row.event_txid}; it was sealed with {row.txid}"
        return Fault(*at, "out of order", sentence)
    return None


def _at_the_end(engine: Engine, head: Head, horizon: Horizon, after: int) -> Fault | None:
    """Return a fault that only shows at the end: a chain that is too short, or an old event without a seal."""
    if after < head.position:
        return Fault(
            after + 1, None, "seal missing", f"seals {after + 1} to {head.position} disappeared during the check"
        )
    with session_scope(engine) as session:
        row = session.connection().execute(_SMUGGLED, {"settled": horizon.settled}).one_or_none()
    if row is None:
        return None
    sentence = f"event {row.id} ({row.name} by {row.actor}) was inserted among events that were already sealed"
    return Fault(None, row.id, "inserted", sentence)


def _cut_off(expected: str | None) -> Fault:
    sentence = f"no link has the hash {expected}: the end of the chain was cut off, or the whole chain was rebuilt"
    return Fault(None, None, "another head", sentence)
