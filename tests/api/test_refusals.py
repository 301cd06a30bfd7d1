"""Bad input, missing rights and doubled requests: each gets a clear sentence, and nothing is half done."""

import re
from collections.abc import Callable
from uuid import uuid4

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, func, select

from core.models import BackgroundJob, DemoModeStatus, Event, Role, User
from tests import driving
from tests.loops import in_a_loop
from ui.api.auth import own_path
from ui.error_page import unavailable

SignIn = Callable[[Role], tuple[TestClient, User]]


def jobs_in(engine: Engine) -> int:
    with Session(engine) as session:
        return session.exec(select(func.count()).select_from(BackgroundJob)).one()


@pytest.mark.parametrize("path", ["/api/jobs", "/api/queues"])
def test_a_client_that_leaves_before_its_request_is_whole_is_no_error(
    signed_in: SignIn, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    client, _ = signed_in(Role.VIEWER)
    request = client.build_request("GET", path)
    scope = {
        "type": "http", "method": "GET", "path": path, "raw_path": path.encode(), "query_string": b"", "scheme": "http",
        "headers": [(name.lower(), value) for name, value in request.headers.raw], "client": ("testclient", 1),
        "server": ("localhost", 80), "http_version": "1.1", "root_path": "",
    }  # fmt: skip
    sent = []

    async def receive() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    in_a_loop(client.app(scope, receive, send))
    assert [each["status"] for each in sent if "status" in each] == [400]
    assert [each for each in caplog.records if each.levelname == "ERROR"] == []


def enable(client: TestClient, user: User, **body: object) -> object:
    return client.post(f"/api/users/{user.id}/operations/demo.enable", json=body)


def test_enabling_answers_with_the_job_and_where_to_look(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.SUPPORT)
    _, customer = signed_in(Role.MEMBER)
    answer = enable(client, customer, preset="nano", reason="on the phone")
    assert answer.status_code == 202
    job = client.get(answer.json()["status_url"]).json()
    assert (job["label"], job["kind"], job["reason"]) == ("queued", "demo.enable", "on the phone")


def test_a_second_enable_while_one_runs_is_refused_with_the_jobs_id(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.SUPPORT)
    _, customer = signed_in(Role.MEMBER)
    first = enable(client, customer, preset="nano").json()
    second = enable(client, customer, preset="nano")
    assert (second.status_code, second.json()["job_id"]) == (409, first["job_id"])
    assert second.headers["content-type"] == "application/problem+json"
    assert jobs_in(engine) == 1


@pytest.mark.parametrize(
    ("path", "body", "status", "says"),
    [
        ("/api/users/{unknown}/operations/demo.enable", {}, 404, "There is no user with id"),
        ("/api/users/{user}/operations/demo.enable", {"preset": "huge"}, 422, "preset"),
        ("/api/users/{user}/operations/demo.enable", {"preset": "nano", "run_at": "tomorrow"}, 422, "run_at"),
        ("/api/users/{user}/operations/demo.enable", {"run_at": "2026-11-22T10:00:00"}, 422, "zone"),
        ("/api/users/{user}/operations/demo.enable", {"run_at": "1999-01-01T00:00:00Z"}, 422, "time"),
        ("/api/users/{user}/operations/demo.enable", {"colour": "red"}, 422, "colour"),
        ("/api/users/{user}/operations/demo.enable", {"reason": "x" * 501}, 422, "reason"),
        ("/api/users/{user}/operations/demo.disable", {}, 409, "cannot start from disabled"),
        ("/api/users/{user}/operations/demo.explode", {}, 404, "nothing at this address"),
        ("/api/users/not-an-id/operations/demo.enable", {}, 422, "target"),
        ("/api/jobs/{unknown}/retry", {}, 404, "There is no job with id"),
        ("/api/jobs/{unknown}/cancel", {}, 404, "There is no job with id"),
    ],
)
def test_bad_input_gets_a_clear_sentence_and_changes_nothing(
    signed_in: SignIn, engine: Engine, path: str, body: dict[str, object], status: int, says: str
) -> None:
    client, _ = signed_in(Role.SUPPORT)
    _, customer = signed_in(Role.MEMBER)
    answer = client.post(path.format(user=customer.id, unknown=uuid4()), json=body)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"] or says in str(answer.json().get("errors"))
    assert answer.headers["content-type"] == "application/problem+json"
    assert jobs_in(engine) == 0
    with Session(engine) as session:
        assert session.get_one(User, customer.id).demo_mode_status is DemoModeStatus.DISABLED


@pytest.mark.parametrize(
    "query", ["status=lost", "created_after=yesterday", "limit=0", "limit=201", "after=zzz", "colour=1"]
)
def test_a_list_with_a_bad_filter_names_the_field(signed_in: SignIn, query: str) -> None:
    client, _ = signed_in(Role.VIEWER)
    answer = client.get(f"/api/jobs?{query}")
    assert answer.status_code == 422
    assert query.split("=")[0] in answer.text


def test_a_member_may_change_only_their_own_demo_mode(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.MEMBER)
    _, other = signed_in(Role.MEMBER)
    assert enable(client, other, preset="nano").status_code == 403
    assert jobs_in(engine) == 0
    own = client.post("/api/demo/enable", json={"preset": "nano"})
    assert own.status_code == 202
    assert client.get("/api/demo/status").json()["status"] == "enabling"
    assert client.post(f"/api/jobs/{own.json()['job_id']}/cancel").status_code == 202
    assert client.get("/api/demo/status").json()["status"] == "disabled"


def test_a_member_may_not_touch_anothers_job(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.MEMBER)
    _, other = signed_in(Role.MEMBER)
    job = driving.ask(engine, driving.BY_NAME["demo.enable"], other.id, {"preset": "nano"})
    assert client.post(f"/api/jobs/{job}/cancel").status_code == 403
    assert client.get(f"/api/jobs/{job}").status_code == 404


@pytest.mark.parametrize("role", [Role.MEMBER, Role.VIEWER])
def test_a_viewer_who_tries_a_change_learns_the_missing_role(signed_in: SignIn, engine: Engine, role: Role) -> None:
    client, _ = signed_in(role)
    _, customer = signed_in(Role.MEMBER)
    answer = enable(client, customer, preset="nano")
    assert (answer.status_code, answer.json()["role"]) == (403, "support")


def test_every_route_but_the_public_ones_needs_a_session(anonymous: TestClient) -> None:
    public = {"/healthz", "/readyz", "/api/auth/login"}
    paths = anonymous.app.openapi()["paths"]
    guarded = [(method, path) for path in paths for method in paths[path] if path not in public]
    assert len(guarded) > 15
    for method, path in guarded:
        answer = anonymous.request(method, re.sub(r"{\w+}", str(uuid4()), path), json={})
        assert answer.status_code == 401, (method, path, answer.text)


def test_a_request_from_another_sites_page_is_refused(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.MEMBER)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        assert client.post("/api/demo/enable", json={"preset": "nano"}, headers=headers).status_code == 403
    assert jobs_in(engine) == 0


def test_the_same_idempotency_key_gives_the_same_job(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.MEMBER)
    headers = {"Idempotency-Key": "press-1"}
    answers = [client.post("/api/demo/enable", json={"preset": "nano"}, headers=headers) for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert jobs_in(engine) == 1
    other = client.post("/api/demo/enable", json={"preset": "micro"}, headers=headers)
    assert (other.status_code, jobs_in(engine)) == (409, 1)


@pytest.mark.parametrize("key", ["a\x00b", "k" * 201, ""])
def test_an_idempotency_key_that_cannot_be_kept_is_refused(signed_in: SignIn, key: str) -> None:
    client, _ = signed_in(Role.ADMIN)
    answer = client.post("/api/queues/demo/resume", headers={"Idempotency-Key": key})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_two_idempotency_keys_are_refused(signed_in: SignIn) -> None:
    client, _ = signed_in(Role.ADMIN)
    answer = client.post("/api/queues/demo/resume", headers=[("Idempotency-Key", "a"), ("Idempotency-Key", "b")])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "Idempotency-Key")


def test_a_foreign_host_is_refused(anonymous: TestClient) -> None:
    answer = anonymous.get("/api/me", headers={"Host": "evil.example"})
    assert answer.status_code == 400
    assert anonymous.get("/healthz").headers["content-security-policy"].startswith("default-src 'self'")


@pytest.mark.parametrize(
    "next_address", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_the_sign_in_never_leads_to_another_site(next_address: str) -> None:
    assert own_path(next_address) == "/"
    assert own_path("/jobs?status=failed") == "/jobs?status=failed"


def test_every_change_by_a_person_has_exactly_one_event(signed_in: SignIn, engine: Engine) -> None:
    client, person = signed_in(Role.SUPPORT)
    _, customer = signed_in(Role.MEMBER)
    job = enable(client, customer, preset="nano", reason="asked").json()["job_id"]
    client.post(f"/api/jobs/{job}/cancel", json={"reason": "changed their mind"})
    client.post(f"/api/jobs/{job}/retry", json={"reason": "changed it again"})
    with Session(engine) as session:
        rows = session.exec(select(Event).where(Event.actor_id == person.id).order_by(Event.id)).all()
        job_events = [(event.name, event.reason, event.via) for event in rows if event.name.startswith("job.")]
    assert job_events == [
        ("job.requested", "asked", "api"),
        ("job.cancelled", "changed their mind", "api"),
        ("job.requested", "changed it again", "api"),
    ]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("PUT", "/api/jobs", 405),
        ("DELETE", "/api/me", 405),
        ("GET", "/api/nope", 404),
        ("GET", "/api/jobs?offset=9223372036854775807", 422),
        ("GET", "/api/jobs?offset=-1", 422),
    ],
)
def test_a_request_that_the_api_does_not_take_is_answered_as_a_problem(
    signed_in: SignIn, method: str, path: str, status: int
) -> None:
    client, _ = signed_in(Role.ADMIN)
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_probes_answer_to_any_host(anonymous: TestClient, path: str) -> None:
    """Kubernetes and Prometheus ask by IP address."""
    assert anonymous.get(path, headers={"Host": "10.2.3.4:8080"}).status_code == 200
    assert anonymous.get(f"{path}/", headers={"Host": "10.2.3.4:8080"}).status_code == 400


def test_probes_answer_head_too(anonymous: TestClient) -> None:
    assert anonymous.head("/healthz").status_code == 200
    assert anonymous.head("/readyz").status_code == 200


def test_a_refusal_does_not_reveal_whether_a_job_exists(signed_in: SignIn, engine: Engine) -> None:
    client, _ = signed_in(Role.MEMBER)
    _, other = signed_in(Role.MEMBER)
    job = driving.ask(engine, driving.BY_NAME["demo.enable"], other.id, {"preset": "nano"})
    foreign, unknown = (client.post(f"/api/jobs/{job_id}/cancel") for job_id in (job, uuid4()))
    assert (foreign.status_code, foreign.json()) == (unknown.status_code, unknown.json())


@pytest.mark.parametrize(("at", "sentence"), [("statement", "Nothing was changed"), ("commit", "Check whether")])
def test_a_connection_that_breaks_says_nothing_was_changed_only_where_that_is_certain(
    engine: Engine, database_url: str, at: str, sentence: str
) -> None:
    with Session(engine) as session:
        pid = session.connection().scalar(text("SELECT pg_backend_pid()"))
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        with pytest.raises(OperationalError) as broken:
            session.connection().execute(text("SELECT 1")) if at == "statement" else session.commit()
    assert sentence in (unavailable(broken.value) or "")
