"""Recording events: one row per event, in the transaction of the change itself.

A change has `was` (before) and `now` (after): one word for a single state, a dict for several fields. Secrets are
named, never shown.
"""

from collections.abc import Mapping
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
    """Add one event to the caller's transaction; `data` holds plain JSON values, with secrets redacted."""
    about = {"user_id": user_id, "connection_id": connection_id, "job_id": job_id}
    session.add(Event(**entry(actor, name, about, reason, data)))


def entry(
    actor: Actor, name: str, about: Mapping[str, UUID | None], reason: str | None, data: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the columns of an event, with secrets redacted; `about`: the ids of what it is about, by column."""
    return {
        "name": name,
        "actor_id": actor.id,
        "actor": actor.name,
        "via": actor.via,
        **about,
        "reason": reason,
        "data": redacted(data),
    }
