"""The backlog of a stopped kind costs a worker nothing, and hides no other job."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.statement import Statement
from core.jobs import batch, claim, due
from core.operations import BY_NAME
from tests.driving import new_worker
from tests.engine.test_done_again import read_below
from tests.engine.test_plans import as_for_batches
from tests.repeats import mostly_slow

STOPPED, OTHER, QUEUE = "maintenance.test", "demo.enable", "demo"
BACKLOG = 3_000
STOPS = {
    "paused": "INSERT INTO job_kinds (kind, paused_at, paused_by) VALUES (:kind, now(), 'ada')",
    "limited to 0": "INSERT INTO job_kinds (kind, max_running) VALUES (:kind, 0)",
}
_DUE = """
    INSERT INTO background_jobs (id, kind, queue, run_at)
    SELECT gen_random_uuid(), :kind, :queue, now() - interval '1 hour' FROM generate_series(1, :number)
"""
# As in a new database: what an autovacuum noted of other tests' rows makes any plan.
UNKNOWN = """
    WITH tables AS (UPDATE pg_class SET reltuples = -1, relpages = 0
                    WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'i') RETURNING oid)
    DELETE FROM pg_statistic WHERE starelid IN (SELECT oid FROM tables)
"""


@pytest.fixture(autouse=True, params=STOPS)
def backlog(session: Session, request: pytest.FixtureRequest) -> None:
    """Add the backlog of a stopped kind."""
    execute(session, STOPS[request.param], kind=STOPPED)
    execute(session, _DUE, kind=STOPPED, queue=QUEUE, number=BACKLOG)


@pytest.fixture
def values(engine: Engine) -> dict[str, Any]:
    """Return the parameters of every statement here, for a worker that knows all kinds and the stopped one."""
    known = claim.values_of(new_worker(engine), QUEUE, [*BY_NAME, STOPPED], timedelta(minutes=5), alone=True, claims=8)
    ending = {"ids": [], "tokens": [], "results": [], "shard": 0}
    return {**known, **ending, "queues": [QUEUE], "most": 100, "depth": None, "waited": timedelta()}


def execute(session: Session, statement: str, **values: object) -> None:
    session.connection().execute(sa.text(statement), values)


def for_others(session: Session) -> Session:
    return session


@pytest.mark.parametrize(
    ("statement", "as_planned"),
    [
        (claim._CLAIM, for_others),
        (batch._BATCH, as_for_batches),
        (due._DUE, as_for_batches),
        (due._DUE, for_others),
    ],
    ids=["claim", "batch", "look", "sweep"],
)
@pytest.mark.parametrize("is_analysed", mostly_slow([False, True], fast=1), ids=["unknown", "analysed"])
def test_the_backlog_of_a_stopped_kind_is_not_read(
    session: Session,
    values: dict[str, Any],
    statement: Statement,
    as_planned: Callable[[Session], Session],
    is_analysed: bool,
) -> None:
    execute(session, UNKNOWN)
    if is_analysed:
        execute(session, "ANALYZE background_jobs")
    driver: Any = as_planned(session).connection().connection.driver_connection
    explained = driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement.sql}", values).fetchone()[0]
    assert read_below(explained[0]["Plan"]) < 100


def claimed(session: Session, values: dict[str, Any]) -> list[str]:
    as_for_batches(session)
    return [row.kind for row in batch._BATCH.run_on(session.connection(), values) if row.part == "claimed"]


def looked(session: Session, values: dict[str, Any]) -> list[Any]:
    return due._DUE.run_on(session.connection(), values)


def test_a_job_of_another_kind_behind_the_backlog_is_found(session: Session, values: dict[str, Any]) -> None:
    assert (looked(session, values), claimed(session, values)) == ([], [])
    execute(session, _DUE, kind=OTHER, queue=QUEUE, number=1)
    assert [row.waiting for row in looked(session, values)] == [1]
    assert claimed(session, values) == [OTHER]


def test_a_due_job_is_found_behind_many_of_its_kind_that_are_not_due(session: Session, values: dict[str, Any]) -> None:
    execute(session, _DUE, kind=OTHER, queue=QUEUE, number=150)
    later = "UPDATE background_jobs SET run_at = now() + interval '1 hour', created_at = now() - interval '1 hour'"
    execute(session, f"{later} WHERE kind = :kind", kind=OTHER)
    assert claimed(session, values) == []
    execute(session, _DUE, kind=OTHER, queue=QUEUE, number=1)
    assert claimed(session, values) == [OTHER]


def test_jobs_of_another_kind_are_claimed_as_ever_when_the_stopped_kind_goes_on(
    session: Session, values: dict[str, Any]
) -> None:
    execute(session, "DELETE FROM job_kinds")
    assert claimed(session, values) == [STOPPED] * 8
