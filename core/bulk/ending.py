"""How a bulk action comes to its end, and what the audit log says of it."""

from sqlmodel import Session

from core import bus, clock
from core.actor import Actor
from core.audit.record import record
from core.models import BulkAction, BulkStatus
from core.redact import redacted


def end(session: Session, bulk: BulkAction, status: BulkStatus, note: str = "") -> None:
    """Write its end, and delete hidden arguments: from now on nothing needs them; its jobs have them in their rows."""
    bulk.args = redacted(bulk.args)
    bulk.status, bulk.note, bulk.finished_at = status, note, clock.db_now()
    session.flush()
    bus.changed(session, job_id=bulk.job_id)


def note_move(
    session: Session, actor: Actor, name: str, bulk: BulkAction, was: BulkStatus, reason: str | None = None
) -> None:
    """Write into the audit log what a person has done with it."""
    record(
        session,
        actor,
        name,
        reason=reason or bulk.reason,
        bulk=str(bulk.id),
        command=bulk.command,
        rows=bulk.total,
        was=was.value,
        now=bulk.status.value,
    )
