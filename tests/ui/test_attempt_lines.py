"""A job's attempts say how long each waited and ran, and on which worker, which may be deleted since."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from sqlmodel import Session

from core.models import AttemptOutcome, BackgroundJob, JobAttempt, JobStatus, Role, Worker
from tests.factories import make_user


@pytest.mark.browser
def test_attempts_say_how_long_they_waited_and_ran_and_where(console, rows: Session) -> None:
    support, began = make_user(rows, role=Role.SUPPORT), datetime.now(UTC) - timedelta(hours=1)
    worker = Worker(host="mill", pid=42, threads=1, queues=["demo"])
    job = BackgroundJob(kind="maintenance.expire_sessions", queue="demo", status=JobStatus.FAILED, token=2, attempt=2)
    job.created_at, job.started_at, job.finished_at = began, began, began + timedelta(seconds=90)
    rows.add_all([worker, job])
    rows.flush()
    for token, (start, stop, by) in enumerate(((12, 30, uuid4()), (75, 90, worker.id)), 1):
        moments = {"started_at": began + timedelta(seconds=start), "finished_at": began + timedelta(seconds=stop)}
        error = {"outcome": AttemptOutcome.ERROR, "error_type": "Jam", "error_message": "jammed"}
        rows.add(JobAttempt(job_id=job.id, token=token, attempt=token, worker_id=by, **moments, **error))
    rows.commit()
    page = console.open(support, f"/jobs/{job.id}")
    lines = page.locator(".attempt")
    lines.first.wait_for()
    assert [line.inner_text().split("\n")[1:4] for line in lines.all()] == [
        ["mill:42", "waited 45.0 s ·", "ran 15.0 s"],
        ["a deleted worker", "waited 12.0 s ·", "ran 18.0 s"],
    ]
    page.get_by_text("1 min 30 s, waits between attempts included").wait_for()
