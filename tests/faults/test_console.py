"""The console while the database is away, and how soon it recovers."""

import re
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from core.database.engine import session_scope
from core.models import JobStatus, Role
from core.people.passwords import hash_password
from tests.factories import make_user
from tests.faults.cluster import NANO, PROGRAM, Cluster, heal_and_check
from tests.waiting import eventually

PASSWORD = "a password for tests alone"
#: Seconds after which everything works again once the database is back.
BACK = 10


@pytest.fixture
def console(cluster: Cluster) -> Iterator[Callable[..., httpx.Client]]:
    """Return a function that starts a console and signs a support person in."""
    clients = []

    def start(**settings: object) -> httpx.Client:
        with session_scope(cluster.engine) as session:
            person = make_user(session, role=Role.SUPPORT, hashed_password=hash_password(PASSWORD))
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        cluster.spawn((*PROGRAM, "serve", "--port", str(port)), **settings)
        client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60, verify=False)
        clients.append(client)
        eventually(lambda: _status(client, "/readyz") == 200, within=60)
        answer = client.post("/api/auth/login", json={"email": person.email, "password": PASSWORD})
        assert answer.status_code < 300, answer.text
        return client

    yield start
    for client in clients:
        client.close()


def _status(client: httpx.Client, path: str) -> int:
    try:
        return client.get(path).status_code
    except httpx.TransportError:
        return 0


def test_while_the_database_is_down_the_console_says_so_and_is_back_by_itself(
    cluster: Cluster, console: Callable[..., httpx.Client]
) -> None:
    client = console()
    [user] = cluster.make_users(1)
    assert client.get("/api/jobs").status_code == 200
    cluster.servers.crash_postgres()
    assert client.get("/healthz").status_code == 200
    eventually(lambda: _status(client, "/readyz") == 503, within=5)  # its answer is good for a second
    for answer in (client.get("/api/jobs"), client.post(f"/api/users/{user.id}/operations/demo.enable", json={})):
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert not re.search(r"Traceback|psycopg|sqlalchemy", answer.text)
    cluster.servers.start_postgres()
    eventually(lambda: _status(client, "/readyz") == 200 and _status(client, "/api/jobs") == 200, within=BACK)
    job_id = eventually(lambda: _accepted(client, f"/api/users/{user.id}/operations/demo.enable"), within=BACK)
    cluster.acknowledged.append(job_id)
    heal_and_check(cluster)
    assert cluster.state_of(user) == ("enabled", NANO)


def test_a_console_alone_brings_cancelled_and_abandoned_jobs_to_rest(
    cluster: Cluster, console: Callable[..., httpx.Client]
) -> None:
    client = console(UNSTUCK_ORPHAN_MINUTES=0.1)
    worker = cluster.start_worker(UNSTUCK_DEMO_STEP_SECONDS=0.3)
    (one, cancelled), (other, abandoned) = cluster.ask(2)
    for job in (cancelled, abandoned):
        cluster.begin(job)
    worker.kill()
    assert client.post(f"/api/jobs/{cancelled.id}/cancel").status_code < 300
    eventually(lambda: cluster.has_ended(cancelled, abandoned), within=30)
    assert [cluster.job(job).status for job in (cancelled, abandoned)] == [JobStatus.CANCELLED, JobStatus.FAILED]
    assert [cluster.state_of(user) for user in (one, other)] == [("disabled", 0), ("failed", 0)]
    heal_and_check(cluster)


def _accepted(client: httpx.Client, path: str) -> object:
    from uuid import UUID

    answer = client.post(path, json={"preset": "nano"})
    return UUID(answer.json()["job_id"]) if answer.status_code == 202 else None


def test_the_console_reports_that_it_lives_while_the_database_is_silent(
    cluster: Cluster, console: Callable[..., httpx.Client]
) -> None:
    client = console(DATABASE_URL=cluster.servers.through_proxy(cluster.database_url))
    with ThreadPoolExecutor(60) as visitors:  # more than there are threads for requests, and connections
        assert set(visitors.map(lambda _: _status(client, "/api/jobs"), range(60))) <= {200, 503}
        cluster.servers.database_proxy.be("blackhole")
        waiting = [visitors.submit(_status, client, "/api/jobs") for _ in range(60)]
        assert client.get("/healthz", timeout=2).status_code == 200
        assert {answer.result() for answer in waiting} <= {0, 503}
    eventually(lambda: _status(client, "/readyz") == 503, within=60)
    cluster.servers.database_proxy.be("up")
    eventually(lambda: _status(client, "/readyz") == 200 and _status(client, "/api/jobs") == 200, within=60)
    heal_and_check(cluster)
