"""Limits: counted in Redis for all replicas, in the process while Redis is away, and over after their time."""

import asyncio
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from starlette.responses import PlainTextResponse

from core.database.engine import session_scope
from core.errors import TooMany
from core.models import Role
from core.people import auth, rate_limits
from core.people.rate_limits import Limit
from tasks.shared_limiter import SharedLimiter
from tests.factories import make_user
from tests.loops import in_a_loop
from ui import access
from ui.api import metrics, probes
from ui.auth_middleware import AuthMiddleware
from ui.public_limits import SharedAnswer

#: Seconds of a window: the end of a minute, at which counts begin again, may come during any test.
LONG = 86_400
FEW = Limit("few", 3, LONG, "Too many of these.")
pytestmark = pytest.mark.usefixtures("quick_hashes")


@pytest.fixture(autouse=True)
def clean(redis_url: str) -> Iterator[None]:
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    yield
    rate_limits.use(None)


def test_replicas_count_together(redis_url: str) -> None:
    first, second = SharedLimiter(redis_url), SharedLimiter(redis_url)
    assert [each.hit(FEW, "a") for each in (first, second, first, second, first)] == [True, True, True, False, False]
    assert first.hit(FEW, "somebody else")


def test_a_process_counts_alone_while_there_is_no_broker() -> None:
    alone = SharedLimiter("redis://127.0.0.1:1/0")
    assert [alone.hit(FEW, "a") for _ in range(4)] == [True, True, True, False]
    assert alone.is_spent(FEW, "a")


def test_a_wiped_broker_forgives_nothing_that_the_process_has_seen(redis_url: str) -> None:
    limiter = SharedLimiter(redis_url)
    for _ in range(3):
        limiter.hit(FEW, "a")
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    assert not limiter.hit(FEW, "a")


@pytest.mark.parametrize("forged", ["many", "0.1", "", "nan", b"\xff\xfe"])
def test_a_foreign_value_under_a_counters_key_breaks_nothing(redis_url: str, forged: bytes | str) -> None:
    SharedLimiter(redis_url).hit(FEW, "a")
    with redis.Redis.from_url(redis_url) as client:
        for key in client.scan_iter():
            client.set(key, forged)
            client.set(key + b"/-1", forged, ex=100)
    for limiter in (SharedLimiter(redis_url), SharedLimiter(redis_url)):
        assert not limiter.is_spent(FEW, "a")
        assert limiter.hit(FEW, "a")


def test_reading_a_limit_counts_nothing(redis_url: str) -> None:
    limiter = SharedLimiter(redis_url)
    assert [limiter.is_spent(FEW, "a") for _ in range(9)] == [False] * 9
    assert limiter.hit(FEW, "a")


def test_a_refusal_says_when_it_ends(redis_url: str) -> None:
    rate_limits.use(SharedLimiter(redis_url))
    for _ in range(3):
        rate_limits.check(FEW, "a")
    with pytest.raises(TooMany) as refused:
        rate_limits.check(FEW, "a")
    assert 1 <= refused.value.retry_after <= LONG
    assert "Too many of these. Wait" in refused.value.detail


def test_nothing_is_limited_without_a_limiter() -> None:
    for _ in range(9):
        rate_limits.check(FEW, "a")


def lowered(monkeypatch: pytest.MonkeyPatch, redis_url: str, name: str) -> None:
    limit: Limit = getattr(rate_limits, name)
    monkeypatch.setattr(rate_limits, name, Limit(limit.name, 3, LONG, limit.says))
    rate_limits.use(SharedLimiter(redis_url))


@pytest.mark.parametrize("name", ["REQUESTS", "COMMANDS"])
def test_a_person_is_answered_429_with_retry_after(
    signed_in: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    lowered(monkeypatch, redis_url, name)
    admin: TestClient = signed_in(Role.ADMIN)[0]
    path = "/api/queues/demo/resume"
    answers: list[Any] = [admin.post(path) for _ in range(4)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True]
    assert answers[-1].headers["content-type"] == "application/problem+json"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= LONG


def guess(client: TestClient, email: str = "nobody@example.com") -> Any:
    return client.post("/login", data={"email": email, "password": "a wrong password", "next": "/"})


def test_guessing_ends_in_a_wait_and_a_link_still_signs_in(
    anonymous: TestClient, engine: Engine, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered(monkeypatch, redis_url, "GUESSES")
    with session_scope(engine) as session:
        link = auth.make_link(session, make_user(session, role=Role.SUPPORT))
    assert [guess(anonymous).status_code for _ in range(4)] == [401, 401, 401, 429]
    refused = guess(anonymous)
    assert int(refused.headers["Retry-After"]) >= 1
    assert "Too many failed sign-ins" in refused.text
    assert anonymous.post(f"/login/{link}").headers["location"] == "/"


def test_guesses_at_one_account_from_many_addresses_are_limited(
    anonymous: TestClient, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered(monkeypatch, redis_url, "GUESSES_AT_ONE")
    assert [guess(anonymous, "One@example.com").status_code for _ in range(4)] == [401, 401, 401, 429]
    assert guess(anonymous, "another@example.com").status_code == 401


def test_a_client_that_opens_pages_without_end_has_to_wait(
    signed_in: Any, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered(monkeypatch, redis_url, "PAGES")
    client, _ = signed_in(Role.MEMBER)
    pages = TestClient(AuthMiddleware(PlainTextResponse("a page"), FastAPI()), base_url="http://localhost")
    pages.cookies = client.cookies
    answers = [pages.get(path) for path in ("/jobs", "/", "/users/1", "/no/such/page")]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= LONG


def test_made_up_tokens_are_counted_by_address(
    anonymous: TestClient, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered(monkeypatch, redis_url, "STRANGERS")
    answers = [anonymous.get("/api/me", headers={"Authorization": f"Bearer unstuck_{n}"}) for n in range(4)]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]


def test_made_up_sessions_are_counted_by_address(redis_url: str, engine: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    lowered(monkeypatch, redis_url, "STRANGERS")
    access.use(engine)
    pages = TestClient(
        AuthMiddleware(PlainTextResponse("a page"), FastAPI()), base_url="http://localhost", follow_redirects=False
    )
    answers = [pages.get("/jobs", headers={"Cookie": f"{access.cookie_name()}=made-up-{n}"}) for n in range(4)]
    assert [answer.status_code for answer in answers] == [303, 303, 303, 429]


addresses = count()


def stranger(anonymous: TestClient) -> TestClient:
    """Return a client with an address that no other test has used."""
    return TestClient(
        anonymous.app, "http://localhost", follow_redirects=False, client=(f"192.0.2.{next(addresses)}", 50_000)
    )


PUBLIC = ["/healthz", "/readyz", "/metrics", "/login", "/login/oidc", "/login/code", "/api/openapi.json", "/api/docs"]


@pytest.mark.parametrize("path", PUBLIC)
def test_a_public_route_is_limited_by_address(
    anonymous: TestClient, redis_url: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    lowered(monkeypatch, redis_url, "STRANGERS")
    client = stranger(anonymous)
    answers = [client.get(path) for _ in range(4)]
    assert [answer.status_code == 429 for answer in answers] == [False, False, False, True]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= LONG
    assert path == "/healthz" or client.get("/healthz").status_code == 200, "a flood elsewhere leaves probes alone"


def test_static_parts_of_pages_have_a_limit_of_their_own(
    anonymous: TestClient, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lowered(monkeypatch, redis_url, "ASSETS")
    client = stranger(anonymous)
    assert [client.get("/assets/base.css").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert client.get("/login").status_code == 200


def test_an_answer_for_everyone_is_computed_once_a_second(engine: Engine) -> None:
    access.use(engine)
    computed = count()
    shared = SharedAnswer(lambda: next(computed))

    async def ask() -> list[int]:
        together = await asyncio.gather(*(shared.now() for _ in range(60)))
        soon = await shared.now()
        shared.fresh = -1
        return [*set(together), soon, await shared.now()]

    assert in_a_loop(ask()) == [0, 0, 1]


@pytest.mark.parametrize(("path", "shared"), [("/readyz", probes._readiness), ("/metrics", metrics._scrape)])
def test_a_probe_reads_the_database_once_a_second(
    anonymous: TestClient, engine: Engine, path: str, shared: SharedAnswer[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert shared.fresh == 1
    monkeypatch.setattr(shared, "fresh", 60)  # five requests may take more than a second
    begun: list[object] = []
    note = begun.append
    sa.event.listen(engine, "begin", note)
    try:
        assert {anonymous.get(path).status_code for _ in range(5)} == {200}
    finally:
        sa.event.remove(engine, "begin", note)
    assert len(begun) == 1


def test_the_metrics_show_an_old_transaction(anonymous: TestClient, engine: Engine) -> None:
    with engine.connect() as elsewhere:
        elsewhere.execute(sa.text("SELECT pg_current_xact_id()"))
        lines = dict(line.rsplit(" ", 1) for line in anonymous.get("/metrics").text.splitlines() if line[0] != "#")
    assert float(lines["unstuck_oldest_transaction_seconds"]) > 0
    assert {"unstuck_dead_rows", "unstuck_unsealed_seconds"} <= set(lines)
