"""Runs an operation as the engine does: one commit per checkpoint; and can be killed at any of them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

from sqlmodel import Session, col, select

from core.models import Interaction, PlatformConnection, User
from core.operation import Work

AT = datetime(2026, 11, 22, 18, 20, 3, 123456, tzinfo=UTC)


@dataclass
class Ended:
    done: int
    checkpoints: int
    result: dict | None


def a_user(session: Session) -> User:
    user = User(email=f"{uuid4()}@example.org")
    session.add(user)
    session.commit()
    return user


def work_for(session, user, form, key="job-1", done=0) -> Work:
    return Work(session, user, form, key, done, AT)


def drive(session, operation, user, form, *, key="job-1", done=0, kill_after=None) -> Ended:
    """Run one attempt; `kill_after` checkpoints it dies in the middle of the next step."""
    steps, checkpoints = operation.run(work_for(session, user, form, key, done)), 0
    while True:
        try:
            progress = next(steps)
        except StopIteration as end:
            if kill_after is not None and checkpoints == kill_after:
                session.rollback()
                return Ended(done, checkpoints, None)
            session.commit()
            return Ended(done, checkpoints, end.value)
        if kill_after is not None and checkpoints == kill_after:
            session.rollback()
            steps.close()
            return Ended(done, checkpoints, None)
        session.commit()
        done, checkpoints = progress.done, checkpoints + 1


def demo_rows(session, user) -> list[tuple]:
    """Return everything that demo mode wrote for a user, in a comparable form."""
    written = []
    for table in (PlatformConnection, Interaction):
        rows = session.exec(select(table).where(col(table.user_id) == user.id, col(table.is_demo)).order_by(table.id))
        written += [tuple(sorted(row.model_dump().items())) for row in rows]
    return written
