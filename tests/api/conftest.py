"""The API as programs see it, without a browser."""

from collections.abc import Callable, Iterator
from functools import cache

import pytest
from argon2 import PasswordHasher
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine, create_engine

from core.database.engine import session_scope
from core.models import Role, User
from core.people import auth, passwords
from core.people.auth import Visitor
from tests.factories import make_user
from ui import access
from ui.api import metrics, probes
from ui.app import create_api


class CountingHasher(PasswordHasher):
    """A hasher that notes the hashes that it has verified."""

    def __init__(self, **settings: int) -> None:
        super().__init__(**settings)
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - its name in the library
        """Note the hash, and verify it."""
        self.verified.append(str(hash))
        return super().verify(hash, password)


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> Iterator[CountingHasher]:
    """Let argon2id take 1 ms instead of 200, and note what it verifies."""
    hasher = CountingHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", hasher)
    passwords._decoy_hash.cache_clear()
    yield hasher
    passwords._decoy_hash.cache_clear()


@cache
def api() -> FastAPI:
    """Return the API, whose first request takes 100 ms; each test sets its own engine."""
    return create_api(create_engine("postgresql+psycopg://"), "test")


@pytest.fixture
def anonymous(engine: Engine) -> Iterator[TestClient]:
    """Return a client that is not signed in."""
    application = api()
    access.use(engine)
    probes._readiness._flight = metrics._scrape._flight = None  # answers of the test before
    with TestClient(application, base_url="http://localhost", follow_redirects=False) as client:
        yield client


@pytest.fixture
def signed_in(engine: Engine, anonymous: TestClient) -> Callable[[Role], tuple[TestClient, User]]:
    """Return a function that signs in a new person of a role, on a client of their own."""

    def sign_in(role: Role) -> tuple[TestClient, User]:
        with session_scope(engine) as session:
            user = make_user(session, role=role)
            link = auth.make_link(session, user)
        with session_scope(engine) as session:
            token = auth.sign_in_by_link(session, link, Visitor())
        client = TestClient(anonymous.app, base_url="http://localhost", follow_redirects=False)
        client.cookies.set(access.cookie_name(), token)
        return client, user

    return sign_in
