"""Links as they are read, from the database or from an archive file, and the check of one link after another."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.audit.chain.keys import ChainKeys
from core.audit.chain.seal import SAYS, Head

_READ = text(f"""
    SELECT s.position, s.event_id, s.txid, s.digest, s.hash, s.key_id, extract(epoch FROM s.sealed_at)::text AS sealed,
           e.id, e.txid AS event_txid, {SAYS} AS says, least(e.at, s.sealed_at) AS at,
           e.id IS NULL OR least(e.at, s.sealed_at) < statement_timestamp() - make_interval(days => :days) AS is_old
    FROM audit_seals s LEFT JOIN events e ON e.id = s.event_id
    WHERE s.position > :after ORDER BY s.position LIMIT :number
""")  # noqa: S608 - our own SQL
_ELSEWHERE = text("SELECT event_id FROM audit_seals WHERE digest = :digest AND event_id <> :id LIMIT 1")
#: The age of links does not matter to a check.
_ANY_AGE: Final = 0


@dataclass(frozen=True, slots=True)
class Fault:
    """The first fault: its position in the chain, its event, its type, and a sentence about it."""

    position: int | None
    event_id: int | None
    #: edited, deleted, out of order, inserted, seal edited, seal missing, unknown key, another head, checkpoint edited.
    damage: str
    says: str


@dataclass(frozen=True, slots=True)
class Link:
    """One link with its event; the fields are those of the seal, `says` is the event as it was sealed."""

    position: int
    event_id: int
    txid: int
    digest: str
    hash: str
    key_id: str
    #: When it was sealed, as `extract(epoch …)` writes it.
    sealed: str
    #: The event's id and transaction as they are now; None if the event is gone.
    id: int | None
    event_txid: int | None
    says: str
    #: When the event was, at the latest when it was sealed; None for a link that was read from a file.
    at: datetime | None = None
    is_old: bool = False


def read_links(session: Session, after: int, number: int, days: int = _ANY_AGE) -> list[Link]:
    """Return the next links after a position; `is_old` if their event is older than `days`, or gone.

    An event that claims to be of the future is as old as its seal: it does not keep others from the archive.
    """
    rows = session.connection().execute(_READ, {"after": after, "number": number, "days": days})
    return [Link(**row) for row in rows.mappings()]


class Walk:
    """A walk along the chain: it stops at the first fault, and notes whether it came past an expected hash."""

    def __init__(self, keys: ChainKeys, start: Head, expected: str | None = None) -> None:
        self._keys = keys
        self._expected = expected
        self.last = start
        self.has_met = expected in (None, start.hash)

    def along(self, links: Iterable[Link], elsewhere: Callable[[str, int], int | None]) -> Fault | None:
        """Check links that follow the last one. Returns the first fault.

        `elsewhere` returns the event, other than this one, that was sealed with a digest.
        """
        for link in links:
            if fault := fault_of(self._keys, link, self.last, elsewhere):
                return fault
            self.last = Head(link.position, link.hash, link.event_id, link.txid)
            self.has_met = self.has_met or link.hash == self._expected
        return None


def sealed_elsewhere(session: Session) -> Callable[[str, int], int | None]:
    """Return the function that looks a digest up in the database."""

    def look(digest: str, event_id: int) -> int | None:
        other: int | None = session.scalar(_ELSEWHERE, params={"digest": digest, "id": event_id})
        return other

    return look


def fault_of(keys: ChainKeys, link: Link, before: Head, elsewhere: Callable[[str, int], int | None]) -> Fault | None:
    """Return the fault of one link, given the link before it; None when it is intact."""
    at = (link.position, link.event_id)
    if link.position != before.position + 1:
        return _gap(link, before)
    if not keys.knows(link.key_id):
        sentence = (
            f"the seal of event {link.event_id} was made with key {link.key_id}; "
            "add that secret to UNSTUCK_PREVIOUS_SECRET_KEYS"
        )
        return Fault(*at, "unknown key", sentence)
    made = keys.link(link.key_id, before.hash, link.position, link.event_id, link.txid, link.digest, link.sealed)
    if made != link.hash:
        sentence = f"the seal of event {link.event_id} was edited, moved, or not made by this program"
        return Fault(*at, "seal edited", sentence)
    if link.id is None:
        return Fault(*at, "deleted", f"event {link.event_id} was sealed here and is gone")
    return _changed(keys, link, elsewhere)


def _gap(link: Link, before: Head) -> Fault:
    if link.position <= before.position:
        return Fault(link.position, link.event_id, "out of order", f"the seal of event {link.event_id} comes twice")
    gap = f"{before.position + 1} to {link.position - 1}"
    sentence = f"seals {gap} are missing; the next one belongs to event {link.event_id}"
    return Fault(before.position + 1, None, "seal missing", sentence)


def _changed(keys: ChainKeys, link: Link, elsewhere: Callable[[str, int], int | None]) -> Fault | None:
    """Return the fault of an event whose seal is intact; None when it is unchanged."""
    at = (link.position, link.event_id)
    digest = keys.digest(link.key_id, link.says)
    if digest != link.digest:
        other = elsewhere(digest, link.event_id)
        if other is not None:
            sentence = f"event {link.event_id} has the content that event {other} had when it was sealed"
            return Fault(*at, "out of order", sentence)
        return Fault(*at, "edited", f"event {link.event_id} was changed after it was sealed")
    if link.event_txid != link.txid:
        sentence = f"event {link.event_id} has transaction {link.event_txid}; it was sealed with {link.txid}"
        return Fault(*at, "out of order", sentence)
    return None
