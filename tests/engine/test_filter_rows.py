"""What each filter of the language finds, and how few rows it reads for that among many."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from core.database.engine import connect
from core.job_list import counts
from core.job_list.counts import facets
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import BackgroundJob, User
from core.models.background_job import ENDED, TOOK, WAITED
from tests.engine.test_job_queries import nodes, rows_read, statements
from tests.migrations.conftest import databases

NOW = datetime.now(UTC)
ROWS = """
    INSERT INTO background_jobs (id, kind, queue, status, created_at, run_at, started_at, finished_at, attempt, user_id,
                                 requested_by, reason, args, error_type, error_message)
    SELECT gen_random_uuid(), 'demo.' || i % 4, 'demo', CASE WHEN i <= 300 THEN 'queued' WHEN i <= 310 THEN 'running'
           WHEN i % 40 = 0 THEN 'failed' ELSE 'succeeded' END,
           at, at, CASE WHEN i > 300 THEN begun END, CASE WHEN i > 310 THEN begun + CASE
               WHEN i % 5000 = 0 THEN interval '900 s' WHEN i % 3 = 0 THEN interval '20 s' ELSE '0.1 s' END END,
           CASE WHEN i <= 300 THEN 0 WHEN i % 50 = 0 THEN 2 ELSE 1 END, CASE WHEN i % 100 = 0 THEN u.id END,
           CASE WHEN i % 150 = 0 THEN u.id END, CASE WHEN i % 200 = 0 THEN 'ticket-' || i END, '{"preset": "small"}',
           CASE WHEN i > 310 AND i % 40 = 0 THEN 'TooLate' END, CASE WHEN i > 310 AND i % 40 = 0 THEN 'late ' || i END
    FROM (SELECT i, now() - i * interval '2 s' AS at,
                 now() - i * interval '2 s' + CASE WHEN i % 9 = 0 THEN interval '90 s' ELSE '0.1 s' END AS begun
          FROM generate_series(1, 200000) i) x, users u
"""
#: Sets of bulk actions, as their ids say: 1 has each fourth job, 2 the 20,000 oldest, 3 ten of them, 4 is none.
SETS = """
    INSERT INTO bulk_actions (id, command, actor, via, status, total, started_at, finished_at, consists_of)
    SELECT id, 'job.retry', 'ana', 'cli', 'done', 0, last - interval '1 day', last,
           jsonb_build_object('first', '2026-01-01T00:00:00Z', 'last', last)
    FROM (SELECT ('00000000-0000-0000-0000-00000000000' || i)::uuid AS id,
                 CASE WHEN i = 1 THEN now() ELSE now() - interval '360000 s' END AS last
          FROM generate_series(1, 3) i) x;
    INSERT INTO bulk_rows (bulk_id, position, target, job_id)
    SELECT ('00000000-0000-0000-0000-00000000000' || which)::uuid, row_number() OVER (PARTITION BY which), id, id
    FROM (SELECT id, unnest(CASE WHEN i <= 10 THEN '{2,3}'::int[] WHEN i <= 20000 THEN '{2}' END
                            || CASE WHEN i % 4 = 0 THEN '{1}'::int[] END) AS which
          FROM (SELECT id, row_number() OVER (ORDER BY created_at) AS i FROM background_jobs) x) y;
"""
#: Many, few and no matches of each filter that an index bounds; most are about the oldest jobs, or none.
BOUNDED = [
    "took:>30s", "took:>5m", "took:>10h", "took:300s..400s", "waited:>80s", "waited:>10h", "attempt:>1", "attempt:>9",
    "attempt:2 kind:nothing.*", "by:ana", "by:nobody", "reason:ticket", "reason:nothing", "reason:ticket-200000",
    "created:<1h", "created:>30d", "kind:demo.*", "kind:nothing.*", "-queue:demo", "-status:succeeded", "-kind:demo.1",
    "took:>5m status:failed", "took:>5m -user:ana", "reason:ticket took:>10h", "arg.preset:none created:<1h",
    "took:<10ms", "took:0s..1ms kind:demo.*", "arg.preset:none", "arg.preset:small", "arg.n:7 status:failed",
    "attempt:0", "waited:<1ms", "waited:50s..55s", "arg.preset:small took:<10ms", "error:late",
    "error:late status:failed", "error:nothing", "late",
    *(f"{name}:{UUID(int=each)}{more}" for name in ("bulk", "from_bulk") for each in (1, 2, 3, 4)
      for more in ("", " status:failed", " status:failed kind:demo.1 created:<1h", " took:>5m")),
]  # fmt: skip


ENDED_JOBS = f"SELECT FROM background_jobs WHERE {ENDED}"


def job(session: Session, **values: object) -> str:
    made = BackgroundJob(**{"kind": "demo.enable", "queue": "demo", "status": "succeeded", "created_at": NOW, **values})
    session.add(made)
    session.flush()
    return str(made.id)


def found(session: Session, text: str) -> set[str]:
    shown = page(session, JobFilter.from_text(text))
    assert shown.total.value == len(shown.items), text
    assert facets(session, JobFilter.from_text(text).but(status=frozenset()))["kind"].keys() >= {
        row["kind"] for row in shown.items
    }
    return {row["id"] for row in shown.items}


def lasting(**seconds: float) -> dict[str, datetime]:
    """Return the times of a job that waited and took so many seconds."""
    begun = NOW + timedelta(seconds=seconds.get("waited", 0))
    return {"run_at": NOW, "started_at": begun, "finished_at": begun + timedelta(seconds=seconds.get("took", 0))}


def test_a_job_is_found_by_how_long_it_took_and_waited(session: Session) -> None:
    ago = {"run_at": NOW - timedelta(minutes=5), "created_at": NOW - timedelta(minutes=5)}
    quick, slow = job(session, **lasting(took=0.2, waited=1)), job(session, **lasting(took=40, waited=90))
    running = job(session, status="running", started_at=NOW - timedelta(minutes=2), **ago)
    queued, planned = job(session, status="queued", **ago), job(session, status="queued", run_at=NOW + timedelta(1))
    retried = job(session, status="queued", attempt=1, **ago | {"run_at": NOW}, started_at=ago["run_at"])
    for text, ids in (
        ("took:>30s", {slow, running}), ("took:>90s", {running}), ("took:<1s", {quick}), ("took:100ms..1s", {quick}),
        ("took:30s..1m status:succeeded", {slow}), ("took:>5s kind:demo.*", {slow, running}), ("took:>1h", set()),
        ("waited:>10s", {slow, running, queued}), ("waited:<10s", {quick, retried}), ("waited:>4m", {queued}),
        ("waited:>10s -status:queued", {slow, running}), ("waited:>10s status:queued", {queued}),
        ("waited:>1m", {slow, running, queued}),
    ):  # fmt: skip
        assert found(session, text) == ids, text
    assert planned in found(session, "status:queued")


def test_a_job_is_found_by_its_attempts(session: Session) -> None:
    by_attempt = {number: job(session, attempt=number, status="failed") for number in (0, 1, 2, 4)}
    again, running = job(session, status="queued", attempt=3), job(session, status="running", attempt=2)
    for text, ids in (
        ("attempt:>1", {by_attempt[2], by_attempt[4], again, running}), ("attempt:2", {by_attempt[2], running}),
        ("attempt:>=3 status:queued,failed", {by_attempt[4], again}), ("attempt:<2", {by_attempt[0], by_attempt[1]}),
        ("attempt:0", {by_attempt[0]}), ("attempt:2..3 status:failed", {by_attempt[2]}), ("attempt:>9", set()),
    ):  # fmt: skip
        assert found(session, text) == ids, text


def test_a_job_is_found_by_who_requested_it_and_why(session: Session) -> None:
    ana, support = User(email="ana@example.com"), User(email="support@example.com")
    session.add_all([ana, support])
    session.flush()
    own = job(session, user_id=ana.id, requested_by=ana.id)
    for_her = job(session, user_id=ana.id, requested_by=support.id, reason="Ticket-4711: she asked again")
    task = job(session, requested_by=support.id)
    scheduled, his = job(session), job(session, user_id=support.id, requested_by=support.id)
    for text, ids in (
        ("by:ana", {own}), ("by:support", {for_her, task, his}), (f"by:{support.id} user:ana", {for_her}),
        ("by:nobody", set()), ("reason:ticket", {for_her}), ('reason:"ask 4711"', {for_her}), ("reason:late", set()),
        ("reason:ticket by:ana", set()), ("-user:ana", {task, scheduled, his}),
        ("-user:nobody user:ana", {own, for_her}),
    ):  # fmt: skip
        assert found(session, text) == ids, text


def test_a_job_is_found_by_patterns_of_kinds_without_some_and_by_arguments(session: Session) -> None:
    first = job(session, kind="demo.enable", args={"preset": "mid-tier", "n": 5, "dry": True})
    second = job(session, kind="demo.disable", queue="late", args={"preset": ["mid-tier"]}, status="queued")
    third = job(session, kind="mail.send", queue="mail", status="failed")
    for text, ids in (
        ("kind:demo.*", {first, second}), ("kind:*able,mail.send", {first, second, third}), ("kind:d*.e*", {first}),
        ("-kind:demo.*", {third}), ("kind:demo.* -kind:demo.enable", {second}), ("queue:*a*", {second, third}),
        ("-queue:late,mail", {first}), ("kind:nothing.*", set()), ("kind:demo", set()), ("kind:demo%", set()),
        ("arg.preset:mid-tier", {first}), ("arg.n:5 arg.dry:true", {first}), ("arg.preset:mid", set()),
        ("arg.n:5 -kind:demo.*", set()), ("arg.n:5.0", set()), ("arg.dry:yes", set()), ("arg.pre:5", set()),
        ("-status:succeeded -kind:demo.*", {third}), ("send", {third}),
    ):  # fmt: skip
        assert found(session, text) == ids, text


def test_a_job_is_found_by_its_age(session: Session) -> None:
    old, young = (
        job(session, created_at=NOW - timedelta(hours=3), finished_at=NOW - timedelta(minutes=10)),
        job(session),
    )
    for text, ids in (
        ("created:<1h", {young}), ("created:>1h", {old}), ("created:2h..4h", {old}), ("finished:<1h", {old}),
        ("finished:>1h", set()), (f"created:<1h created:>={NOW.date() + timedelta(2)}", set()),
    ):  # fmt: skip
        assert found(session, text) == ids, text


def test_how_few_jobs_take_or_wait_long_is_known_to_the_planner(session: Session, engine: Engine) -> None:
    """Statistics of partial indexes are not: without these, it expects a third of all jobs."""
    for number in range(600):
        job(session, **lasting(took=number % 300 / 100, waited=number % 300 / 100))
    session.connection().exec_driver_sql("ANALYZE background_jobs")
    few = 8 if engine.dialect.server_version_info >= (17,) else 600  # type: ignore[operator]
    for span in (TOOK, WAITED):
        explain = f"EXPLAIN (FORMAT JSON) {ENDED_JOBS} AND {span} < '10 ms'"
        (plan,) = session.connection().exec_driver_sql(explain).one()
        assert plan[0]["Plan"]["Plan Rows"] <= few, span


@pytest.fixture(scope="module")
def many(server: str, template: str) -> Iterator[Callable[[], Session]]:
    with databases(server) as make:
        with psycopg.connect(url := make(template), autocommit=True) as connection:
            connection.execute("INSERT INTO users (id, email) VALUES (gen_random_uuid(), 'ana@example.com')")
            connection.execute(ROWS)
            connection.execute(SETS)
            connection.execute("VACUUM ANALYZE background_jobs, bulk_rows")
        engine = connect(url)
        yield lambda: Session(engine)
        engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("text", BOUNDED)
def test_a_first_page_of_many_jobs_reads_few_of_them(many: Callable[[], Session], text: str) -> None:
    """Of 200,000 jobs of four kinds: where many match, PostgreSQL may read all in turn until it has enough."""
    with many() as session, statements(session.get_bind()) as executed:
        page(session, JobFilter.from_text(text))
        for statement, parameters in list(executed):
            explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}"
            (answer,) = session.connection().exec_driver_sql(explain, parameters).one()
            for node in nodes(answer[0]["Plan"]):
                assert rows_read(node) <= 4 * counts.CAP + 3_000, (statement, node)
