"""Each figure of Overview, Queues and the status bar opens the jobs that it counts, and no others."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlmodel import Session

from core.database.engine import session_scope
from core.health import health_summary
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.jobs import finish
from core.jobs.failure import failure_of
from core.jobs.retry import retry
from core.models import BackgroundJob, JobStatus, User
from core.operations import demo
from core.overview import overview
from core.queues.summary import queue_summary
from tests import driving
from tests.factories import SUPPORT
from ui import frame
from ui.pages import overview as overview_page
from ui.pages.queues import jobs_of

NOW = datetime.now(UTC)
OLD = NOW - timedelta(hours=30)


@pytest.fixture(autouse=True)
def jobs(session: Session) -> None:
    """Add jobs of each end that ended now or long ago, requested before; one failure was retried, its retry failed."""
    failed = {"status": JobStatus.FAILED, "error_type": "X", "error_message": "no", "error_fingerprint": "abc"}
    ends = [failed, {"status": JobStatus.SUCCEEDED}, {"status": JobStatus.CANCELLED}]
    made = [
        BackgroundJob(kind="maintenance.test", created_at=OLD, run_at=OLD, finished_at=at, **end)
        for at in (NOW, NOW - timedelta(hours=2), OLD)
        for end in ends
    ]
    session.add_all(made)
    session.flush()
    session.add(BackgroundJob(kind="maintenance.test", retry_of=made[0].id, finished_at=NOW, **failed))
    session.flush()


def opened(session: Session, href: str) -> int:
    params = parse_qs(urlsplit(href).query)
    params.pop("sort", None)
    job_filter = JobFilter.from_params(params)
    return page(session, job_filter, limit=100).total.value


def test_figures_open_what_they_count(session: Session) -> None:
    summary = overview(session)
    assert (summary.ended, summary.succeeded, summary.mended) == (4, 2, 1)
    assert opened(session, overview_page._jobs(summary, **overview_page.ENDED)) == summary.ended
    assert opened(session, overview_page._jobs(summary, **overview_page.FAILED)) == summary.ended - summary.succeeded
    assert opened(session, overview_page._jobs(summary, **overview_page.MENDED)) == summary.mended
    [group] = summary.failures
    assert group.count == 2
    assert opened(session, overview_page._jobs(summary, situation="failed", error=group.fingerprint)) == group.count


def test_figures_of_queues_and_kinds_open_what_they_count(session: Session) -> None:
    since, ended = queue_summary(session).since, {"status": JobStatus.FAILED}
    later = NOW + timedelta(hours=1)
    live = [{}, {}, {"run_at": later}, {"run_at": later, "attempt": 1}, {"status": JobStatus.RUNNING}]
    at_the_edge = [{**ended, "finished_at": since}, {**ended, "finished_at": since - timedelta(seconds=1)}]
    session.add_all(BackgroundJob(kind="maintenance.expire_sessions", **values) for values in (*live, *at_the_edge))
    session.flush()
    session.connection().execute(
        text(
            "INSERT INTO job_counters (kind, queue, status, shard, hour, jobs, ran_seconds)"
            " SELECT kind, queue, status, 0, date_trunc('hour', finished_at, 'UTC'), count(*), 0 FROM background_jobs"
            " WHERE finished_at IS NOT NULL GROUP BY kind, queue, status, date_trunc('hour', finished_at, 'UTC')"
        )
    )
    summary = queue_summary(session)
    for queue in summary.queues:
        line = queue.line
        counts = {"Waiting": line.waiting, "Scheduled": line.scheduled, "Running": line.running}
        counts |= {column: queue.ended.get(column.lower(), 0) for column in ("Succeeded", "Failed", "Cancelled")}
        for column, count in counts.items():
            assert opened(session, jobs_of(column, summary.since, queue=line.name)) == count, column
    kind = next(each for each in summary.kinds if each.kind.kind == "maintenance.expire_sessions")
    assert (kind.running, kind.ended) == (1, {"failed": 1})
    assert opened(session, jobs_of("Failed", summary.since, kind="maintenance.expire_sessions")) == 1
    assert opened(session, jobs_of("Running", summary.since, kind="maintenance.expire_sessions")) == 1


def test_figures_of_the_status_bar_open_what_they_count(session: Session) -> None:
    later = NOW + timedelta(hours=1)
    made = ({}, {"run_at": later}, {"status": JobStatus.RUNNING})
    session.add_all(BackgroundJob(kind="maintenance.test", **values) for values in made)
    session.flush()
    health = health_summary(session)
    assert (opened(session, frame.WAITING), opened(session, frame.RUNNING)) == (health.queue_depth, health.running)
    assert (health.queue_depth, health.running) == (1, 1)


def request_and_end(engine: Engine, operation: Any, user_id: UUID, *, fails: bool = False) -> UUID:
    job_id = driving.ask(engine, operation, user_id, driving.smallest_form(operation))
    held = driving.must_take(engine)
    if not fails:
        driving.work_on(engine, held)
        return job_id
    with session_scope(engine) as session:
        finish.fail(session, session.get_one(BackgroundJob, held.id), failure_of(OSError("no")))
    return job_id


def rates(engine: Engine) -> tuple[int, int, int]:
    """Return ended, succeeded and mended of what the tests of this file add to the jobs above."""
    with Session(engine) as session:
        summary = overview(session)
        for where, number in (
            (overview_page.ENDED, summary.ended),
            (overview_page.FAILED, summary.ended - summary.succeeded),
            (overview_page.MENDED, summary.mended),
        ):
            assert opened(session, overview_page._jobs(summary, **where)) == number, where
        return summary.ended, summary.succeeded, summary.mended


@pytest.fixture
def failed(engine: Engine, session: Session) -> tuple[UUID, UUID]:
    """Return a user whose enabling has failed, and the job, in a database without other jobs."""
    session.rollback()
    user = driving.prepare(engine, demo.enable)
    return user, request_and_end(engine, demo.enable, user, fails=True)


def test_a_dismissed_failure_counts_as_failed(engine: Engine, failed: tuple[UUID, UUID]) -> None:
    assert rates(engine) == (1, 0, 0)
    request_and_end(engine, demo.dismiss, failed[0])
    assert rates(engine) == (2, 1, 0)
    request_and_end(engine, demo.enable, failed[0])
    assert rates(engine) == (3, 2, 0), "what was asked for anew is other work"


def test_a_repaired_failure_counts_as_failed(engine: Engine, failed: tuple[UUID, UUID]) -> None:
    with session_scope(engine) as session:
        session.get_one(User, failed[0]).demo_mode_status = "disabled"
    assert rates(engine) == (1, 0, 0)


@pytest.mark.parametrize("operation", [demo.enable, demo.switch], ids=lambda operation: operation.name)
def test_a_failure_whose_work_was_done_again_leaves_the_rate_to_the_later_job(
    engine: Engine, failed: tuple[UUID, UUID], operation: Any
) -> None:
    request_and_end(engine, operation, failed[0])
    assert rates(engine) == (1, 1, 1)


def test_a_failure_whose_retry_was_cancelled_counts_as_failed(engine: Engine, failed: tuple[UUID, UUID]) -> None:
    with session_scope(engine) as session:
        again = retry(session, failed[1], SUPPORT).id
    driving.ask_to_cancel(engine, again)
    assert rates(engine) == (1, 0, 0)
