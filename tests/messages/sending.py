"""Sending the outbox as a job does: a commit at each checkpoint; and how its rows look."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session, col, select

from core import clock
from core.database.engine import session_scope
from core.messages.outbox import Message, put
from core.models import Notification
from core.operation import NoForm, TaskWork
from core.operations.messages import send
from core.settings import settings
from tests.factories import make_user
from tests.messages.mail_server import MailServer

READY = {"creator": "Nano", "interactions": 60, "connections": 1, "took": 31.0}


def use_server(monkeypatch: pytest.MonkeyPatch, url: str, **more: str) -> None:
    monkeypatch.setenv("SMTP_URL", url)
    for name, value in more.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()


def put_one(engine: Engine, email: str | None = None, **values: Any) -> UUID:
    """Write a message to a new user, and commit it."""
    with session_scope(engine) as session:
        user = make_user(session, **({"email": email} if email else {}))
        message = Message(**{"template": "demo_ready", "user_id": user.id, "data": READY, **values})
        return put(session, message)


def put_many(engine: Engine, count: int, email: str = "ana{}@example.com") -> list[UUID]:
    return [put_one(engine, email.format(number)) for number in range(count)]


def send_all(engine: Engine, key: UUID | None = None) -> dict[str, Any]:
    """Run the job that sends, to its end, and return its result."""
    with stepping(engine, key) as steps:
        for _ in steps:
            pass
        return steps.result


@contextmanager
def stepping(engine: Engine, key: UUID | None = None) -> Iterator["Steps"]:
    with Session(engine, expire_on_commit=False) as session:
        yield Steps(session, key or uuid4())


class Steps:
    """The steps of the job; each one is committed, and then yielded."""

    def __init__(self, session: Session, key: UUID) -> None:
        self._session = session
        self._steps = send(TaskWork(session, NoForm(), str(key), 0, clock.now()))
        self.result: dict[str, Any] = {}

    def __iter__(self) -> "Steps":
        return self

    def __next__(self) -> object:
        try:
            step = next(self._steps)
        except StopIteration as end:
            self.result = end.value
            self._session.commit()
            raise
        self._session.commit()
        return step

    def close(self) -> None:
        """End as a killed job does: what is not committed is lost."""
        self._session.rollback()
        self._steps.close()


def rows(engine: Engine) -> list[Notification]:
    with Session(engine, expire_on_commit=False) as session:
        return list(session.exec(select(Notification).order_by(col(Notification.created_at), col(Notification.id))))


def row(engine: Engine) -> Notification:
    (only,) = rows(engine)
    return only


def change(engine: Engine, sql: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(sql))


def let_time_pass(engine: Engine, interval: str) -> None:
    """Let everything of the outbox have happened so much earlier."""
    change(
        engine,
        f"UPDATE notifications SET created_at = created_at - interval '{interval}', "
        f"next_at = next_at - interval '{interval}', give_up_at = give_up_at - interval '{interval}'",
    )
    change(engine, f"UPDATE notification_channels SET next_at = next_at - interval '{interval}'")


def ids(mail: MailServer) -> list[str]:
    return [each.message_id for each in mail.received]
