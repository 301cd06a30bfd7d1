"""One command on all that match: from the list of jobs to its end, pressed in a browser."""

from sqlmodel import Session, select

from core.models import BackgroundJob, BulkAction, BulkRow, BulkStatus, DemoModeStatus, JobStatus, Role, RowOutcome
from tests.factories import make_user
from tests.waiting import eventually


def test_what_matches_is_prepared_started_and_aborted(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    for _ in range(3):
        user = make_user(rows, demo_mode_status=DemoModeStatus.FAILED)
        job = BackgroundJob(kind="demo.enable", queue="demo", status=JobStatus.FAILED, user_id=user.id)
        job.machine, job.came_from, job.args = "users.demo_mode_status", "disabled", {"preset": "nano"}
        job.token, job.attempt, job.started_at, job.finished_at = 1, 3, job.run_at, job.run_at
        rows.add(job)
    rows.commit()
    page = console.open(support, "/jobs?status=failed")
    page.get_by_role("button", name="Act on all that match").click()
    page.get_by_text("Retry all that match").click()
    page.get_by_role("heading", name="Retry: 3 rows").wait_for()
    page.get_by_text("It is prepared for 3 rows, and not started.").wait_for()
    page.get_by_role("button", name="Start …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("the service is back")
    dialog.get_by_role("button", name="Start", exact=True).click()
    bulk = eventually(lambda: rows.rollback() or rows.exec(select(BulkAction)).first())
    eventually(lambda: rows.refresh(bulk) or bulk.status is BulkStatus.RUNNING)
    assert (bulk.reason, bulk.actor) == ("the service is back", support.email)
    page.get_by_text("Its job waits to be run.").wait_for()  # no worker is alive here
    page.get_by_role("button", name="Abort").click()
    page.get_by_text(f"Aborted by {support.email}.").wait_for()
    page.get_by_role("link", name="Bulk actions").click()
    page.get_by_text("0 of 3 rows: none done yet.").wait_for()


def test_rows_that_were_left_out_say_whose_they_are_and_of_which_kind(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    customer = make_user(rows, email="hit@example.com")
    job = BackgroundJob(kind="demo.enable", queue="demo", user_id=customer.id)
    task = BackgroundJob(kind="maintenance.test", queue="maintenance")
    done = {"command": "job.cancel", "actor": support.email, "via": "console", "status": BulkStatus.DONE}
    rows.add_all([job, task, bulk := BulkAction(**done, args={}, total=2, skipped=2)])
    rows.flush()
    for position, each in enumerate((job, task)):
        skipped = {"outcome": RowOutcome.SKIPPED, "why": "it was done already"}
        rows.add(BulkRow(bulk_id=bulk.id, position=position, target=each.id, **skipped))
    rows.commit()
    page = console.open(support, f"/bulk/{bulk.id}")
    line = page.get_by_role("region", name="Skipped").locator(".row-line").first
    assert line.get_by_role("link", name="hit@example.com").get_attribute("href") == f"/users/{customer.id}"
    assert line.get_by_role("link", name="Enable demo mode").get_attribute("href") == f"/jobs/{job.id}"
    page.get_by_text("no user", exact=True).wait_for()
    assert not page.wrong
