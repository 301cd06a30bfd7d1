"""Each figure of the overview opens the jobs that it counts, and no others."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlmodel import Session

from core.job_list.filters import JobFilter
from core.job_list.queries import page
from core.models import BackgroundJob, JobStatus
from core.overview import overview
from ui.pages import overview as overview_page

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
    job_filter = JobFilter.from_params(parse_qs(urlsplit(href).query))
    return page(session, job_filter, limit=100).total.value


def test_figures_open_what_they_count(session: Session) -> None:
    summary = overview(session)
    assert (summary.ended, summary.succeeded, summary.mended) == (4, 2, 1)
    assert opened(session, overview_page._jobs(summary, **overview_page.ENDED)) == summary.ended
    assert opened(session, overview_page._jobs(summary, situation="failed")) == summary.ended - summary.succeeded
    [group] = summary.failures
    assert group.count == 2
    assert opened(session, overview_page._jobs(summary, situation="failed", error=group.fingerprint)) == group.count
