"""Staff who view a customer's own pages as the customer sees them: on record, and without a way to act."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlmodel import Session, col, select

from core import clock
from core.actor import Actor
from core.audit.record import record
from core.errors import NotFound
from core.models import Event, User

EVENT: Final = "user.viewed_as"
#: Within so long, the same person's next page of the same customer is no view of its own.
SAME_VIEW: Final = timedelta(minutes=30)


def view_as(session: Session, user_id: UUID, actor: Actor, reason: str | None) -> User:
    """Record that this person views a customer's pages, and return the customer. Raises NotFound."""
    user = session.get(User, user_id)
    if user is None:
        raise NotFound(f"There is no user with id {user_id}.")
    same = (col(Event.user_id) == user_id, col(Event.name) == EVENT, col(Event.actor_id) == actor.id)
    lately = select(Event.id).where(*same, col(Event.at) > clock.db_now() - SAME_VIEW)
    if actor.id is None or session.exec(lately.limit(1)).first() is None:
        record(session, actor, EVENT, user_id=user_id, reason=reason)
    return user
