"""Plans of the statements that run for every job: they hold with 20,000 rows, known to the planner or not yet."""

import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import sqlalchemy as sa
from psycopg._queries import MAX_CACHED_STATEMENT_LENGTH
from sqlmodel import Session

from core.database.engine import connect
from core.database.statement import Statement
from core.diagnosis import alike, failing, place
from core.jobs import batch, checkpoint, claim, due, fence, sweep
from core.operations import maintenance
from tasks.worker import batch_engine
from tests.migrations.conftest import databases

DUE, KEY = "ix_background_jobs_due", "pk_background_jobs"
#: How a claim counts the running jobs of a kind that has a limit: the index holds live jobs only.
ALIVE = {"ix_background_jobs_live", "Bitmap Heap Scan"}
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


@pytest.fixture(scope="module")
def database_with_jobs(server: str, template: str) -> Iterator[Callable[[bool | None], str]]:
    """Return a function that returns a database, made once: with many jobs and statistics of them or not, or empty."""
    with databases(server) as make:

        @cache
        def made(analysed: bool | None) -> str:
            with psycopg.connect(url := make(template), autocommit=True) as connection:
                connection.execute("ALTER TABLE background_jobs SET (autovacuum_enabled = off)")
                if analysed is not None:
                    connection.execute(ROWS)
                if analysed:
                    connection.execute("ANALYZE background_jobs")
            return url

        yield made


@pytest.fixture
def analysed() -> bool:
    """Let the planner know the jobs, unless a test says otherwise."""
    return True


@pytest.fixture
def unfilled(database_with_jobs: Callable[[bool | None], str]) -> Iterator[Session]:
    """Return a session on a database that never had a job, of which the planner assumes that it has a few pages."""
    yield from _session(database_with_jobs(None))


@pytest.fixture
def filled(database_with_jobs: Callable[[bool | None], str], analysed: bool) -> Iterator[Session]:
    """Return a session on a database with many jobs; the test commits nothing."""
    yield from _session(database_with_jobs(analysed))


def _session(url: str) -> Iterator[Session]:
    engine = connect(url)
    with Session(engine) as session:
        yield session
    engine.dispose()


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


def _ways(node: dict[str, Any], table: str = "background_jobs") -> Iterator[str]:
    if node.get("Relation Name") == table and "Scan" in node["Node Type"]:
        yield node.get("Index Name", node["Node Type"])
    elif node["Node Type"] == "Bitmap Index Scan":
        yield node["Index Name"]
    for child in node.get("Plans", []):
        yield from _ways(child, table)


def trapped(statement: Statement) -> Statement:
    """Return the statement with its guard in the obvious, slower form."""
    sql = re.sub(r"coalesce\(status, ''\) = (:from_status|'running')", "status = 'running'", statement.text)
    assert sql != statement.text
    return Statement(sql)


@with_and_without_statistics
def test_a_claim_finds_its_job_in_the_index_of_due_jobs(filled: Session) -> None:
    assert indexes(filled, claim._CLAIM) - ALIVE == {DUE, KEY}


def as_for_batches(session: Session) -> Session:
    for name, value in re.findall(r"-c (\w+)=(\w+)", batch.PLANNER_OPTIONS):
        session.connection().execute(sa.text(f"SET LOCAL {name} = {value}"))
    return session


@with_and_without_statistics
def test_a_batch_goes_by_the_primary_key_and_the_index_of_due_jobs(filled: Session) -> None:
    assert indexes(as_for_batches(filled), batch._BATCH) - ALIVE == {DUE, KEY}


def test_a_batch_that_was_planned_while_there_were_no_jobs_holds_when_there_are_many(unfilled: Session) -> None:
    assert indexes(as_for_batches(unfilled), batch._BATCH) - ALIVE == {DUE, KEY}


def test_a_batch_planned_as_other_statements_are_would_read_the_whole_table(unfilled: Session) -> None:
    assert "Seq Scan" in indexes(unfilled, batch._BATCH)


@with_and_without_statistics
def test_a_look_and_a_sweep_read_each_queue_by_the_index_of_due_jobs(filled: Session) -> None:
    assert indexes(filled, due._DUE) - ALIVE == {DUE}
    assert "Sort" not in plan_of(filled, due._DUE)
    assert indexes(as_for_batches(filled), due._DUE) - ALIVE == {DUE}


@with_and_without_statistics
def test_a_sweep_finds_running_jobs_in_the_index_of_live_jobs(filled: Session) -> None:
    assert indexes(filled, sweep._LOST_JOBS) - {"Bitmap Heap Scan"} == {"ix_background_jobs_live"}
    filled.connection().execute(sa.text("DROP INDEX ix_background_jobs_live"))
    assert indexes(filled, sweep._LOST_JOBS) == {"Seq Scan"}


def test_the_place_of_a_job_is_read_from_the_index_of_due_jobs(filled: Session) -> None:
    assert indexes(filled, Statement(place._PLACE.text)) - ALIVE == {DUE}


def test_who_else_fails_or_waits_is_read_from_few_jobs_by_an_index(filled: Session) -> None:
    """One job of ten failed with one error, more than are read, and other work has come after nearly all of them."""
    user = "INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'ana@example.com') RETURNING id"
    user_id = filled.connection().execute(sa.text(user)).scalar_one()
    some = """
        UPDATE background_jobs SET status = 'failed', user_id = :user, error_fingerprint = 'f00', finished_at = now()
        WHERE status NOT IN ('queued', 'running') AND hashtext(id::text) % 10 = 0
    """
    filled.connection().execute(sa.text(some), {"user": user_id})
    filled.connection().execute(sa.text("ANALYZE background_jobs"))
    for way in ("seqscan", "bitmapscan", "sort"):  # cheaper for 20,000 jobs, and not for millions
        filled.connection().execute(sa.text(f"SET LOCAL enable_{way} = off"))
    values = {"fingerprint": "f00", "other_than": uuid4(), "queue": "demo"}
    ways = {
        alike._with_error(): "ix_background_jobs_fingerprint",
        alike._waiting(): DUE,
        failing._failing(): "ix_background_jobs_attention",
    }
    for query, index in ways.items():
        statement, parameters = compiled(filled, query, values)
        answer = filled.connection().exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
        plan: dict[str, Any] = answer.scalar_one()[0]["Plan"]
        assert index in set(_ways(plan)), index
        assert most_read(plan, index) <= alike.DEPTH, index


def compiled(session: Session, query: sa.Select[Any], values: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    made = query.compile(session.connection(), compile_kwargs={"render_postcompile": True})
    return str(made), {name: values.get(name, value) for name, value in made.params.items()}


def most_read(node: dict[str, Any], index: str) -> float:
    """Return how many rows the scans of an index have read."""
    own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0) if node.get("Index Name") == index else 0
    return max([own * node["Actual Loops"], *(most_read(child, index) for child in node.get("Plans", []))])


def test_due_jobs_are_indexed_in_the_order_of_their_claiming(filled: Session) -> None:
    """A crowd that is due at the same moment must not be sorted for each claim."""
    assert "Incremental Sort" not in plan_of(filled, claim._CLAIM)


@with_and_without_statistics
@pytest.mark.parametrize("statement", [fence._TRANSITION, checkpoint._CHECKPOINT], ids=["transition", "checkpoint"])
def test_a_transition_and_a_checkpoint_go_by_the_primary_key_alone(filled: Session, statement: Statement) -> None:
    assert indexes(filled, statement) == {KEY}


@pytest.mark.parametrize("statement", [fence._TRANSITION, checkpoint._CHECKPOINT], ids=["transition", "checkpoint"])
def test_a_guard_that_shows_the_status_to_the_planner_would_be_noticed(filled: Session, statement: Statement) -> None:
    assert indexes(filled, trapped(statement)) != {KEY}


@pytest.mark.parametrize("index", [DUE, KEY])
def test_a_missing_index_would_be_noticed(filled: Session, index: str) -> None:
    gone = f"DROP INDEX {index}" if index == DUE else f"ALTER TABLE background_jobs DROP CONSTRAINT {index} CASCADE"
    filled.connection().execute(sa.text(gone))
    if index == DUE:
        assert DUE not in indexes(filled, claim._CLAIM)
    else:
        assert indexes(filled, fence._TRANSITION).isdisjoint({KEY})


EVENTS = """
    INSERT INTO events (at, name, via, job_id)
    SELECT now() - i * interval '1 min', 'job.requested', CASE WHEN i % 10 = 0 THEN 'api' ELSE 'engine' END, id
    FROM (SELECT id, row_number() OVER () AS i FROM background_jobs, generate_series(1, 2)) job
"""


def test_old_events_are_found_by_their_jobs_or_page_by_page_and_never_by_reading_the_whole_log(filled: Session) -> None:
    filled.connection().execute(sa.text(EVENTS))
    filled.connection().execute(sa.text("ANALYZE events"))
    assert set(_ways(_plan(filled, Statement(maintenance._DELETE_EVENTS.text)), "events")) - ALIVE == {"ix_events_job"}
    assert set(_ways(_plan(filled, Statement(maintenance._DELETE_REST.text)), "events")) == {"pk_events"}


def test_the_longest_statement_is_short_enough_to_be_parsed_once() -> None:
    """psycopg parses a longer one anew for each execution."""
    assert len(batch._BATCH.sql) <= MAX_CACHED_STATEMENT_LENGTH


def test_connections_for_batches_ask_for_no_jit_whatever_the_server_does(engine: sa.Engine) -> None:
    batches = batch_engine(engine)
    with batches.connect() as connection:
        setting = connection.execute(sa.text("SELECT setting, source FROM pg_settings WHERE name = 'jit'")).one()
    batches.dispose()
    assert tuple(setting) == ("off", "client")
