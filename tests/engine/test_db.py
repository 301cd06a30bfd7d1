"""Connections: a limit on every wait, and plans that fit the question."""

import traceback
from uuid import uuid4

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session

from core.database.engine import connect, worker_options
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from tests import driving


def setting(engine: Engine, name: str) -> str:
    with engine.connect() as connection:
        return str(connection.execute(text(f"SHOW {name}")).scalar_one())


def test_lists_are_planned_for_their_filter_and_the_engines_moves_once(engine: Engine, database_url: str) -> None:
    worker = connect(database_url, options=worker_options(30))
    assert setting(engine, "plan_cache_mode") == "force_custom_plan"
    assert setting(worker, "plan_cache_mode") == "auto"
    assert setting(worker, "idle_in_transaction_session_timeout") == "30s"
    worker.dispose()


def test_every_wait_has_a_limit(engine: Engine) -> None:
    assert setting(engine, "statement_timeout") == "30s"
    assert setting(engine, "lock_timeout") == "10s"


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT CAST(:secret AS text), 1 / 0",
        "INSERT INTO users (id, email, name) VALUES (gen_random_uuid(), NULL, :secret)",
        "INSERT INTO users (id, email, role) VALUES (gen_random_uuid(), 'a@example.com', :secret)",
    ],
)
def test_an_error_tells_neither_the_values_of_its_statement_nor_the_row_that_did_not_fit(
    engine: Engine, statement: str
) -> None:
    canary = uuid4().hex  # not in the traceback as a line of this file
    with pytest.raises(DBAPIError) as failed, engine.begin() as connection:
        connection.execute(text(statement), {"secret": canary})
    told = "".join(traceback.format_exception(failed.value)) + repr(failed.value) + repr(failed.value.orig)
    assert canary not in told
    assert "DETAIL" not in told
    assert any(words in told for words in ("division by zero", "violates"))


def test_a_list_asked_for_again_and_again_still_uses_the_index_over_what_is_alive(engine: Engine) -> None:
    driving.prepare(engine, driving.BY_NAME["demo.enable"])
    wanted = JobFilter.from_params({"status": "running"})
    with engine.connect() as connection, Session(bind=connection) as session:
        for _ in range(12):
            page(session, wanted)
        plans = session.connection().execute(text("SELECT generic_plans FROM pg_prepared_statements")).scalars()
        assert set(plans) <= {0}
