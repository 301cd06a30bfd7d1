"""A row that another program or another release wrote is shown beside the others, and takes none of them with it."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from uuid import UUID

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlmodel import Session
from typer.testing import CliRunner

from core.database.engine import session_scope
from core.diagnosis.invariants import violations
from core.models import Role, User
from tests import driving
from tests.factories import make_user
from tests.repeats import mostly_slow
from ui import cli

SignIn = Callable[[Role], tuple[TestClient, User]]
#: Another release may know more states; its migrations say so.
FREED = (
    ("background_jobs", "status"),
    ("job_attempts", "outcome"),
    ("users", "role"),
    ("users", "demo_mode_status"),
    ("platform_connections", "connection_status"),
    ("personal_tokens", "scope"),
)
#: Every time of a job, JSON of all sorts, and states and kinds of another release.
JOB = (
    *(f"{column} = '{end}infinity'" for column in ("run_at", "created_at", "updated_at") for end in ("", "-")),
    "started_at = '-infinity', finished_at = 'infinity'",
    "created_at = '20000-01-01'",
    "created_at = '0044-03-15 BC'",
    "args = '[1]'",
    "args = '\"text\"'",
    "args = 'null'",
    "result = '[1]'",
    'args = \'{"colour": "red"}\'',
    "kind = 'demo.of_another_release', run_at = now() - interval '1 hour'",
    "status = 'parked'",
)
LISTS = ("/api/jobs", "/api/jobs?sort=created_at", "/api/jobs/facets", "/api/stats", "/readyz", "/metrics")


def change(engine: Engine, *statements: str, **values: object) -> None:
    with session_scope(engine) as session:
        for statement in statements:
            session.connection().execute(text(statement), values)


@pytest.fixture
def freed(engine: Engine) -> Engine:
    """Return a database that another release has migrated."""
    change(engine, *(f"ALTER TABLE {table} DROP CONSTRAINT ck_{table}_{column}" for table, column in FREED))
    return engine


@pytest.fixture
def jobs(freed: Engine) -> list[UUID]:
    """Return the ids of two jobs: one healthy, one to be changed."""
    kind = driving.BY_NAME["demo.enable"]
    users = [driving.prepare(freed, kind) for _ in range(2)]
    return [driving.ask(freed, kind, user, {"preset": "nano"}) for user in users]


# Each second one where time is short.
@pytest.mark.parametrize("odd", mostly_slow([*JOB[::4], *JOB[2::4], *JOB[1::2]], fast=len(JOB[::4])))
def test_an_unreadable_job_is_listed_with_its_id_and_so_are_the_others(
    freed: Engine, jobs: list[UUID], signed_in: SignIn, odd: str
) -> None:
    client, _ = signed_in(Role.ADMIN)
    change(freed, f"UPDATE background_jobs SET {odd} WHERE id = :id", id=jobs[1])
    for path in (*LISTS, *(f"/api/jobs/{jobs[1]}{part}" for part in ("", "/events", "/explain"))):
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text)
    listed = client.get("/api/jobs").json()["items"]
    assert {row["id"] for row in listed} == {str(job) for job in jobs}
    if "colour" not in odd and "null" not in odd:
        assert str(jobs[1]) in {row["id"] for row in unreadable(freed)}, "doctor names it"


def unreadable(engine: Engine) -> list[dict[str, str]]:
    with Session(engine) as session:
        broken = {each.invariant.name: list(each.rows) for each in violations(session)}
    return broken.get("rows are readable", [])


def test_a_healthy_job_is_claimed_beside_unreadable_ones(freed: Engine, jobs: list[UUID]) -> None:
    change(freed, "UPDATE background_jobs SET run_at = '-infinity', created_at = 'infinity' WHERE id = :id", id=jobs[1])
    claimed = [driving.must_take(freed).id for _ in jobs]
    assert set(claimed) == set(jobs)


OTHERS = {
    "an attempt of another release": """INSERT INTO job_attempts (job_id, token, attempt, outcome, started_at)
        VALUES (:job, 99, 1, 'vanished', '-infinity')""",
    "an event that is no object": """INSERT INTO events (name, job_id, user_id, via, data, at)
        VALUES ('job.noted', :job, :user, 'api', '[1]', 'infinity')""",
    "a token for ever": """INSERT INTO personal_tokens (id, user_id, name, token_hash, scope, expires_at)
        VALUES (gen_random_uuid(), :user, 'for ever', 'x', 'admin', 'infinity')""",
    "a session for ever": """INSERT INTO user_sessions (id, user_id, token_hash, user_agent, ip, expires_at)
        VALUES (gen_random_uuid(), :user, 'x', '', '', 'infinity')""",
    "a role of another release": """INSERT INTO users (id, email, role, demo_mode_status, created_at)
        VALUES (gen_random_uuid(), 'odd@unstuck.example', 'owner', 'parked', '-infinity')""",
    "a connection of another release": """INSERT INTO platform_connections (id, user_id, platform, connection_status,
        created_at) VALUES (gen_random_uuid(), :user, 'instagram', 'parked', 'infinity')""",
    "a worker for ever": """INSERT INTO workers (id, host, pid, threads, queues, heartbeat_at, started_at)
        VALUES (gen_random_uuid(), 'odd', 1, 1, '{}', 'infinity', '-infinity')""",
    "a worker of old": """INSERT INTO workers (id, host, pid, threads, queues, heartbeat_at, started_at, lost_at)
        VALUES (gen_random_uuid(), 'odd', 1, 1, '{}', '-infinity', 'infinity', 'infinity')""",
    "a queue paused for ever": "INSERT INTO queues (name, paused_at, paused_by) VALUES ('demo', 'infinity', 'odd')",
    "a kind paused for ever": "INSERT INTO job_kinds (kind, paused_at, paused_by) VALUES ('odd', '-infinity', 'odd')",
    "a schedule without a zone": """INSERT INTO schedules (id, name, kind, cron, timezone, next_due_at)
        VALUES (gen_random_uuid(), 'odd', 'maintenance.delete_old_jobs', '0 3 * * *', 'localtyme', 'infinity')""",
    "a schedule without a time": """INSERT INTO schedules (id, name, kind, at, args, next_due_at)
        VALUES (gen_random_uuid(), 'odder', 'of.another', 'infinity', '[1]', '-infinity')""",
}
#: One by one as well where there is time: a row that breaks a list beside all others breaks it alone too.
ODD = [tuple(OTHERS), *(pytest.param((odd,), marks=pytest.mark.slow) for odd in OTHERS)]
PATHS = [
    "/api/me/tokens",
    "/api/me/sessions",
    "/api/users",
    "/api/users/{user}",
    "/api/operators",
    "/api/audit",
    "/api/audit/export",
    "/api/workers",
    "/api/queues",
    "/api/kinds",
    "/api/schedules",
    "/api/stats",
    "/readyz",
    "/metrics",
    "/api/jobs",
    "/api/jobs/{job}",
    "/api/jobs/{job}/events",
    "/api/users/{user}/sessions",
    "/api/users/{user}/diagnosis",
]
VERBS = ("users list", "operators list", "schedules list", "queues list", "workers list", "jobs list")


@pytest.mark.parametrize("odd", ODD)
def test_unreadable_rows_take_no_list_with_them(
    freed: Engine, jobs: list[UUID], signed_in: SignIn, odd: tuple[str, ...]
) -> None:
    client, user = signed_in(Role.ADMIN)
    for each in odd:
        change(freed, OTHERS[each], job=jobs[1], user=user.id)
    for path in PATHS:
        answer = client.get(path.format(user=user.id, job=jobs[1]))
        assert answer.status_code in (200, 404), (path, answer.text)
    assert unreadable(freed), "doctor names it"


@pytest.mark.parametrize("odd", ODD)
def test_unreadable_rows_take_no_verb_with_them(freed: Engine, jobs: list[UUID], odd: tuple[str, ...]) -> None:
    with session_scope(freed) as session:
        user = make_user(session, role=Role.ADMIN)
    for each in odd:
        change(freed, OTHERS[each], job=jobs[1], user=user.id)
    program = typer.Typer()
    cli.install(program, lambda: nullcontext(freed))
    for verb in (*VERBS, f"users show {user.email}", f"jobs show {jobs[1]}"):
        for ending in ([], ["--json"]):
            result = CliRunner().invoke(program, [*verb.split(), *ending], catch_exceptions=False)
            assert result.exit_code == 0, (verb, result.output)
    result = CliRunner().invoke(program, ["doctor", "--json"], catch_exceptions=False)
    assert "rows are readable" in {finding["problem"] for finding in json.loads(result.output)}
