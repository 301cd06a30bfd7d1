"""Connections: a limit on every wait, and plans that fit the question."""

import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from core.database.engine import PATIENCE, connect, worker_options
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.local.embedded import Services
from main import connected
from migrations.transaction import engine_for
from tasks.worker import batch_engine
from tests import driving
from tests.conftest import SECRET
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[2]
#: Makes the database note for each new session how it plans and whether it compiles plans.
NOTE_SESSIONS = """
    CREATE SCHEMA noted;
    CREATE TABLE noted.sessions (jit text, sequential_scans text);
    CREATE FUNCTION noted.note() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
        INSERT INTO noted.sessions VALUES (current_setting('jit'), current_setting('enable_seqscan'));
    END $$;
    CREATE EVENT TRIGGER note ON login EXECUTE FUNCTION noted.note();
"""


def setting(engine: Engine, name: str) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text(f"SHOW {name}")).scalar_one())


def test_every_wait_has_a_limit(engine: Engine) -> None:
    assert setting(engine, "statement_timeout") == "30s"
    assert setting(engine, "lock_timeout") == "10s"


def test_options_in_the_address_hold_beside_ours(database_url: str) -> None:
    engine = connect(f"{database_url}&options=-c%20geqo%3Doff")
    assert [setting(engine, name) for name in ("geqo", "jit", "lock_timeout")] == ["off", "off", "10s"]
    engine.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT CAST(:secret AS text), 1 / 0",
        "INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), NULL, :secret)",
        "INSERT INTO users (id, email, role) VALUES (gen_random_uuid(), 'a@example.com', :secret)",
    ],
)
def test_an_error_shows_neither_the_values_of_its_statement_nor_the_row_that_did_not_fit(
    engine: Engine, statement: str
) -> None:
    canary = uuid4().hex  # not in the traceback as a line of this file
    with pytest.raises(DBAPIError) as failed, engine.begin() as connection:
        connection.execute(text(statement), {"secret": canary})
    printed = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + repr(failed.value.orig)
    assert canary not in printed
    assert "DETAIL" not in printed
    assert any(fragment in printed for fragment in ("division by zero", "violates"))


@contextmanager
def an_engine(kind: str, database_url: str, redis_url: str) -> Iterator[Engine]:
    where = Services(database_url, redis_url)
    if kind == "migration":
        with engine_for(database_url) as engine:
            yield engine
    elif kind in ("console", "command line"):
        with connected(where, patience=PATIENCE if kind == "console" else None) as engine:
            yield engine
    else:
        engine = connect(database_url, options=worker_options(30), patience=PATIENCE)
        if kind == "batch":
            engine = batch_engine(engine)
        yield engine
        engine.dispose()


@pytest.mark.parametrize("kind", ["console", "worker", "batch", "migration", "command line"])
def test_no_kind_of_connection_compiles_its_plans(kind: str, database_url: str, redis_url: str) -> None:
    with psycopg.connect(database_url) as plain:
        assert plain.execute("SHOW jit").fetchone() == ("on",), "the server's own setting, which is PostgreSQL's"
    with an_engine(kind, database_url, redis_url) as engine:
        assert setting(engine, "jit") == "off"


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("console", "force_custom_plan"), ("command line", "force_custom_plan"), ("worker", "auto")],
)
def test_lists_are_planned_for_their_filter_and_the_engines_moves_once(
    kind: str, mode: str, database_url: str, redis_url: str
) -> None:
    with an_engine(kind, database_url, redis_url) as engine:
        assert setting(engine, "plan_cache_mode") == mode


def test_a_list_requested_many_times_in_a_console_still_uses_the_index_of_live_jobs(
    engine: Engine, database_url: str, redis_url: str
) -> None:
    driving.prepare(engine, driving.BY_NAME["demo.enable"])
    job_filter = JobFilter.from_params({"status": "running"})
    kind = an_engine("console", database_url, redis_url)
    with kind as console, console.connect() as connection, Session(bind=connection) as session:
        for _ in range(12):
            page(session, job_filter)
        plans = session.connection().execute(text("SELECT generic_plans FROM pg_prepared_statements")).scalars()
        assert set(plans) == {0}


@pytest.mark.parametrize("kind", ["console", "worker"])
def test_a_frozen_process_loses_its_transaction_after_a_lease(kind: str, database_url: str, redis_url: str) -> None:
    with an_engine(kind, database_url, redis_url) as engine:
        assert setting(engine, "idle_in_transaction_session_timeout") == "30s"


@pytest.mark.slow
@pytest.mark.parametrize("command", [["migrate"], ["doctor"], ["worker"], ["serve", "--port", "0"]], ids=lambda c: c[0])
def test_no_session_of_a_command_compiles_its_plans(
    command: list[str], engine: Engine, database_url: str, redis_url: str
) -> None:
    user = driving.prepare(engine, driving.BY_NAME["demo.enable"])
    driving.ask(engine, driving.BY_NAME["demo.enable"], user, {"preset": "nano"})
    own = {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "UNSTUCK_SECRET_KEY": SECRET}
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(NOTE_SESSIONS)
        with subprocess.Popen([sys.executable, "main.py", *command], cwd=ROOT, env=os.environ | own) as program:
            try:
                batch = "WHERE sequential_scans = 'off'" if command == ["worker"] else ""
                eventually(lambda: connection.execute(f"SELECT FROM noted.sessions {batch}").fetchall(), within=60)
                if command[0] in ("migrate", "doctor"):
                    program.wait(60)
            finally:
                program.terminate()
        noted = connection.execute("SELECT DISTINCT jit FROM noted.sessions").fetchall()
    assert noted == [("off",)]
