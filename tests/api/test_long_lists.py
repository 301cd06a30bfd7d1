"""Every list ends, and says where it goes on: pages, API and verbs read windows of it."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest
import typer
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from typer.testing import CliRunner

from core.database.engine import session_scope
from core.database.window import MOST
from core.job_list.rows import ATTEMPTS_SHOWN, EVENTS_SHOWN, detail
from core.models import Role, User
from core.people.users import user_page
from core.queues.workers import ALIVE_SHOWN, GONE_SHOWN, worker_listing
from core.schedules.listing import schedule_lines
from tests import driving
from ui import cli

SignIn = Callable[[Role], tuple[TestClient, User]]
MANY = 450
#: Each list's path, the statement that makes it long, and whether the caller's own rows come on top.
LONG = {
    "/api/jobs/{job}/events": "INSERT INTO events (name, job_id) SELECT 'job.noted', :job {many}",
    "/api/jobs/{job}/attempts": "INSERT INTO job_attempts (job_id, token, attempt, error_traceback) "
    "SELECT :job, n, n, repeat('x', 20000) {many}",
    "/api/users/{user}/timeline": "INSERT INTO events (name, user_id) SELECT 'user.noted', :user {many}",
    "/api/users/{user}/connections": "INSERT INTO platform_connections (id, user_id, platform, connection_status) "
    "SELECT gen_random_uuid(), :user, 'instagram', 'connected' {many}",
    "/api/users": "INSERT INTO users (id, email) SELECT gen_random_uuid(), n || '@example.com' {many}",
    "/api/operators": "INSERT INTO users (id, email, role) SELECT gen_random_uuid(), n || '@e.com', 'viewer' {many}",
    "/api/me/sessions": "INSERT INTO user_sessions (id, user_id, token_hash, user_agent, ip, expires_at) "
    "SELECT gen_random_uuid(), :user, n::text, '', '', now() + interval '1 hour' {many}",
    "/api/me/tokens": "INSERT INTO personal_tokens (id, user_id, name, token_hash, scope, expires_at) "
    "SELECT gen_random_uuid(), :user, n::text, n::text, 'read', now() + interval '1 day' {many}",
    "/api/workers": "INSERT INTO workers (id, host, pid, threads, queues) "
    "SELECT gen_random_uuid(), 'many', n, 1, '{{}}' {many}",
    "/api/schedules": "INSERT INTO schedules (id, name, kind, cron, next_due_at) "
    "SELECT gen_random_uuid(), n::text, 'maintenance.delete_old_jobs', '0 3 * * *', now() {many}",
    "/api/queues": "INSERT INTO queues (name) SELECT n::text {many}",
    "/api/kinds": "INSERT INTO job_kinds (kind) SELECT n::text {many}",
}
VERBS = {"users list": 50, "operators list": 100, "schedules list": 50, "queues list": MOST, "workers list": 50}


def fill(engine: Engine, *paths: str, **ids: Any) -> None:
    with session_scope(engine) as session:
        for path in paths:
            statement = LONG[path].format(many=f"FROM generate_series(1, {MANY}) n")
            session.connection().execute(text(statement), {name: ids[name] for name in ids if f":{name}" in statement})


@pytest.mark.parametrize("path", LONG)
def test_a_long_list_is_read_in_windows_to_its_end_without_gap_or_repeat(
    engine: Engine, signed_in: SignIn, path: str
) -> None:
    client, user = signed_in(Role.ADMIN)
    job = driving.ask(engine, driving.BY_NAME["demo.enable"], user.id, {"preset": "nano"})
    fill(engine, path, job=job, user=user.id)
    rows: list[str] = []
    after: int | None = 0
    while after is not None:
        answer = client.get(path.format(user=user.id, job=job), params={"after": after})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) <= MOST
        rows += [json.dumps(row, sort_keys=True) for row in answer.json()["items"]]
        after = answer.json()["next"]
    assert len(rows) >= MANY
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("path", [path for path in LONG if path != "/api/users"])
def test_no_answer_has_more_than_200_rows(signed_in: SignIn, path: str) -> None:
    client, user = signed_in(Role.ADMIN)
    assert client.get(path.format(user=user.id, job=user.id), params={"limit": 201}).status_code == 422


def test_a_job_s_page_shows_the_newest_attempts_and_events_and_goes_back_to_the_first(engine: Engine) -> None:
    kind = driving.BY_NAME["demo.enable"]
    user = driving.prepare(engine, kind)
    job = driving.ask(engine, kind, user, {"preset": "nano"})
    fill(engine, "/api/jobs/{job}/events", "/api/jobs/{job}/attempts", job=job)
    with session_scope(engine) as session:
        newest = detail(session, job)
        assert [attempt.token for attempt in newest.attempts] == list(range(MANY - ATTEMPTS_SHOWN + 1, MANY + 1))
        assert (len(newest.events), newest.events.next) == (EVENTS_SHOWN, EVENTS_SHOWN)
        first = detail(session, job, attempts_from=MANY - 3, events_from=MANY - 2)
        assert [attempt.token for attempt in first.attempts] == [1, 2, 3]
        assert (first.events[0].name, first.events.next) == ("job.requested", None)


def test_pages_of_users_workers_and_schedules_are_bounded(engine: Engine, signed_in: SignIn) -> None:
    _, user = signed_in(Role.ADMIN)
    own = ("/api/users/{user}/connections", "/api/users/{user}/timeline", "/api/workers", "/api/schedules")
    fill(engine, *own, user=user.id)
    with session_scope(engine) as session:
        page = user_page(session, user.id)
        assert (len(page.connections), len(page.events)) == (30, 60)
        assert len(schedule_lines(session)) == 50
        assert len(worker_listing(session).alive) == ALIVE_SHOWN
        session.connection().execute(text("UPDATE workers SET lost_at = now()"))
    with session_scope(engine) as session:
        gone = worker_listing(session).gone
        assert (len(gone), gone.next) == (GONE_SHOWN, GONE_SHOWN)
        assert {line.worker.id for line in worker_listing(session, gone_from=GONE_SHOWN).gone}.isdisjoint(
            line.worker.id for line in gone
        )


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_lists_a_window_and_says_how_to_see_the_rest(engine: Engine, verb: str) -> None:
    fill(engine, "/api/users", "/api/operators", "/api/workers", "/api/schedules", "/api/queues")
    program = typer.Typer()
    cli.install(program, lambda: nullcontext(engine))
    result = CliRunner().invoke(program, [*verb.split(), "--json"], catch_exceptions=False)
    assert len(json.loads(result.stdout)) == VERBS[verb]
    assert f"--after {VERBS[verb]}" in result.stderr
    last = CliRunner().invoke(program, [*verb.split(), "--after", "10000"], catch_exceptions=False)
    assert (last.exit_code, last.stderr) == (0, "")
