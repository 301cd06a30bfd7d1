"""Each figure of Overview, Queues and the status bar opens the jobs that it counts, and no others."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy import text
from sqlmodel import Session

from core.health import health_summary
from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import BackgroundJob, JobStatus
from core.overview import overview
from core.queues.summary import queue_summary
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
    assert opened(session, overview_page._jobs(summary, situation="failed")) == summary.ended - summary.succeeded
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
