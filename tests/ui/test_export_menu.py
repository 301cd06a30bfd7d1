"""The list of jobs is saved as a file: all jobs of the present filter."""

from sqlmodel import Session

from core.models import BackgroundJob, Role
from tests.factories import make_user


def test_the_jobs_of_the_filter_are_saved(console, rows: Session) -> None:
    viewer = make_user(rows, role=Role.VIEWER)
    for status in ("failed", "succeeded", "failed"):
        rows.add(BackgroundJob(kind="maintenance.expire_sessions", queue="saved", status=status))
    rows.commit()
    page = console.open(viewer, "/jobs?queue=saved&status=failed")
    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_text("Export as JSON lines").click()
    content = download.value.path().read_text()
    assert (content.count("\n"), content.count('"status": "failed"')) == (2, 2)
    assert download.value.suggested_filename.endswith(".jsonl")
