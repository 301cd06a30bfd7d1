"""The page of a bulk action that has stopped, was undone, or skipped some: what it says, and where that leads."""

from sqlmodel import Session, select

from core.models import BackgroundJob, BulkAction, BulkRow, BulkStatus, JobStatus, Role, RowOutcome, User
from tests.factories import make_user
from tests.ui.test_bulk_pages import _failed, _retried


def _stopped(rows: Session, by: User) -> BulkAction:
    """Return a retry of three failures whose first new job has failed."""
    old = _failed(rows, 3, "of three")
    new = BackgroundJob(kind="demo.enable", queue="demo", retry_of=old[0].id, status=JobStatus.FAILED)
    new.token, new.attempt, new.started_at, new.finished_at = 1, 3, new.run_at, new.run_at
    numbers = {"total": 3, "applied": 1, "canary": 1, "started_at": new.run_at, "finished_at": new.run_at}
    note = "The first job failed, so the other 2 were not tried."
    bulk = BulkAction(command="job.retry", args={}, actor=by.email, via="console", note=note, **numbers)
    bulk.status, bulk.reason = BulkStatus.STOPPED, "it is back"
    rows.add_all([new, bulk])
    rows.flush()
    for position, each in enumerate(old, 1):
        done = {"outcome": RowOutcome.APPLIED, "job_id": new.id} if position == 1 else {}
        rows.add(BulkRow(bulk_id=bulk.id, position=position, target=each.id, **done))
    rows.commit()
    return bulk


def test_what_was_not_tried_is_opened_and_gone_on_with(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    bulk = _stopped(rows, support)
    page = console.open(support, f"/bulk/{bulk.id}")
    page.get_by_role("heading", name="Retry: 1 of 3 jobs").wait_for()
    page.get_by_role("status").get_by_text(bulk.note).wait_for()
    page.get_by_role("link", name="not tried 2").first.click()
    page.get_by_role("region", name="Rows").get_by_role("heading", name="Not tried").wait_for()
    page.locator(".rows.left > .row-line").nth(1).wait_for()
    assert page.locator(".rows.left > .row-line").count() == 2
    page.get_by_role("button", name="Go on with the rest …").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("2 would be done").wait_for()
    assert dialog.get_by_label("First jobs").count() == 0
    dialog.get_by_role("button", name="Start", exact=True).click()
    page.get_by_text("Its job waits to be run.").wait_for()  # no worker is alive here
    assert not page.wrong


def test_the_dialog_says_the_plan_before_its_fields(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    _failed(rows, 3, "planned")
    page = console.open(support, "/failures/planned")
    page.get_by_role("button", name="Retry one, then the rest …").click()
    page.get_by_role("button", name="Start …").click()
    fields = page.get_by_role("dialog").locator(".fields")
    fields.get_by_text("Start acts on the first job. Once its job has succeeded, the other 2 jobs follow").wait_for()
    said = fields.inner_text()
    assert said.index("3 would be done") < said.index("Start acts on") < said.index("Jobs a second")
    fields.get_by_label("First jobs").fill("2")
    fields.get_by_text(
        "Start acts on the first 2 jobs. Once their jobs have succeeded, the other job follows"
    ).wait_for()
    fields.get_by_label("First jobs").fill("")
    fields.get_by_text("Start acts on").wait_for(state="hidden")


def test_what_was_undone_says_so_where_it_stands(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    bulk = _retried(rows, support)
    done = {"actor": "other@example.com", "via": "console", "status": BulkStatus.DONE, "args": {}, "undoes": bulk.id}
    undo = BulkAction(command="job.cancel", total=3, applied=3, started_at=bulk.created_at, **done)
    rows.add(undo)
    rows.commit()
    page = console.open(support, "/bulk")
    for address in ("/bulk", f"/bulk/{bulk.id}"):
        page.goto(address)
        way = page.get_by_role("link", name="Undone by other@example.com")
        way.wait_for()
        assert way.get_attribute("href") == f"/bulk/{undo.id}"
    assert page.get_by_text("can no longer be undone").count() == 0
    assert not page.wrong


def test_rows_stay_under_the_eyes_and_name_other_jobs_by_a_link(console, rows: Session) -> None:
    support = make_user(rows, role=Role.SUPPORT)
    bulk = _retried(rows, support)
    bulk.status, bulk.skipped, bulk.failed = BulkStatus.RUNNING, 0, 0
    [newer] = _failed(rows, 1, "newer")
    for row in rows.exec(select(BulkRow).where(BulkRow.bulk_id == bulk.id, BulkRow.outcome == RowOutcome.SKIPPED)):
        row.why = f"This user has a newer job (job {newer.id})."
    rows.commit()
    page = console.open(support, f"/bulk/{bulk.id}")
    of_rows = page.get_by_role("region", name="Rows")
    of_rows.get_by_role("heading", name="All").wait_for()
    assert of_rows.get_by_role("link", name=f"job {newer.id}").get_attribute("href") == f"/jobs/{newer.id}"
    bulk.status, bulk.skipped, bulk.failed = BulkStatus.DONE, 1, 1
    rows.commit()
    page.get_by_role("heading", name="Retry: 3 of 5 jobs").wait_for()
    assert of_rows.get_by_role("heading", name="All").count() == 1
    assert not page.wrong
