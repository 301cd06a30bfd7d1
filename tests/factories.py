"""Rows for tests: one line each, with defaults for the columns that do not matter."""

from uuid import UUID, uuid4

from sqlmodel import Session

from core.actor import Actor
from core.models import Interaction, PlatformConnection, Role, User

SUPPORT = Actor(UUID(int=7), "sam@unstuck.example", Role.SUPPORT, "console")
ADMIN = Actor(UUID(int=8), "ada@unstuck.example", Role.ADMIN, "console")


def make_user(session: Session, **values: object) -> User:
    """Add a creator with one real connection and three real interactions of their own."""
    user = User(**{"email": f"{uuid4().hex[:12]}@example.com", "name": "Ana Example", **values})
    session.add(user)
    session.flush()
    own = PlatformConnection(user_id=user.id, platform="instagram", handle="@ana", connection_status="connected")
    session.add(own)
    session.flush()
    for number in range(3):
        session.add(Interaction(user_id=user.id, connection_id=own.id, kind="comment", body=f"real {number}"))
    session.flush()
    return user
