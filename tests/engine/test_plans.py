"""Plans of the statements that run for every job: they hold with 20,000 rows, known to the planner or not yet."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
from sqlmodel import Session

from core.database.statement import Statement
from core.diagnosis import place
from core.jobs import batch, checkpoint, claim, due, fence
from tasks.worker import batch_engine

DUE, KEY = "ix_background_jobs_due", "pk_background_jobs"
#: How a claim counts the running jobs of a kind that has a limit: both indexes hold live jobs only.
ALIVE = {"ix_background_jobs_running", "ix_background_jobs_live", "Bitmap Heap Scan"}
ROWS = """
    INSERT INTO background_jobs (id, kind, queue, status, created_at, run_at, started_at, finished_at, worker_id)
    SELECT gen_random_uuid(), 'demo.enable', 'demo',
           CASE WHEN i <= 300 THEN 'queued' WHEN i <= 302 THEN 'running' WHEN i % 50 = 0 THEN 'failed'
                ELSE 'succeeded' END,
           now() - i * interval '1 s', now() - i * interval '1 s', CASE WHEN i > 300 THEN now() END,
           CASE WHEN i > 302 THEN now() END, CASE WHEN i > 300 THEN gen_random_uuid() END
    FROM generate_series(1, 20000) i
"""

with_and_without_statistics = pytest.mark.parametrize("analysed", [True, False])


def fill(session: Session, *, analysed: bool) -> None:
    connection = session.connection()
    connection.execute(sa.text("ALTER TABLE background_jobs SET (autovacuum_enabled = off)"))
    connection.execute(sa.text(ROWS))
    if analysed:
        connection.execute(sa.text("ANALYZE background_jobs"))


def indexes(session: Session, statement: Statement) -> set[str]:
    """Return the access paths of the statement to jobs."""
    return set(_ways(_plan(session, statement)))


def plan_of(session: Session, statement: Statement) -> str:
    return str(_plan(session, statement))


def _plan(session: Session, statement: Statement) -> dict[str, Any]:
    """Return the statement's generic plan, made once for all values."""
    named = statement.sql
    names = list(dict.fromkeys(re.findall(r"%\((\w+)\)s", named)))
    numbered = re.sub(r"%\((\w+)\)s", lambda match: f"${names.index(match[1]) + 1}", named)
    driver: Any = session.connection().connection.driver_connection
    driver.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    driver.execute(f"PREPARE held AS {numbered}")
    nulls = ", ".join(["NULL"] * len(names))
    plan: list[dict[str, Any]] = driver.execute(f"EXPLAIN (FORMAT JSON) EXECUTE held({nulls})").fetchone()[0]
    driver.execute("DEALLOCATE held")
    root: dict[str, Any] = plan[0]["Plan"]
    return root


def _ways(node: dict[str, Any]) -> Iterator[str]:
    if node.get("Relation Name") == "background_jobs" and "Scan" in node["Node Type"]:
        yield node.get("Index Name", node["Node Type"])
    elif node["Node Type"] == "Bitmap Index Scan":
        yield node["Index Name"]
    for child in node.get("Plans", []):
        yield from _ways(child)


def trapped(statement: Statement) -> Statement:
    """Return the statement with its guard in the obvious, slower form."""
    sql = re.sub(r"coalesce\(status, ''\) = (:from_status|'running')", "status = 'running'", statement.text)
    assert sql != statement.text
    return Statement(sql)


@with_and_without_statistics
def test_a_claim_finds_its_job_in_the_index_of_due_jobs(session: Session, analysed: bool) -> None:
    fill(session, analysed=analysed)
    assert indexes(session, claim._CLAIM) - ALIVE == {DUE, KEY}


def as_for_batches(session: Session) -> Session:
    for name, value in re.findall(r"-c (\w+)=(\w+)", batch.PLANNER_OPTIONS):
        session.connection().execute(sa.text(f"SET LOCAL {name} = {value}"))
    return session


@with_and_without_statistics
def test_a_batch_goes_by_the_primary_key_and_the_index_of_due_jobs(session: Session, analysed: bool) -> None:
    fill(session, analysed=analysed)
    assert indexes(as_for_batches(session), batch._BATCH) - ALIVE == {DUE, KEY}


def test_a_batch_that_was_planned_while_there_were_no_jobs_holds_when_there_are_many(session: Session) -> None:
    assert indexes(as_for_batches(session), batch._BATCH) - ALIVE == {DUE, KEY}


def test_a_batch_planned_as_other_statements_are_would_read_the_whole_table(session: Session) -> None:
    assert "Seq Scan" in indexes(session, batch._BATCH)


@with_and_without_statistics
def test_a_look_and_a_sweep_read_each_queue_by_the_index_of_due_jobs(session: Session, analysed: bool) -> None:
    fill(session, analysed=analysed)
    assert indexes(session, due._DUE) - ALIVE == {DUE}
    assert "Sort" not in plan_of(session, due._DUE)
    assert indexes(as_for_batches(session), due._DUE) - ALIVE == {DUE}


def test_the_place_of_a_job_is_read_from_the_index_of_due_jobs(session: Session) -> None:
    fill(session, analysed=True)
    assert indexes(session, Statement(place._PLACE.text)) == {DUE}


def test_due_jobs_are_indexed_in_the_order_of_their_claiming(session: Session) -> None:
    """A crowd that is due at the same moment must not be sorted for each claim."""
    fill(session, analysed=True)
    assert "Incremental Sort" not in plan_of(session, claim._CLAIM)


@with_and_without_statistics
@pytest.mark.parametrize("statement", [fence._TRANSITION, checkpoint._CHECKPOINT], ids=["transition", "checkpoint"])
def test_a_transition_and_a_checkpoint_go_by_the_primary_key_alone(
    session: Session, statement: Statement, analysed: bool
) -> None:
    fill(session, analysed=analysed)
    assert indexes(session, statement) == {KEY}


@pytest.mark.parametrize("statement", [fence._TRANSITION, checkpoint._CHECKPOINT], ids=["transition", "checkpoint"])
def test_a_guard_that_shows_the_status_to_the_planner_would_be_noticed(session: Session, statement: Statement) -> None:
    fill(session, analysed=True)
    assert indexes(session, trapped(statement)) != {KEY}


@pytest.mark.parametrize("index", [DUE, KEY])
def test_a_missing_index_would_be_noticed(session: Session, index: str) -> None:
    fill(session, analysed=True)
    gone = f"DROP INDEX {index}" if index == DUE else f"ALTER TABLE background_jobs DROP CONSTRAINT {index} CASCADE"
    session.connection().execute(sa.text(gone))
    if index == DUE:
        assert DUE not in indexes(session, claim._CLAIM)
    else:
        assert indexes(session, fence._TRANSITION).isdisjoint({KEY})


def test_the_longest_statement_is_short_enough_to_be_parsed_once() -> None:
    """psycopg parses a longer one anew for each execution."""
    assert len(batch._BATCH.sql) <= MAX_CACHED_STATEMENT_LENGTH


def test_connections_for_batches_ask_for_no_jit_whatever_the_server_does(engine: sa.Engine) -> None:
    batches = batch_engine(engine, 1)
    with batches.connect() as connection:
        setting = connection.execute(sa.text("SELECT setting, source FROM pg_settings WHERE name = 'jit'")).one()
    batches.dispose()
    assert tuple(setting) == ("off", "client")
