"""Writing events: one row for each thing that happened, in the transaction in which it happened.

A change says what `was` before and what is `now`: a word where there is one state, a dict of fields where there are
several. Secrets are named, never shown.
"""

from typing import Any
from uuid import UUID

from sqlmodel import Session

from core.actor import Actor
from core.models import Event
from core.redact import redacted


def record(
    session: Session,
    actor: Actor,
    name: str,
    /,
    *,
    user_id: UUID | None = None,
    connection_id: UUID | None = None,
    job_id: UUID | None = None,
    reason: str | None = None,
    **data: Any,
) -> None:
    """Add one event to the caller's transaction; `data` holds plain JSON values, what secret keys hold is left out."""
    session.add(
        Event(
            name=name,
            actor_id=actor.id,
            actor=actor.name,
            via=actor.via,
            user_id=user_id,
            connection_id=connection_id,
            job_id=job_id,
            reason=reason,
            data=redacted(data),
        )
    )
