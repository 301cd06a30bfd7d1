"""The checkpoint: the last link that is in an archive file. The chain in the database begins after it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import text
from sqlmodel import Session

from core.audit.chain.keys import ChainKeys, as_epoch
from core.audit.chain.links import Fault
from core.audit.chain.seal import Head

_READ: Final = text("SELECT position, hash, event_id, txid, before, file, proof, key_id FROM audit_checkpoints")
_MOVE: Final = text("""
    INSERT INTO audit_checkpoints AS c (id, position, hash, event_id, txid, before, file, proof, key_id)
    VALUES (1, :position, :hash, :event_id, :txid, :before, :file, :proof, :key_id)
    ON CONFLICT (id) DO UPDATE SET position = excluded.position, hash = excluded.hash, event_id = excluded.event_id,
        txid = excluded.txid, before = excluded.before, file = excluded.file, proof = excluded.proof,
        key_id = excluded.key_id
""")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The last archived link, when the newest archived entry was, and the name of the last file."""

    head: Head
    before: datetime
    file: str
    proof: str
    key_id: str

    def fault(self, keys: ChainKeys) -> Fault | None:
        """Return what is wrong with the row itself; None if a process with the secret key has written it."""
        if not keys.knows(self.key_id):
            sentence = (
                f"the checkpoint of the archive was made with key {self.key_id}; "
                "add that secret to UNSTUCK_PREVIOUS_SECRET_KEYS"
            )
            return Fault(self.head.position, None, "unknown key", sentence)
        if keys.proof(self.key_id, *_parts(self.head, self.before, self.file)) != self.proof:
            sentence = "the checkpoint of the archive was edited, or not made by this program"
            return Fault(self.head.position, None, "checkpoint edited", sentence)
        return None


def read_checkpoint(session: Session) -> Checkpoint | None:
    """Return the checkpoint; None while nothing is archived."""
    row = session.connection().execute(_READ).one_or_none()
    if row is None:
        return None
    head = Head(row.position, row.hash, row.event_id, row.txid)
    return Checkpoint(head, row.before, row.file, row.proof, row.key_id)


def move_checkpoint(session: Session, keys: ChainKeys, head: Head, before: datetime, file: str) -> None:
    """Write that the links up to `head` are in archive files; `file` is the last of them."""
    values = {"position": head.position, "hash": head.hash, "event_id": head.event_id, "txid": head.txid}
    proof = keys.proof(keys.current, *_parts(head, before, file))
    values |= {"before": before, "file": file, "proof": proof, "key_id": keys.current}
    session.connection().execute(_MOVE, values)


def _parts(head: Head, before: datetime, file: str) -> tuple[object, ...]:
    return head.position, head.hash, head.event_id, head.txid, as_epoch(before), file
