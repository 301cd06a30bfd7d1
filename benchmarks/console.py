"""A console of our own, started as `main.py serve`, and a person signed in to it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import httpx
from sqlalchemy import Engine

from benchmarks.place import Place
from benchmarks.processes import hear, running
from core.database.engine import session_scope
from core.models import Role, User
from core.people import auth
from core.people.auth import Visitor

#: Seconds one answer may take.
PATIENCE = 30


@dataclass(frozen=True)
class Console:
    """A running console: its process, and a client with an admin's cookie."""

    pid: int
    client: httpx.Client


@contextmanager
def console(place: Place, url: str, engine: Engine) -> Iterator[Console]:
    """Start a console on a free port of the loopback address; end it with the block."""
    command = ("main.py", "serve", "--port", "0")
    environment = place.environment(url, PYTHONUNBUFFERED="1")
    with running(command, environment, place.folder / "console.log") as process:
        while "served at" not in (line := hear(process)):
            pass
        cookies = {"unstuck_session": _token(engine)}
        with httpx.Client(base_url=line.rsplit(" ", 1)[1], cookies=cookies, timeout=PATIENCE) as client:
            yield Console(process.pid, client)


def people(engine: Engine, number: int) -> list[UUID]:
    """Add users to run operations on."""
    with session_scope(engine) as session:
        added = [User(email=f"person{each}@example.com", name="Ana Example") for each in range(number)]
        session.add_all(added)
        session.flush()
        return [user.id for user in added]


def _token(engine: Engine) -> str:
    with session_scope(engine) as session:
        admin = User(email="admin@example.com", name="Ada Example", role=Role.ADMIN)
        session.add(admin)
        session.flush()
        link = auth.make_link(session, admin)
    with session_scope(engine) as session:
        return auth.sign_in_by_link(session, link, Visitor())
