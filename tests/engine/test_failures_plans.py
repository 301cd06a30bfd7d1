"""Plans of Failures: its list, one group and the state of errors go by indexes, however many jobs have succeeded."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from sqlmodel import Session

from core.alerts.errors import new_errors
from core.database.engine import connect
from core.failures.groups import groups_of_hours
from core.failures.one_group import failure_detail
from core.failures.telling import Whom, addressees
from core.overview import overview
from tests.migrations.conftest import databases

#: Of these, one in twenty has failed, with one of 40 errors; half of them with the first. They are of 30 days.
JOBS = 200_000
FIRST = "error-0"
ROWS = f"""
    INSERT INTO users (id, email, role, demo_mode_status)
        SELECT md5('user' || i)::uuid, 'user' || i || '@example.com', 'member', 'enabled'
        FROM generate_series(0, 4999) i;
    INSERT INTO workers (id, host, pid, threads, queues, version)
        SELECT md5('worker' || i)::uuid, 'vm-' || i % 4, 1, 8, '{{demo}}', '1.' || i % 3 FROM generate_series(0, 19) i;
    INSERT INTO background_jobs (id, kind, queue, status, created_at, run_at, started_at, finished_at, worker_id,
                                 user_id, machine, came_from, token, error_type, error_message, error_fingerprint)
    SELECT md5('job' || i)::uuid, 'demo.enable', 'demo', CASE WHEN is_failed THEN 'failed' ELSE 'succeeded' END,
           at, at, at, at + interval '2 s', md5('worker' || i % 20)::uuid, md5('user' || i % 5000)::uuid,
           'users.demo_mode_status', 'disabled', 1, CASE WHEN is_failed THEN 'TryAgain' END,
           CASE WHEN is_failed THEN 'no answer within ' || i || ' s' END,
           CASE WHEN is_failed THEN 'error-' || CASE WHEN i % 40 = 0 THEN 0 ELSE i / 20 % 40 END END
    FROM (SELECT i, now() - interval '30 days' * (1 - i::float / {JOBS}) - interval '3 s' AS at, i % 20 = 0 AS is_failed
          FROM generate_series(1, {JOBS}) i) jobs;
    INSERT INTO failure_states (fingerprint, decision, decided_at, decided_by, until_count, until_per_hour,
                                old_versions)
    SELECT 'error-' || i, CASE WHEN i % 2 = 0 THEN 'ignored' ELSE 'resolved' END, now() - interval '9 days', 'Ana',
           CASE WHEN i % 4 = 0 THEN 5000 END, CASE WHEN i % 4 = 2 THEN 500 END,
           CASE WHEN i % 4 = 1 THEN '{{1.0}}'::text[] END
    FROM generate_series(0, 30) i
"""


@pytest.fixture(scope="module")
def many_failures(server: str, template: str) -> Iterator[Session]:
    """Return a session on a database with many jobs."""
    with databases(server) as make:
        with psycopg.connect(url := make(template), autocommit=True) as connection:
            connection.execute(ROWS)
            connection.execute("VACUUM ANALYZE")  # which also makes the block ranges of ends
        engine = connect(url)
        with Session(engine) as session:
            yield session
        engine.dispose()


#: Failures of a day, and what each error with a decision reads to know its state; failures of 30 days.
A_DAY, ALL = 3_000, JOBS // 15
READS = {
    "list of a day": lambda session: groups_of_hours(session, 24),
    "list of 30 days": lambda session: groups_of_hours(session, 720),
    "overview": overview,
    "alerts": lambda session: new_errors(session, [FIRST]),
    "a group of a day": lambda session: failure_detail(session, FIRST, 24),
    "a group of 30 days": lambda session: failure_detail(session, FIRST, 720),
    "users hit": lambda session: addressees(session, FIRST, 24, Whom.ALL),
}
#: An overview's rate counts what has ended, too.
MOST_READ = {
    **dict.fromkeys(("list of a day", "a group of a day", "users hit"), A_DAY),
    **dict.fromkeys(("list of 30 days", "a group of 30 days", "overview", "alerts"), ALL),
}


def explained(session: Session, name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return each statement on jobs of a read, and its plan."""
    seen: list[tuple[str, Any]] = []

    def note(_: Any, cursor: Any, statement: str, parameters: Any, *__: Any) -> None:
        seen.append((statement, parameters))

    engine = session.get_bind()
    event.listen(engine, "before_cursor_execute", note)
    READS[name](session)
    event.remove(engine, "before_cursor_execute", note)
    driver: Any = session.connection().connection.driver_connection
    plans = []
    for statement, parameters in seen:
        if "background_jobs" in statement:
            answer = driver.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters).fetchone()
            plans.append((statement, answer[0][0]["Plan"]))
    return plans


@pytest.mark.parametrize("name", READS)
def test_failures_are_read_by_indexes_and_little_else_is(many_failures: Session, name: str) -> None:
    plans = explained(many_failures, name)
    assert plans
    for statement, plan in plans:
        assert "Seq Scan" not in ways(plan), statement
        assert rows_read(plan) <= MOST_READ[name], statement


def ways(node: dict[str, Any]) -> set[str]:
    """Return the access paths of a plan to jobs."""
    is_scan = node.get("Relation Name") == "background_jobs" or node["Node Type"] == "Bitmap Index Scan"
    own = {node.get("Index Name", node["Node Type"])} if is_scan else set()
    return own.union(*(ways(child) for child in node.get("Plans", [])))


def rows_read(node: dict[str, Any]) -> int:
    """Return how many rows of jobs a plan has read, those that it then threw away included."""
    removed = sum(node.get(f"Rows Removed by {each}", 0) for each in ("Filter", "Index Recheck"))
    own = (
        (node["Actual Rows"] + removed) * node["Actual Loops"] if node.get("Relation Name") == "background_jobs" else 0
    )
    return int(own + sum(rows_read(child) for child in node.get("Plans", [])))
