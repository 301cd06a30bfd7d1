"""A failover: the server turns read-only while connections to it stay open, and its address moves to another server."""

import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError
from starlette.requests import Request

from core.database import pool, timeouts
from core.database.engine import NoConnection, connect, session_scope
from core.database.failover import DatabaseReadOnly
from core.models import Role
from core.people.passwords import hash_password
from tests.factories import make_user
from tests.faults.cluster import Cluster
from tests.loops import in_a_loop
from tests.waiting import eventually
from ui.app import create_api
from ui.error_page import broken_page

#: Seconds after which everything works again once the address has moved.
BACK = 10
PASSWORD = "a password for tests alone"


@pytest.fixture
def engine(cluster: Cluster) -> Iterator[Engine]:
    """Return an engine whose address can be moved."""
    engine = connect(cluster.servers.through_proxy(cluster.database_url))
    yield engine
    engine.dispose()


def test_after_a_failover_console_and_worker_write_to_the_new_server(cluster: Cluster, engine: Engine) -> None:
    servers = cluster.servers
    with session_scope(cluster.engine) as session:
        email = make_user(session, role=Role.SUPPORT, hashed_password=hash_password(PASSWORD)).email
    cluster.engine.dispose()
    client = TestClient(create_api(engine, "test"), base_url="http://localhost", raise_server_exceptions=False)

    def sign_in() -> tuple[int, str]:
        answer = client.post("/api/auth/login", json={"email": email, "password": PASSWORD})
        return answer.status_code, answer.text

    with ExitStack() as stack:
        new_server = stack.enter_context(servers.copied_postgres())
        worker = cluster.start_worker(DATABASE_URL=servers.through_proxy(cluster.database_url))
        assert sign_in()[0] == 200
        stack.enter_context(servers.read_only())
        eventually(lambda: client.get("/readyz").status_code == 503)
        status, problem = sign_in()
        assert status == 503
        for answer in (problem, client.get("/readyz").text):
            assert f"read-only since {datetime.now(UTC):%Y-%m-%d}" in answer
        servers.database_proxy.lead_to(new_server)
        eventually(lambda: client.get("/readyz").status_code == 200, within=BACK)
        eventually(lambda: sign_in()[0] == 200, within=BACK)
        with engine.connect() as connection:
            count = text("SELECT count(*) FROM workers WHERE pid = :pid AND heartbeat_at > now() - interval '1 s'")
            eventually(lambda: connection.execute(count, {"pid": worker.pid}).scalar_one(), within=BACK)
        with engine.connect() as one, engine.connect() as two, engine.connect() as three:
            states = {each.execute(text("SHOW transaction_read_only")).scalar_one() for each in (one, two, three)}
            assert states == {"off"}


def test_a_reader_alone_follows_the_address_too(cluster: Cluster, engine: Engine) -> None:
    servers = cluster.servers
    where = text("SELECT current_setting('data_directory')")
    with ExitStack() as stack:
        new_server = stack.enter_context(servers.copied_postgres())

        def place() -> str:
            with engine.connect() as connection:
                return str(connection.execute(where).scalar_one())

        assert place() == str(servers.data_dir / "postgres")
        stack.enter_context(servers.read_only())
        servers.database_proxy.lead_to(new_server)
        eventually(lambda: place() == str(new_server.parents[1] / "postgres"), within=BACK)


def test_a_connection_behind_which_the_server_vanished_is_tested_for_seconds_only(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "IDLE", -1)
    monkeypatch.setattr(timeouts, "HURRY", 0.2)
    engine = connect(cluster.servers.through_proxy(cluster.database_url), patience=30)
    with engine.connect():
        pass
    began = time.monotonic()
    cluster.servers.database_proxy.be("blackhole")
    with pytest.raises(NoConnection), engine.connect():
        pass
    assert time.monotonic() - began < 15
    engine.dispose()


def test_a_page_says_that_the_database_is_away_or_read_only() -> None:
    refused = DatabaseReadOnly("UPDATE users", None, psycopg.errors.ReadOnlySqlTransaction())
    refused.since = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
    request = Request({"type": "http"})
    for error, sentence in (
        (refused, "read-only since 2026-03-04 05:06:07 UTC"),
        (OperationalError("SELECT 1", None, psycopg.OperationalError()), "does not respond"),
    ):
        page = in_a_loop(broken_page(request, error))
        assert (page.status_code, sentence in bytes(page.body).decode()) == (503, True)
