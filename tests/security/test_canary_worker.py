"""Secrets of the worker's settings, of a job's arguments and of other services: in no log, error or answer."""

import logging
import os
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, make_url
from sqlmodel import Session, select

from core.address import masked
from core.database.engine import connect, session_scope
from core.jobs.request import request
from core.messages.outbox import Message, put
from core.models import BackgroundJob, JobStatus, NotificationChannel, Role, User
from core.operations.demo import EnableForm, enable
from core.people import auth
from core.people.auth import Visitor
from tests.factories import SUPPORT, make_user
from tests.security import again
from tests.security.conftest import COOKIE, ended, forked
from tests.security.test_canary import CANARY, PLANTED
from tests.waiting import eventually
from ui.app import create_api


class Telling(BaseHTTPRequestHandler):
    """A demo service that refuses, and repeats the credentials it received."""

    def do_GET(self) -> None:
        body = f"no: {self.headers.get('Authorization')} {CANARY}".encode()
        self.send_response(400, CANARY)
        self.send_header("X-Told", CANARY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def demo_service() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Telling) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://somebody:{CANARY}@127.0.0.1:{server.server_port}/{CANARY}"
        server.shutdown()


@pytest.fixture
def secrets(database_url: str, _valkey: str, demo_service: str, tmp_path: Path) -> dict[str, str]:
    """Return a worker's settings with a secret in each that can hold one; the broker refuses its own."""
    return {
        "DATABASE_URL": make_url(database_url).set(password=CANARY).render_as_string(hide_password=False),
        "REDIS_URL": _valkey.replace("unix://", f"unix://:{CANARY}@"),
        "DEMO_SERVICE_URL": demo_service,
        "SMTP_URL": f"smtp://somebody:{CANARY}@127.0.0.1:1",
        "UNSTUCK_SECRET_KEY": CANARY * 2,
        "UNSTUCK_OIDC_CLIENT_SECRET": CANARY,
        "UNSTUCK_DATA_DIR": str(tmp_path),
        "UNSTUCK_SWEEP_SECONDS": "0.2",
        "UNSTUCK_LOG_LEVEL": "debug",
    }


def planted_jobs(session: Session) -> tuple[User, list[BackgroundJob]]:
    """Request a job that the demo service refuses, and one whose arguments do not fit its form."""
    user = make_user(session)
    refused = request(session, enable, user.id, EnableForm(), SUPPORT)
    task = BackgroundJob(kind="maintenance.expire_sessions", queue="maintenance", args=PLANTED, max_attempts=1)
    session.add(task)
    put(session, Message(template="answer", user_id=user.id, data={"title": CANARY, "text": CANARY, "by": "Sam"}))
    session.commit()
    return user, [session.get_one(BackgroundJob, refused.id), task]


def test_a_workers_secrets_are_shown_nowhere(secrets: dict[str, str], session: Session, tmp_path: Path) -> None:
    user, jobs = planted_jobs(session)
    process = forked(["worker", "--threads", "1"], secrets, tmp_path / "worker.log")
    try:
        eventually(lambda: all(_has_failed(session, job) for job in jobs), within=60)
        refusal = eventually(lambda: session.exec(select(NotificationChannel.refusal)).first(), within=60)
    finally:
        ended(process)
    log = (tmp_path / "worker.log").read_text()
    assert "refused the request (400)" in (jobs[0].error_message or "")
    assert log.count('"outcome": "error"') == len(jobs)
    assert CANARY not in log + refusal
    assert user.email not in log
    for job in jobs:
        assert CANARY not in f"{job.error_type} {job.error_message} {job.error_traceback}"
    assert answers_with(session.get_bind(), CANARY, user, jobs) == []


def _has_failed(session: Session, job: BackgroundJob) -> bool:
    session.refresh(job)
    return job.status is JobStatus.FAILED


def answers_with(engine: Engine, secret: str, user: User, jobs: list[BackgroundJob]) -> list[str]:
    """Return which answers of the API to an admin hold the secret."""
    with session_scope(engine) as session:
        link = auth.make_link(session, make_user(session, role=Role.ADMIN))
    with session_scope(engine) as session:
        token = auth.sign_in_by_link(session, link, Visitor())
    paths = [f"/api/jobs/{job.id}{part}" for job in jobs for part in ("", "/events", "/explain")]
    paths += [
        "/api/jobs",
        f"/api/users/{user.id}",
        f"/api/users/{user.id}/timeline",
        "/api/workers",
        "/metrics",
        "/api/outbox",
    ]
    with TestClient(create_api(engine, "test"), base_url="http://localhost", cookies={COOKIE: token}) as admin:
        return [path for path in paths if secret in (answer := admin.get(path)).text or answer.status_code != 200]


def test_a_database_that_is_away_is_reported_without_its_password(caplog: pytest.LogCaptureFixture) -> None:
    away = connect(f"postgresql://somebody:{CANARY}@127.0.0.1:1/unstuck?application_name={CANARY}")
    caplog.set_level(logging.DEBUG, logger="ui")
    with TestClient(create_api(away, "test"), base_url="http://localhost", cookies={COOKIE: "x"}) as client:
        answers = [client.get(path) for path in ("/readyz", "/metrics", "/api/me", "/login/x")]
        answers.append(client.post("/api/auth/login", json={"email": "a@example.com", "password": CANARY}))
    away.dispose()
    assert {answer.status_code for answer in answers} == {200, 503}
    assert [str(answer.url) for answer in answers if CANARY in answer.text] == []
    assert CANARY not in caplog.text


@pytest.mark.parametrize("address", ["postgresql://u:{}@127.0.0.1:1/x", "postgresql://u@127.0.0.1:1/x?password={}"])
def test_a_verb_names_the_unreachable_database_without_its_password(address: str) -> None:
    environment = {
        **os.environ,
        "DATABASE_URL": address.format(CANARY),
        "REDIS_URL": f"redis://:{CANARY}@127.0.0.1:1/0",
    }
    done = again.start(["jobs", "list"], environment)
    assert done.returncode == 1
    assert "does not answer" in done.stderr
    assert CANARY not in done.stdout + done.stderr
    assert CANARY not in masked(address.format(CANARY)) + masked(f"redis://h:1/0?password={CANARY}")
