"""Guessing and flooding by a person who is signed in already or knows one password."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import extract_parameters
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from core.database.engine import session_scope
from core.errors import TooMany
from core.models import Role, User
from core.people import auth, passwords, rate_limits
from core.people.auth import Visitor
from core.people.rate_limits import Limit
from tasks.shared_limiter import SharedLimiter
from tests.api.conftest import CountingHasher
from tests.api.conftest import anonymous as anonymous
from tests.api.conftest import quick_hashes as quick_hashes
from tests.api.conftest import signed_in as signed_in
from tests.factories import make_user

RIGHT, OTHER = "violet-hammer-ocean-17", "copper-window-lantern-23"


@pytest.fixture(autouse=True)
def three_tries(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("PROOFS", "SIGN_INS"):
        limit: Limit = getattr(rate_limits, name)
        monkeypatch.setattr(rate_limits, name, Limit(limit.name, 3, limit.seconds, limit.says))
    rate_limits.use(SharedLimiter(redis_url))
    yield
    rate_limits.use(None)


@pytest.mark.usefixtures("quick_hashes")
def test_a_session_is_no_place_to_guess_the_password(signed_in: Any) -> None:
    client: TestClient = signed_in(Role.MEMBER)[0]
    assert client.post("/api/me/password", json={"password": RIGHT}).status_code == 200
    tried = [{"password": OTHER, "current": f"guess {number}"} for number in range(3)]
    assert [client.post("/api/me/password", json=body).status_code for body in tried] == [422, 422, 429]
    assert client.post("/api/me/password", json={"password": OTHER, "current": RIGHT}).status_code == 429


@pytest.mark.usefixtures("quick_hashes")
def test_repeated_sign_ins_of_one_person_are_limited(engine: Engine) -> None:
    with session_scope(engine) as session:
        user = make_user(session, hashed_password=passwords.hash_password(RIGHT))
    for _ in range(3):
        auth.sign_in(engine, user.email, RIGHT, Visitor(ip="192.0.2.1"), "console")
    with pytest.raises(TooMany, match="too often"):
        auth.sign_in(engine, user.email, RIGHT, Visitor(ip="192.0.2.1"), "console")


@pytest.mark.usefixtures("quick_hashes")
def test_a_crowd_that_signs_in_is_refused_at_once_and_not_kept_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_PLACES", threading.Semaphore(1))
    assert not passwords.matches(None, RIGHT), "the place is given back"
    assert not passwords.matches(None, RIGHT)
    monkeypatch.setattr(passwords, "_PLACES", threading.Semaphore(0))
    with pytest.raises(TooMany, match="Many people are signing in"):
        passwords.matches(None, RIGHT)


def test_a_hash_of_the_legacy_program_is_as_much_work_as_an_unknown_address(quick_hashes: CountingHasher) -> None:
    """Work is counted, not timed: each guess is one verification of an argon2 hash with the same settings."""
    for user in (None, User(email="old@example.com", hashed_password="$2b$12$" + "x" * 53)):
        assert not passwords.matches(user, RIGHT)
    first, second = map(extract_parameters, quick_hashes.verified)
    assert first == second
