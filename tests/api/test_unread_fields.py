"""Every route refuses what it does not read, instead of ignoring it."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from sqlmodel import Session

from core import clock
from core.actor import Actor
from core.audit.search import AuditFilter
from core.commands.gateway import CommandRequest, perform
from core.errors import Invalid
from core.job_list.filters import JobFilter
from core.models import DemoModeStatus, Role, User

SignIn = Callable[[Role], tuple[TestClient, User]]

#: Probes, which balancers may call with anything.
PROBES = {"/healthz", "/readyz"}


@pytest.fixture
def admin(signed_in: SignIn) -> TestClient:
    return signed_in(Role.ADMIN)[0]


def answers(client: TestClient, **request: object) -> dict[str, str]:
    """Send the same to every route of the API; return each answer that does not refuse it."""
    paths = client.app.openapi()["paths"]
    ignored = {}
    for path in paths.keys() - PROBES:
        for method in paths[path]:
            answer = client.request(method, re.sub(r"{\w+}", str(uuid4()), path), **request)
            if answer.status_code != 422 or not (
                "runn_at" in answer.text or "reads no body" in answer.text or "JSON object" in answer.text
            ):
                ignored[f"{method} {path}"] = f"{answer.status_code} {answer.text[:200]}"
    return ignored


def test_every_route_refuses_parameters_that_it_does_not_read(admin: TestClient) -> None:
    assert answers(admin, params={"runn_at": "x"}) == {}


def test_every_route_refuses_fields_that_it_does_not_read(admin: TestClient) -> None:
    assert answers(admin, json={"runn_at": "x"}) == {}
    assert answers(admin, content=b"runn_at=x", headers={"Content-Type": "text/plain"}) == {}


def test_a_key_is_kept_or_refused_and_never_ignored(admin: TestClient) -> None:
    """Nothing is repeated by a program that believes in its key."""
    paths = admin.app.openapi()["paths"]
    unsafe = {(method, path) for path in paths for method in paths[path].keys() - {"get", "head"}}
    keeps = {
        (method, path)
        for method, path in unsafe
        if any(each["name"] == "Idempotency-Key" for each in paths[path][method].get("parameters", ()))
    }
    assert ("post", "/api/jobs/{job_id}/retry") in keeps
    for method, path in unsafe - keeps:
        answer = admin.request(method, re.sub(r"{\w+}", str(uuid4()), path), headers={"Idempotency-Key": "k-1"})
        assert (answer.status_code, "keeps no Idempotency-Key" in answer.text) == (422, True), (method, path)
    assert admin.get("/api/me", headers={"Idempotency-Key": "k-1"}).status_code == 200, "reading repeats nothing"


@pytest.mark.parametrize("path", ["/login", "/login/code", "/login/a-link", "/logout"])
def test_a_form_of_a_page_refuses_what_it_does_not_read(anonymous: TestClient, path: str) -> None:
    address = anonymous.post(f"{path}?password=hunter2-in-the-log")
    field = anonymous.post(path, data={"remember": "hunter2"})
    key = anonymous.post(path, headers={"Idempotency-Key": "k-1"})
    assert [answer.status_code for answer in (address, field, key)] == [422, 422, 422]
    assert "hunter2" not in address.text + field.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/login"])
def test_probes_and_pages_take_the_parameters_that_others_add(anonymous: TestClient, path: str) -> None:
    """A balancer or a mail program does not know what we read, and nothing is changed by it."""
    assert anonymous.get(path, params={"probe": "eu-1", "utm_source": "mail"}).status_code == 200


def test_a_refused_field_is_told_in_words_with_those_that_there_are(admin: TestClient) -> None:
    retry = admin.post(f"/api/jobs/{uuid4()}/retry", json={"run_at": "2026-11-22T10:00:00Z"})
    assert retry.json()["detail"] == "run_at: unknown field; this address reads reason."
    users = admin.get("/api/users", params={"need": "stuck"})
    assert users.json()["detail"] == "need: unknown parameter; this address reads q, situation, after, because."


@pytest.mark.parametrize("situation", [{}, {"situation": "waiting"}])
def test_a_reason_of_a_situation_that_was_not_named_is_refused_in_words(
    admin: TestClient, situation: dict[str, str]
) -> None:
    answer = admin.get("/api/users", params={"because": "demo", **situation})
    meant = "A reason (because) needs the situation that it is the reason of: failed or held or stuck."
    assert (answer.status_code, answer.json()["errors"]) == (422, [{"field": "because", "message": meant}])
    assert admin.get("/api/users", params={"because": "demo", "situation": "held"}).status_code == 200


@pytest.mark.parametrize("path", ["/api/jobs/facets?limit=5", "/api/audit/export?limit=5", "/api/audit?format=csv"])
def test_a_list_refuses_the_parameters_of_its_neighbour(admin: TestClient, path: str) -> None:
    assert admin.get(path).status_code == 422


def test_a_command_that_acts_at_once_refuses_a_time(engine: Engine) -> None:
    person = Actor(None, "a test", Role.ADMIN, "cli")
    command = CommandRequest(name="queue.resume", args={"name": "demo"}, run_at=clock.now() + timedelta(hours=1))
    with pytest.raises(Invalid, match="Resume queue acts at once; it cannot be planned"):
        perform(engine, person, command)


def test_a_planned_disable_waits_for_its_time(signed_in: SignIn, engine: Engine) -> None:
    client, user = signed_in(Role.MEMBER)
    tomorrow = (clock.now() + timedelta(days=1)).isoformat()
    with Session(engine) as session:
        session.get_one(User, user.id).demo_mode_status = DemoModeStatus.ENABLED
        session.commit()
    answer = client.post("/api/demo/disable", json={"run_at": tomorrow})
    assert answer.status_code == 202
    assert client.get("/api/demo/status").json()["job"]["run_at"] == tomorrow


@pytest.mark.parametrize(
    "query", ["status={}", "situation={}", "label={}", "created_after={}", "connection={}", "{}=1"]
)
@pytest.mark.parametrize("path", ["/api/jobs", "/api/jobs/facets", "/api/users", "/api/audit"])
def test_a_refusal_does_not_repeat_a_long_input(admin: TestClient, path: str, query: str) -> None:
    answer = admin.get(f"{path}?{query.format('x' * 5_000)}")
    assert answer.status_code == 422
    assert len(answer.text) < 1_500


def text_parameters(client: TestClient) -> Iterator[tuple[str, str]]:
    """Return the routes that read something, each with the name of a parameter that takes text."""
    for path, methods in client.app.openapi()["paths"].items():
        for each in methods.get("get", {}).get("parameters", ()):
            if each["in"] == "query" and '"string"' in json.dumps(each["schema"]):
                yield path, each["name"]
    yield from (
        (path, name)
        for path in ("/api/jobs", "/api/jobs/facets", "/api/jobs/export")
        for name in JobFilter.model_fields
    )
    yield from ((path, name) for path in ("/api/audit", "/api/audit/export") for name in AuditFilter.model_fields)


def test_a_character_that_is_stored_nowhere_is_refused_in_words(admin: TestClient) -> None:
    """PostgreSQL takes no NUL in a text."""
    asked, ignored = list(text_parameters(admin)), {}
    for path, name in asked:
        answer = admin.get(re.sub(r"{\w+}", str(uuid4()), path), params={name: "a\x00b"})
        if answer.status_code != 422 or name not in answer.json()["detail"]:
            ignored[f"{path}?{name}"] = f"{answer.status_code} {answer.text[:200]}"
    assert {("/api/users", "q"), ("/api/connections", "user"), ("/api/outbox", "channel")} <= set(asked)
    assert ignored == {}
